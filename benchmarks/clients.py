"""WebSocket clients of the exchange of fast_exchange.py; consumers.py starts them.

`net`, `aiohttp` and `picows` are the clients alone, each with the same processing: messages that arrive together are decoded and made into
ticks, so that the differences show the cost of the clients. `net` is `quantd.net`. `aiohttp` is its client with `decode_text=False`, which
spares it a copy of each text. `picows` is that package's core API. All process at once what the socket gives: aiohttp's messages are
collected until its reader waits.

`picows_msgspec`, `picows_json`, `aiohttp_msgspec` and `aiohttp_json` are what a program of one's own could be: the client with a taker of
peers.py, which checks the id of each trade and keeps a 1-s bar, as `plain` does. They have no pairs, no history and no store.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from sys import intern

from fast_exchange import SYMBOLS
from peers import Figures, Taker, counted, json_taker, msgspec_taker, run

SUBSCRIBE = json.dumps({"method": "SUBSCRIBE", "params": [f"{name.lower()}@aggTrade" for name in SYMBOLS], "id": 1})
Take = Callable[[Sequence[bytes]], None]


Client = Callable[[str, Take], Awaitable[object]]


def measured(client: Client, port: int, warm_s: float, seconds: float) -> Figures:
    """Measure how many trades a client delivers, if they are only decoded and made into ticks."""
    import quantd
    from quantd.net import Texts
    from quantd_plugins.feeds.binance.frames import AggTrade, decode_all

    count, tick, trade = 0, quantd.Tick, AggTrade

    def take(texts: Sequence[bytes]) -> None:
        nonlocal count
        frames = [frame.data for frame in decode_all(texts if isinstance(texts, Texts) else Texts.of(texts), print)]
        ticks = [
            tick(intern(data.symbol), data.id, data.ts, 0, data.price, data.qty, data.buyer_maker) for data in frames if type(data) is trade
        ]
        count += len(ticks)

    return run(counting(client, take, lambda: count, port, warm_s, seconds))


def taken(client: Client, taker: Callable[[], Taker], port: int, warm_s: float, seconds: float) -> Figures:
    """Measure how many trades a client and a taker process."""
    take, counts = taker()

    def take_all(texts: Sequence[bytes]) -> None:
        for text in texts:
            take(text)

    return run(counting(client, take_all, lambda: counts["ticks"], port, warm_s, seconds)) | {"missing": counts["missing"]}


async def counting(client: Client, take: Take, count: Callable[[], int], port: int, warm_s: float, seconds: float) -> Figures:
    """Measure by how much a count grows while a client reads."""
    reading = await client(f"ws://127.0.0.1:{port}/market/stream", take)
    figures = await counted(count, warm_s, seconds)
    if isinstance(reading, asyncio.Task):
        reading.cancel()
    return figures


async def net(url: str, take: Take) -> object:
    from quantd.net import Message, Texts, dial

    def hear(message: Message) -> None:
        if isinstance(message, Texts):
            take(message)

    websocket = await dial(url)
    websocket.send_text(SUBSCRIBE.encode())
    return asyncio.create_task(websocket.run(hear))


async def aiohttp(url: str, take: Take) -> object:
    from aiohttp import ClientSession

    texts: list[bytes] = []
    call_soon = asyncio.get_running_loop().call_soon

    def flush() -> None:
        took = texts.copy()
        texts.clear()
        take(took)

    async def read() -> None:
        async with ClientSession() as session, session.ws_connect(url, compress=0, decode_text=False) as ws:
            await ws.send_str(SUBSCRIBE)
            async for message in ws:
                if not texts:
                    call_soon(flush)
                texts.append(message.data)

    return asyncio.create_task(read())


async def picows(url: str, take: Take) -> object:
    from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

    text = WSMsgType.TEXT

    class Listener(WSListener):  # type: ignore[misc]
        def __init__(self) -> None:
            self.texts: list[bytes] = []

        def on_ws_frame(self, _: WSTransport, frame: WSFrame) -> None:
            if frame.msg_type is text and frame.fin:
                self.texts.append(frame.get_payload_as_bytes())
            if frame.last_in_buffer:
                texts, self.texts = self.texts, []
                take(texts)

    transport, _ = await ws_connect(Listener, url)
    transport.send(text, SUBSCRIBE.encode())
    return transport


CLIENTS: dict[str, Callable[[int, float, float], Figures]] = {
    "net": partial(measured, net),
    "aiohttp": partial(measured, aiohttp),
    "picows": partial(measured, picows),
    "picows_msgspec": partial(taken, picows, msgspec_taker),
    "picows_json": partial(taken, picows, json_taker),
    "aiohttp_msgspec": partial(taken, aiohttp, msgspec_taker),
    "aiohttp_json": partial(taken, aiohttp, json_taker),
}
