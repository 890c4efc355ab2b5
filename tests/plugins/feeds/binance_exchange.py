"""A local stand-in for the exchange that does what a test tells it, step by step."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

import quantd
from quantd_plugins.feeds.binance_futures import BinanceFutures
from tests.waiting import PATIENCE_S

NOW = 1_795_489_443_996
MOST_TOGETHER = 2000 + (256 << 10) // 150
"""Events that a feed brings together at most: what one read of a socket may bring comes on top of the queue's limit."""

Answer = Callable[[web.Request], web.StreamResponse | Awaitable[web.StreamResponse]]


def trade(number: int, symbol: str = "BTCUSDT", **changes: Any) -> dict[str, Any]:
    """An aggTrade as the exchange sends it."""
    payload = {"e": "aggTrade", "E": NOW + number, "s": symbol, "a": number, "p": "85599.80", "q": "0.012", "nq": "0.012"}
    return payload | {"f": 2 * number, "l": 2 * number + 1, "T": NOW + number - 5, "m": True, "st": 1} | changes


class Peer:
    """The exchange's end of one WebSocket connection."""

    def __init__(self, ws: web.WebSocketResponse, path: str) -> None:
        self.path = path
        self.ws = ws
        self.requests: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.pongs: asyncio.Queue[bytes] = asyncio.Queue()
        """Answers to our pings, while deaf."""
        self.gone = asyncio.Event()

    async def request(self) -> dict[str, Any]:
        """The next message of the client."""
        return await asyncio.wait_for(self.requests.get(), PATIENCE_S)

    async def confirm(self) -> list[str]:
        """Answer the next message as done; its streams."""
        request = await self.request()
        await self.say({"result": None, "id": request["id"]})
        return request["params"]

    async def say(self, *messages: dict[str, Any]) -> None:
        for message in messages:
            await self.ws.send_str(json.dumps(message))

    async def send(self, *payloads: dict[str, Any]) -> None:
        """Data in combined frames."""
        await self.say(*({"stream": f"{payload['s'].lower()}@aggTrade", "data": payload} for payload in payloads))

    async def serve(self) -> None:
        async for message in self.ws:
            if message.type is WSMsgType.TEXT:
                self.requests.put_nowait(json.loads(message.data))
            elif message.type is WSMsgType.PONG:
                self.pongs.put_nowait(bytes(message.data))
        self.gone.set()


async def talk(peer: Peer) -> None:
    """BTCUSDT trades on, until it is cancelled."""
    loop = asyncio.get_running_loop()
    began, number = loop.time(), 0
    while True:
        number += 1
        await peer.send(trade(number, E=NOW + round((loop.time() - began) * 1000)))
        await asyncio.sleep(0.01)


class Exchange:
    """WebSocket connections arrive in `peers`; `upgrades` holds the answers to the next upgrades, `replies` those to REST, which otherwise
    tells the time, that the newest trade of each symbol is `newest`, that each book is `book`, and of other paths what is in `told`.

    Pings are answered unless `deaf`.
    """

    deaf = False

    def __init__(self, port: int | None = None) -> None:
        self.peers: asyncio.Queue[Peer] = asyncio.Queue()
        self.upgrades: list[int | web.Response] = []
        self.replies: list[Answer] = []
        self.asked: list[str] = []
        self.dialled = 0
        self.newest = 0
        self.book: dict[str, Any] = {}
        self.told: dict[str, Any] = {}
        app = web.Application()
        app.router.add_get("/fapi/{path:.*}", self._rest)
        app.router.add_get("/{path:.*}", self._upgrade)
        self.server = TestServer(app, port=port)

    @property
    def url(self) -> str:
        return str(self.server.make_url("")).rstrip("/")

    def feed(self, **settings: Any) -> BinanceFutures:
        """A feed of this exchange."""
        ws = self.url.replace("http", "ws", 1)
        only_trades: dict[str, Any] = {"tickers": False, "listings": False}
        mine: dict[str, Any] = {"ws": ws, "rest": self.url, "files": self.url, "reconnect_min": "1ms", "seed": 1}
        return BinanceFutures(**(mine | only_trades | settings))

    async def peer(self) -> Peer:
        """The next connection."""
        return await asyncio.wait_for(self.peers.get(), PATIENCE_S)

    async def _upgrade(self, request: web.Request) -> web.StreamResponse:
        self.dialled += 1
        if self.upgrades:
            answer = self.upgrades.pop(0)
            return web.Response(status=answer) if isinstance(answer, int) else answer
        ws = web.WebSocketResponse(timeout=1, autoping=not self.deaf)
        await ws.prepare(request)
        peer = Peer(ws, request.path)
        self.peers.put_nowait(peer)
        await peer.serve()
        return ws

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        if self.replies:
            answer = self.replies.pop(0)(request)
            return await answer if isinstance(answer, Awaitable) else answer
        if request.path == "/fapi/v1/aggTrades":
            return web.json_response([trade(self.newest)] if self.newest else [])
        if request.path == "/fapi/v1/depth":
            return web.json_response(self.book)
        return web.json_response(self.told.get(request.path, {"serverTime": NOW}))


@asynccontextmanager
async def running() -> AsyncIterator[Exchange]:
    """An exchange that stops with the test."""
    exchange = Exchange()
    await exchange.server.start_server()
    try:
        yield exchange
    finally:
        await exchange.server.close()


class Events:
    """What a feed brings, one by one."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.healthy: list[bool] = []
        """What each status told."""
        self._queue: asyncio.Queue[quantd.Event] = asyncio.Queue()

    async def next(self, kind: type[Any]) -> Any:
        """The next event of a kind; others are passed over."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                event = await self._queue.get()
                if isinstance(event, kind):
                    return event

    async def ids(self, count: int) -> list[int]:
        """The ids of the next trades."""
        return [(await self.next(quantd.Tick)).id for _ in range(count)]

    async def drink(self, feed: BinanceFutures, subscription: quantd.Subscription) -> None:
        async with aclosing(feed.stream(subscription)) as stream:
            async for batch in stream:
                self.batches.append(len(batch))
                for event in batch:
                    if isinstance(event, quantd.Status):
                        self.healthy.append(event.healthy)
                    self._queue.put_nowait(event)


@asynccontextmanager
async def streaming(feed: BinanceFutures, *symbols: str, **wanted: Any) -> AsyncIterator[Events]:
    """The events of a running feed, which is cancelled at the end."""
    events = Events()
    task = asyncio.create_task(events.drink(feed, quantd.Subscription(symbols, **wanted)))
    try:
        yield events
    finally:
        task.cancel()
        [ended] = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError), repr(ended)


class Watch(logging.Handler):
    """Waits for the first record of the feed's log that holds a text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text
        self._seen = asyncio.Event()
        self._logger = logging.getLogger("quantd_plugins.feeds.binance")
        self._logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if self._text in record.getMessage():
            self._seen.set()

    async def wait(self) -> None:
        """Then it watches no more."""
        try:
            await asyncio.wait_for(self._seen.wait(), PATIENCE_S)
        finally:
            self._logger.removeHandler(self)
