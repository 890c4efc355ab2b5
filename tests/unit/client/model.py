"""A daemon that does what a test says: the protocol of `/api/v1/ws` and pages of a record, over rows that the test publishes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from quantd.api.schema.rows import BarRow, TradeRow
from quantd.client.client import Client
from quantd.client.connection import Address
from quantd.client.stamps import later
from quantd.times import iso

SYMBOL, EVERY = "BTCUSDT", "1s"
TOPIC = f"bar:{SYMBOL}:{EVERY}"
START = 1_767_225_600_000


def ts(second: int) -> str:
    return iso(START + 1_000 * second)


def bar(second: int, revision: int = 0) -> BarRow:
    return BarRow(SYMBOL, EVERY, ts(second), 1.0, 1.0, 1.0, 1.0, 1.0, 1, 1.0, 1.0, "complete", revision, None, None)


def trade(number: int) -> TradeRow:
    return TradeRow(SYMBOL, number, ts(number), 1.0, 1.0, False)


class Model:
    """One topic of bars, its history of frames, and its record."""

    def __init__(self, topic: str = TOPIC, page: int = 3) -> None:
        self.topic = topic
        self.record: dict[Any, Any] = {}
        self.refusal: int | None = None
        """The status of every request, if they are refused."""
        self.record_refusal: int | None = None
        """The status of every request for the record."""
        self.close_code: int | None = None
        """The code with which every socket is closed at once."""
        self.frames: list[tuple[int, list[Any]]] = []
        self.asked: list[dict[str, Any]] = []
        """The commands."""
        self.code = "unknown_topic"
        """Of the error about another topic."""
        self.pages = 0
        self.connects = 0
        self.greeting: dict[str, Any] | None = None
        """What is said first, instead of `hello`."""
        self._page = page
        self.seq = 0
        """The number of the newest frame."""
        self._runs = 1
        self._sockets: set[web.WebSocketResponse] = set()
        self._followers: set[web.WebSocketResponse] = set()

    @property
    def epoch(self) -> str:
        return f"run {self._runs}"

    async def publish(self, *rows: Any) -> None:
        """Put the rows into the record, and into a frame."""
        for row in rows:
            self.put(row)
        self.seq += 1
        self.frames.append((self.seq, list(rows)))
        for socket in list(self._followers):
            await self._send(socket, self._data(self.seq, rows))

    def put(self, row: Any) -> None:
        """Put a row into the record, if that has no later revision."""
        key = row.id if isinstance(row, TradeRow) else getattr(row, "ts", None)
        if getattr(self.record.get(key), "revision", -1) < getattr(row, "revision", 0):
            self.record[key] = row

    def forget(self, frames: int) -> None:
        """Drop the oldest frames of the history."""
        del self.frames[:frames]

    def prune(self, before: str) -> None:
        """Drop the rows of the record that are older."""
        self.record = {key: row for key, row in self.record.items() if row.ts >= before}

    async def cut(self) -> None:
        """Cut every connection."""
        sockets, self._sockets, self._followers = self._sockets, set(), set()
        for socket in sockets:
            if socket._req and socket._req.transport:
                socket._req.transport.abort()
        await asyncio.sleep(0)

    async def end(self, code: int) -> None:
        """Close every socket with this code, now and later."""
        self.close_code = code
        for socket in list(self._sockets):
            await socket.close(code=code, message=b"as told")

    async def restart(self) -> None:
        """Begin a new epoch."""
        self._runs += 1
        self.seq, self.frames = 0, []
        await self.cut()

    async def lag(self, *rows: Any) -> None:
        """Publish rows that no follower gets; tell them so."""
        self.seq += 1
        self.frames.append((self.seq, list(rows)))
        for socket in list(self._followers):
            await self._send(socket, {"type": "lagged", "topic": self.topic, "count": 1, "missed": [self.seq, self.seq]})

    @property
    def now(self) -> str:
        """The end of the newest bar."""
        return max((later(row.ts, 1_000) for row in self.record.values() if hasattr(row, "ts")), default=ts(0))

    @property
    def followers(self) -> int:
        return len(self._followers)

    # --- the server ---

    @asynccontextmanager
    async def serving(self, under: str = "", **address: Any) -> AsyncIterator[Client]:
        """A client of this daemon, which a proxy may serve under a path."""
        app = web.Application()
        app.add_routes([web.get(f"{under}/api/v1/ws", self._socket), web.get(f"{under}/api/v1/{{kind}}/{{name}}", self._rows)])
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        most = address.pop("most_rows", 10_000)
        try:
            where = Address(f"http://127.0.0.1:{port}{under}", shortest_wait_s=0.001, longest_wait_s=0.01, **address)
            async with Client(where, most) as client:
                yield client
        finally:
            await self.cut()
            await runner.cleanup()

    async def _rows(self, request: web.Request) -> web.Response:
        self.pages += 1
        if status := self.record_refusal or self.refusal:
            return web.json_response({"detail": "not today"}, status=status)
        since = request.query["since"]
        found = sorted((row for row in self.record.values() if row.ts >= since), key=lambda row: row.ts)
        shown, more = found[: self._page], found[self._page :]
        headers = {"Link": f'<?since={more[0].ts}&every={EVERY}>; rel="next"', "X-Truncated": "true"} if more else {}
        return web.Response(body=msgspec.json.encode(shown), headers=headers, content_type="application/json")

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if self.refusal:
            return web.json_response({"detail": "not today"}, status=self.refusal)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.add(socket)
        self.connects += 1
        if self.close_code:
            await socket.close(code=self.close_code, message=b"as told")
            return socket
        await self._send(socket, self.greeting or {"type": "hello", "version": 1, "epoch": self.epoch, "ts": self.now})
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._obey(socket, json.loads(message.data))
        self._followers.discard(socket)
        return socket

    async def _obey(self, socket: web.WebSocketResponse, command: dict[str, Any]) -> None:
        self.asked.append(command)
        if command["action"] == "unsubscribe":
            self._followers.discard(socket)
            return
        if command["topic"] != self.topic:
            await self._send(socket, {"type": "error", "code": self.code, "text": "no such topic", "id": command["id"]})
            return
        since = command.get("since")
        answer = {"type": "subscribed", "topic": self.topic, "id": command["id"], "epoch": self.epoch, "seq": self.seq}
        oldest = self.frames[0][0] if self.frames else self.seq + 1
        frames: list[tuple[int, list[Any]]] = []
        if since and since["epoch"] == self.epoch:
            is_whole = oldest <= since["seq"] + 1
            frames = [frame for frame in self.frames if frame[0] > since["seq"]]
            answer |= {"recovered": is_whole, "missed": None if is_whole else [since["seq"] + 1, oldest - 1]}
        else:
            answer |= {"recovered": False, "missed": [since["seq"] + 1, None] if since else None}
        await self._send(socket, answer)
        if not answer["recovered"] and self.frames and not frames:
            await self._send(socket, self._data(self.seq, self.frames[-1][1]) | {"snapshot": True})
        for seq, rows in frames:
            await self._send(socket, self._data(seq, rows))
        self._followers.add(socket)

    def _data(self, seq: int, rows: Any) -> dict[str, Any]:
        return {"type": "bars", "topic": self.topic, "seq": seq, "rows": msgspec.to_builtins(rows)}

    async def _send(self, socket: web.WebSocketResponse, frame: dict[str, Any]) -> None:
        with suppress(ConnectionError):
            await socket.send_json(frame)
