"""Quotes, books and mark prices over sockets and HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
import websockets

from quantd.simulator.exchange import Exchange
from quantd.simulator.scenario import load

from .support import ManualClock, Simulator

QUOTE_KEYS = ["e", "u", "s", "ps", "b", "B", "a", "A", "T", "E", "st"]
DEPTH_KEYS = ["e", "E", "T", "s", "ps", "U", "u", "pu", "b", "a", "st"]
MARK_KEYS = ["e", "E", "s", "p", "ap", "P", "i", "r", "T", "st"]


@pytest.fixture
async def rest(demo: Simulator) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(demo.rest) as session:
        yield session


async def get(session: aiohttp.ClientSession, path: str, **query: object) -> Any:
    async with session.get(f"/fapi/v1/{path}", params={key: str(value) for key, value in query.items()}) as response:
        return await response.json()


async def frames(ws: websockets.ClientConnection, n: int) -> list[dict[str, Any]]:
    return [json.loads(await ws.recv()) for _ in range(n)]


async def test_the_local_book_of_a_client_is_the_truth(demo: Simulator, rest: aiohttp.ClientSession) -> None:
    async with demo.connect("/public/ws/btcusdt@depth@100ms") as ws:
        diffs = await frames(ws, 6)  # from so long ago that no snapshot can be older
        snapshot = await get(rest, "depth", symbol="BTCUSDT", limit=1000)
        while diffs[-1]["u"] <= snapshot["lastUpdateId"]:
            diffs += await frames(ws, 1)
        diffs += await frames(ws, 4)
    assert all(list(diff) == DEPTH_KEYS for diff in diffs)
    assert all(before["u"] == after["pu"] for before, after in pairwise(diffs))
    assert any(diff["U"] <= snapshot["lastUpdateId"] <= diff["u"] or diff["pu"] == snapshot["lastUpdateId"] for diff in diffs)
    book = {side: dict(snapshot[long]) for side, long in (("b", "bids"), ("a", "asks"))}
    for diff in diffs:
        if diff["u"] >= snapshot["lastUpdateId"]:
            for side, levels in book.items():
                levels |= dict(diff[side])
    assert {side: without_empty(levels) for side, levels in book.items()} == await truth(demo, "BTCUSDT", diffs[-1]["u"])


def without_empty(levels: dict[str, str]) -> dict[str, str]:
    return {price: quantity for price, quantity in levels.items() if float(quantity)}


async def truth(simulator: Simulator, symbol: str, update_id: int) -> dict[str, dict[str, str]]:
    """The book at an update, drawn in this process from the seed alone."""
    async with aiohttp.ClientSession(simulator.ctl) as session, session.get("/truth") as response:
        told = await response.json()
    listing = Exchange(load("demo"), told["seed"], ManualClock(told["epoch"])).listings[symbol]
    price, quantity = listing.wire.price.text, listing.wire.quantity.text
    sides = listing.book.at(listing.book.time_of(update_id))
    return {key: {price(p): quantity(q) for p, q in side.tolist()} for key, side in zip("ba", sides, strict=True)}


async def test_quotes_are_the_top_of_the_book(demo: Simulator) -> None:
    async with demo.connect("/public/stream?streams=btcusdt@bookTicker/btcusdt@depth5@100ms") as ws:
        told = await frames(ws, 30)
    quotes = [frame["data"] for frame in told if frame["stream"] == "btcusdt@bookTicker"]
    assert all(list(quote) == QUOTE_KEYS for quote in quotes)
    assert all(float(quote["b"]) < float(quote["a"]) for quote in quotes)
    depths = [frame["data"] for frame in told if frame["stream"] == "btcusdt@depth5@100ms"]
    assert all(list(depth) == DEPTH_KEYS and len(depth["b"]) == len(depth["a"]) == 5 for depth in depths)
    true = await truth(demo, "BTCUSDT", quotes[-1]["u"])
    assert [quotes[-1]["b"], quotes[-1]["B"]] == list(next(iter(true["b"].items())))
    assert [quotes[-1]["a"], quotes[-1]["A"]] == list(next(iter(true["a"].items())))


async def test_mark_prices(demo: Simulator) -> None:
    async with demo.connect("/market/stream?streams=ethusdt@markPrice@1s/!markPrice@arr@1s") as ws:
        told = await frames(ws, 3)
    [one] = [frame["data"] for frame in told if frame["stream"] == "ethusdt@markPrice@1s"]
    first, second = [frame["data"] for frame in told if frame["stream"] == "!markPrice@arr@1s"]
    assert list(one) == MARK_KEYS
    assert one in first, "the other half comes in a message of its own"
    assert {mark["s"] for mark in first + second if mark["st"] == 1} == set(load("demo").symbols)
    assert {mark["s"] for mark in first + second if mark["st"] == 2} == {"BTCUSD_PERP", "ETHUSD_PERP"}
    assert abs(float(one["p"]) / float(one["i"]) - 1) < 0.001
    assert one["E"] < one["T"] <= one["E"] + 28_800_000


SILENT = ("/public/ws/btcusdt@depth50@100ms", "/market/ws/btcusdt@bookTicker", "/public/ws/btcusdt@markPrice@1s")


async def test_silent_streams(demo: Simulator) -> None:
    async with AsyncExitStack() as stack, demo.connect("/public/ws/btcusdt@depth5@100ms") as live:
        silent = [await stack.enter_async_context(demo.connect(path)) for path in SILENT]
        await frames(live, 6)
        for ws, path in zip(silent, SILENT, strict=True):
            await ws.send('{"method":"LIST_SUBSCRIPTIONS","id":7}')
            assert json.loads(await ws.recv()) == {"result": [path.rpartition("/")[2]], "id": 7}  # the first thing that comes


async def test_what_rest_tells(rest: aiohttp.ClientSession) -> None:
    depth, quote, mark, quotes, marks = await asyncio.gather(
        get(rest, "depth", symbol="ADAUSDT"),
        get(rest, "ticker/bookTicker", symbol="ADAUSDT"),
        get(rest, "premiumIndex", symbol="ADAUSDT"),
        get(rest, "ticker/bookTicker"),
        get(rest, "premiumIndex"),
    )
    assert list(depth) == ["lastUpdateId", "E", "T", "bids", "asks"]
    assert len(depth["bids"]) == len(depth["asks"]) == 500
    assert list(quote) == ["symbol", "bidPrice", "bidQty", "askPrice", "askQty", "time"]
    assert list(mark) == [
        *("symbol", "markPrice", "indexPrice", "estimatedSettlePrice"),
        *("lastFundingRate", "interestRate", "nextFundingTime", "time"),
    ]
    assert len(quotes) == len(marks) == len(load("demo").symbols)
    assert float(quote["bidPrice"]) <= float(mark["markPrice"]) * 1.001
    assert mark["interestRate"] == "0.00010000"


@pytest.mark.parametrize(
    ("path", "query", "weight"),
    [("depth", {"symbol": "BTCUSDT", "limit": limit}, weight) for limit, weight in ((5, 2), (50, 2), (100, 5), (500, 10), (1000, 20))]
    + [
        ("depth", {"symbol": "BTCUSDT"}, 10),
        ("premiumIndex", {"symbol": "BTCUSDT"}, 1),
        ("premiumIndex", {}, 10),
        ("ticker/bookTicker", {"symbol": "BTCUSDT"}, 2),
        ("ticker/bookTicker", {}, 5),
    ],
)
async def test_weights(rest: aiohttp.ClientSession, path: str, query: dict[str, object], weight: int) -> None:
    measured = set()
    for _ in range(2):
        async with rest.get("/fapi/v1/ping") as response:
            before = int(response.headers["X-MBX-USED-WEIGHT-1M"])
        async with rest.get(f"/fapi/v1/{path}", params={key: str(value) for key, value in query.items()}) as response:
            measured.add(int(response.headers["X-MBX-USED-WEIGHT-1M"]) - before)
    assert weight in measured  # a minute may have turned under one of them


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("depth", {"symbol": "BTCUSDT", "limit": 7}, -4021),
        ("depth", {"symbol": "BTCUSDT", "limit": 0}, -4021),
        ("depth", {}, -1102),
        ("depth", {"symbol": "NOPE"}, -1121),
        ("premiumIndex", {"symbol": "NOPE"}, -1121),
        ("ticker/bookTicker", {"symbol": ""}, -1102),
    ],
)
async def test_errors(rest: aiohttp.ClientSession, path: str, query: dict[str, object], code: int) -> None:
    assert (await get(rest, path, **query))["code"] == code
