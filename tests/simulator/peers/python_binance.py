"""Calls the futures methods of python-binance, and follows its multiplex socket for both categories of streams."""

import asyncio
import json
import sys
from typing import Any
from urllib.request import Request, urlopen

from binance import AsyncClient, BinanceSocketManager
from binance.exceptions import BinanceAPIException

BTC, MINUTE_MS, FRAMES, PATIENCE_S = "BTCUSDT", 60_000, 60, 40
CUT = "btcusdt@aggTrade"
STREAMS = {
    "market": ["btcusdt@aggTrade", "ethusdt@aggTrade", "btcusdt@kline_1m", "btcusdt@markPrice@1s", "!miniTicker@arr"],
    "public": ["btcusdt@bookTicker", "btcusdt@depth@100ms", "btcusdt@depth5@100ms"],
}


class Client(AsyncClient):  # type: ignore[misc]
    """Its hosts are constants of the class; these two are all that is changed."""


class Sockets(BinanceSocketManager):  # type: ignore[misc]
    """As above."""


async def main(ws: str, rest: str, control: str) -> None:
    Client.FUTURES_URL, Sockets.FSTREAM_URL = f"{rest}/fapi", f"{ws}/"
    client = Client()
    try:
        sockets = Sockets(client, max_queue_size=10_000)
        told = {"rest": await answers(client), "errors": await errors(client), "streams": await streams(sockets)}
        print(json.dumps(told | {"cut": await cut(sockets, control)}))
    finally:
        await client.close_connection()


async def answers(client: Any) -> dict[str, Any]:
    now = (await client.futures_time())["serverTime"]
    generated = [row async for row in await client.futures_historical_klines_generator(BTC, "1m", now - 700 * MINUTE_MS, now)]
    return {
        "ping": await client.futures_ping(),
        "info": [row["symbol"] for row in (await client.futures_exchange_info())["symbols"]],
        "depth": await client.futures_order_book(symbol=BTC, limit=5),
        "aggregates": await client.futures_aggregate_trades(symbol=BTC, limit=3),
        "klines": await client.futures_klines(symbol=BTC, interval="1m", limit=3),
        "continuous": await client.futures_continuous_klines(pair=BTC, contractType="PERPETUAL", interval="1m", limit=3),
        "trades": await client.futures_recent_trades(symbol=BTC, limit=3),
        "funding": await client.futures_funding_rate(symbol=BTC, limit=3),
        "price": await client.futures_symbol_ticker(symbol=BTC),
        "mark": await client.futures_mark_price(symbol=BTC),
        "day": await client.futures_ticker(symbol=BTC),
        "quote": await client.futures_orderbook_ticker(symbol=BTC),
        "generated": [row[0] for row in generated],
        "now": now,
    }


async def errors(client: Any) -> list[int]:
    codes = []
    for query in ({"symbol": "NOPE"}, {"symbol": BTC, "limit": "many"}, {}):
        try:
            await client.futures_aggregate_trades(**query)
        except BinanceAPIException as error:
            codes.append(error.code)
    return codes


async def streams(sockets: Any) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for category, names in STREAMS.items():
        async with sockets.futures_multiplex_socket(names, category=category) as socket, asyncio.timeout(PATIENCE_S):
            count = 0
            while count < FRAMES or not set(names) <= seen.keys():
                frame = await socket.recv()
                count += 1
                seen.setdefault(frame["stream"], []).append(frame["data"])
    return seen


async def cut(sockets: Any, control: str) -> dict[str, Any]:
    """Errors and ids of a stream whose connection is reset after a while."""
    errors, ids = list[str](), list[int]()
    order = json.dumps({"kind": "disconnect", "match": {"stream": CUT}, "params": {"mode": "rst"}}).encode()
    async with sockets.futures_multiplex_socket([CUT]) as socket, asyncio.timeout(PATIENCE_S):
        ids.append((await socket.recv())["data"]["a"])
        await asyncio.to_thread(urlopen, Request(f"{control}/fault", order, {"Content-Type": "application/json"}))
        after = 0
        while after < FRAMES:
            frame = await socket.recv()
            if frame.get("e") == "error":
                errors.append(frame["type"])
            else:
                ids.append(frame["data"]["a"])
                after += bool(errors)
    return {"errors": errors, "ids": ids}


asyncio.run(main(*sys.argv[1:]))
