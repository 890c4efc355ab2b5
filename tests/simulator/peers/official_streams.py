"""Follows the market streams through the official SDK: as its models, and as raw payloads held against the same models."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.request import Request, urlopen

from binance_common.configuration import ConfigurationWebSocketStreams
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import DerivativesTradingUsdsFutures
from official_models import Complaints, findings

FRAMES, PATIENCE_S = 2, 45
BTC, SPEED = "btcusdt", "100ms"
HALT = {"kind": "halt", "match": {"symbol": "ETHUSDT"}, "for_ms": 500}


def calls(api: Any) -> dict[str, Callable[[], Awaitable[Any]]]:
    """How each stream is asked for."""
    return {
        f"{BTC}@aggTrade": lambda: api.aggregate_trade_streams(BTC),
        f"{BTC}@kline_1m": lambda: api.kline_candlestick_streams(BTC, "1m"),
        f"{BTC}_perpetual@continuousKline_1s": lambda: api.continuous_contract_kline_candlestick_streams(BTC, "perpetual", "1s"),
        f"{BTC}@markPrice": lambda: api.mark_price_stream(BTC),
        f"{BTC}@markPrice@1s": lambda: api.mark_price_stream(BTC, update_speed="1s"),
        "!markPrice@arr@1s": lambda: api.mark_price_stream_for_all_market(update_speed="1s"),
        f"{BTC}@miniTicker": lambda: api.individual_symbol_mini_ticker_stream(BTC),
        "!miniTicker@arr": api.all_market_mini_tickers_stream,
        f"{BTC}@ticker": lambda: api.individual_symbol_ticker_streams(BTC),
        "!ticker@arr": api.all_market_tickers_streams,
        "!contractInfo": api.contract_info_stream,
        f"{BTC}@bookTicker": lambda: api.individual_symbol_book_ticker_streams(BTC),
        "!bookTicker": api.all_book_tickers_stream,
        f"{BTC}@depth@100ms": lambda: api.diff_book_depth_streams(BTC, update_speed=SPEED),
        f"{BTC}@depth": lambda: api.diff_book_depth_streams(BTC),
        f"{BTC}@depth5@100ms": lambda: api.partial_book_depth_streams(BTC, 5, update_speed=SPEED),
        f"{BTC}@depth20": lambda: api.partial_book_depth_streams(BTC, 20),
    }


class Inbox:
    """What came on each stream, and when each has had enough."""

    def __init__(self, names: list[str]) -> None:
        self.frames: dict[str, list[Any]] = {name: [] for name in names}
        self.full = {name: asyncio.Event() for name in names}

    def put(self, name: str, frame: Any) -> None:
        self.frames[name].append(frame)
        if len(self.frames[name]) >= FRAMES:
            self.full[name].set()

    async def wait(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*(event.wait() for event in self.full.values()))


async def main(ws: str, control: str) -> None:
    complaints = Complaints()
    errors: list[str] = []
    typed, raw = client(ws), client(ws)
    for each in (typed, raw):
        await each.create_connection()
        each.on_connection("error", lambda error: errors.append(repr(error)))
    asked = calls(typed)
    models_in, payloads_in = Inbox(list(asked)), Inbox(list(asked))
    categories = {}
    for name, call in asked.items():
        handle = await call()
        handle.on("message", lambda frame, name=name: models_in.put(name, frame))
        categories[name] = typed.stream_connections.stream_connections_map[name].url_path
    for category in set(categories.values()):
        names = [name for name in asked if categories[name] == category]
        await raw.subscribe(names, stream_url=category)
        for name in names:
            raw.on("message", lambda frame, name=name: payloads_in.put(name, frame["data"]), name)
    await asyncio.to_thread(urlopen, Request(f"{control}/fault", json.dumps(HALT).encode(), {"Content-Type": "application/json"}))
    waiting = [inbox.wait() for inbox in (models_in, payloads_in)]
    outcome = await asyncio.gather(*waiting, return_exceptions=True)
    listed = (await typed.list_subscribe())["result"]
    told = {name: told_of(models_in.frames[name], payloads_in.frames[name]) for name in asked}
    for each in (typed, raw):
        await each.close_connection()
    print(
        json.dumps(
            {
                "streams": told,
                "errors": errors,
                "complaints": complaints.texts,
                "listed": listed,
                "timeouts": list(map(repr, filter(None, outcome))),
            }
        )
    )


def client(ws: str) -> Any:
    return DerivativesTradingUsdsFutures(config_ws_streams=ConfigurationWebSocketStreams(stream_url=ws)).websocket_streams


def told_of(models_seen: list[Any], payloads: list[Any]) -> dict[str, Any]:
    """The SDK drops from its models what they do not know, so the raw payloads are read by the models' own `from_dict`."""
    rows = [row for payload in payloads for row in (payload if isinstance(payload, list) else [payload])]
    kinds = [row for frame in models_seen for row in (frame if isinstance(frame, list) else [frame])]
    return findings([type(kinds[0]).from_dict(row) for row in rows]) | {"frames": len(models_seen), "unset": findings(kinds)["unset"]}


asyncio.run(main(*sys.argv[1:]))
