"""Follows one stream through the ends of connections with the official SDK; tells its events, and the ids before and after each."""

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any
from urllib.request import Request, urlopen

from binance_common.configuration import ConfigurationWebSocketStreams
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import DerivativesTradingUsdsFutures

BTC, TAIL, PATIENCE_S = "btcusdt", 20, 20
STREAM = f"{BTC}@aggTrade"


class Follower:
    """The stream as the SDK hands it on, and what the SDK tells of its connections."""

    def __init__(self, ws: str, control: str) -> None:
        configuration = ConfigurationWebSocketStreams(stream_url=ws, reconnect_delay=100)
        self.api = DerivativesTradingUsdsFutures(config_ws_streams=configuration).websocket_streams
        self.ids: list[int] = []
        self.events: list[str] = []
        self._control = control
        self._news = asyncio.Event()

    @property
    def line(self) -> Any:
        return self.api.stream_connections.stream_connections_map.get(STREAM)

    async def open(self) -> None:
        await self.api.create_connection()
        handle = await self.api.aggregate_trade_streams(BTC)
        handle.on("message", lambda trade: self._note(self.ids, trade.a))
        for event in ("reconnect", "close", "error"):
            self.api.on_connection(event, lambda event=event: self._note(self.events, event), self.line)

    async def more(self) -> None:
        """Waits for further trades."""
        target = len(self.ids) + TAIL
        await self.until(lambda: len(self.ids) >= target)

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not done():
                self._news.clear()
                await self._news.wait()

    def _note(self, log: list[Any], what: Any) -> None:
        log.append(what)
        self._news.set()

    async def order(self, kind: str, params: dict[str, Any]) -> None:
        body = json.dumps({"kind": kind, "match": {"stream": STREAM}, "params": params}).encode()
        await asyncio.to_thread(urlopen, Request(f"{self._control}/fault", body, {"Content-Type": "application/json"}))

    async def told(self) -> dict[str, Any]:
        await self.more()
        events, self.events = self.events, []
        ids, self.ids = self.ids, []
        return {"events": events, "ids": ids}


async def main(ws: str, control: str) -> None:
    follower = Follower(ws, control)
    await follower.open()
    told = {"first": await follower.told()}

    old = follower.line  # what the timer of 23 hours calls, only sooner
    await follower.api.schedule_reconnect(old, follower.api.configuration, 1)
    told["planned"] = await follower.told() | {"replaced": follower.line is not old}

    old = follower.line
    await follower.order("cut24h", {"shutdown": True, "warning_ms": 8_000, "mode": "close:1001"})
    await follower.until(lambda: "reconnect" in follower.events and follower.line is not old)
    told["shutdown"] = await follower.told() | {"replaced": follower.line is not old}

    await follower.order("disconnect", {"mode": "rst"})
    await follower.until(lambda: "close" in follower.events)
    forgotten = follower.line is None
    await follower.open()
    told["reset"] = await follower.told() | {"forgotten": forgotten}
    await follower.api.close_connection()
    print(json.dumps(told))


asyncio.run(main(*sys.argv[1:]))
