"""WebSocket clients of the exchange of fast_exchange.py, each with the same processing: frames that arrive together are decoded and made
into ticks, as in the feed binance-futures. The differences show the cost of the clients themselves. consumers.py starts them.

`net` is `quantd.net`. `aiohttp` is its client with `decode_text=False`, which spares it a copy of each text. `picows` is that package's
core API. All process at once what the socket gives: aiohttp's messages are collected until its reader waits.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from sys import intern

from fast_exchange import SYMBOLS
from peers import Figures, counted, run

SUBSCRIBE = json.dumps({"method": "SUBSCRIBE", "params": [f"{name.lower()}@aggTrade" for name in SYMBOLS], "id": 1})
Take = Callable[[Sequence[bytes]], None]


def measured(client: Callable[[str, Take], Awaitable[object]], port: int, warm_s: float, seconds: float) -> Figures:
    """Measure how many trades a client delivers. The client passes texts to the function that it is given."""
    import quantd
    from quantd_plugins.feeds.binance.frames import AggTrade, decode

    count, tick, trade = 0, quantd.Tick, AggTrade

    def take(texts: Sequence[bytes]) -> None:
        nonlocal count
        frames = [frame.data for frame in map(decode, texts)]
        ticks = [
            tick(intern(data.symbol), data.id, data.ts, 0, data.price, data.qty, data.buyer_maker) for data in frames if type(data) is trade
        ]
        count += len(ticks)

    async def main() -> Figures:
        reading = await client(f"ws://127.0.0.1:{port}/market/stream", take)
        figures = await counted(lambda: count, warm_s, seconds)
        if isinstance(reading, asyncio.Task):
            reading.cancel()
        return figures

    return run(main())


def net(port: int, warm_s: float, seconds: float) -> Figures:
    async def client(url: str, take: Take) -> object:
        from quantd.net import Message, Texts, dial

        def hear(message: Message) -> None:
            if isinstance(message, Texts):
                take(message)

        websocket = await dial(url)
        websocket.send_text(SUBSCRIBE.encode())
        return asyncio.create_task(websocket.run(hear))

    return measured(client, port, warm_s, seconds)


def aiohttp(port: int, warm_s: float, seconds: float) -> Figures:
    async def client(url: str, take: Take) -> object:
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

    return measured(client, port, warm_s, seconds)


def picows(port: int, warm_s: float, seconds: float) -> Figures:
    async def client(url: str, take: Take) -> object:
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

    return measured(client, port, warm_s, seconds)


CLIENTS = (net, aiohttp, picows)
