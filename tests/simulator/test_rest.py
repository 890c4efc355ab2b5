"""The REST service over HTTP."""

from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from .support import HOUR_MS, Simulator


class Client:
    """GETs of one simulator."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def get(self, path: str, **query: object) -> Any:
        async with self.session.get(f"/fapi/v1/{path}", params={key: str(value) for key, value in query.items()}) as response:
            assert response.headers["Content-Type"] == "application/json;charset=UTF-8"
            self.status, self.headers = response.status, response.headers
            return await response.json()

    async def used(self) -> int:
        await self.get("ping")
        return int(self.headers["x-mbx-used-weight-1m"])


@pytest.fixture
async def client(demo: Simulator) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(demo.rest) as session:
        yield Client(session)


@pytest.fixture
async def now(client: Client) -> int:
    return int((await client.get("time"))["serverTime"])


BTC: dict[str, object] = {"symbol": "BTCUSDT"}
ERRORS: list[tuple[str, dict[str, object], int, int]] = [
    ("aggTrades", {"symbol": "NOPE"}, 400, -1121),
    ("aggTrades", {"symbol": "btcusdt"}, 400, -1121),
    ("aggTrades", {}, 400, -1102),
    ("aggTrades", {"symbol": ""}, 400, -1102),
    ("aggTrades", BTC | {"startTime": 0, "endTime": HOUR_MS}, 400, -1127),
    ("aggTrades", BTC | {"startTime": 2, "endTime": 1}, 400, -1023),
    ("aggTrades", BTC | {"fromId": -1}, 400, -1100),
    ("aggTrades", BTC | {"limit": "many"}, 400, -1100),
    ("aggTrades", BTC | {"limit": 0}, 400, -1130),
    ("klines", BTC | {"interval": "7m"}, 400, -1120),
    ("klines", BTC, 400, -1102),
    ("klines", {"symbol": "NOPE", "interval": "1m"}, 400, -1121),
    ("ticker/24hr", {"symbol": "NOPE"}, 400, -1121),
    ("ticker/price", {"symbol": "NOPE"}, 400, -1121),
    ("trades", {}, 400, -1102),
    ("fundingRate", {"symbol": "NOPE"}, 400, -1121),
    ("continuousKlines", {"pair": "NOPE", "contractType": "PERPETUAL", "interval": "1m"}, 400, -1121),
]


@pytest.mark.parametrize(("path", "query", "status", "code"), ERRORS)
async def test_errors_have_the_code_of_the_exchange(client: Client, path: str, query: dict[str, object], status: int, code: int) -> None:
    body = await client.get(path, **query)
    assert (client.status, body["code"]) == (status, code)
    assert list(body) == ["code", "msg"]
    assert body["msg"]
    assert int(client.headers["X-MBX-USED-WEIGHT-1M"]) > 0


async def test_mixing_an_id_with_times_ends_in_a_timeout(strict: Simulator) -> None:
    async with aiohttp.ClientSession(strict.rest) as session:
        client = Client(session)
        body = await client.get("aggTrades", **BTC, fromId=1, startTime=1)
    assert (client.status, body["code"]) == (408, -1007)


async def test_time_and_ping(client: Client, now: int) -> None:
    assert await client.get("ping") == {}
    assert abs(parsedate_to_datetime(client.headers["Date"]).timestamp() * 1000 - now) < 5000


@pytest.mark.parametrize(
    ("path", "query", "weight"),
    [
        ("ping", {}, 1),
        ("time", {}, 1),
        ("exchangeInfo", {}, 1),
        ("tradingSchedule", {}, 5),
        ("aggTrades", BTC | {"limit": 1}, 20),
        ("klines", BTC | {"interval": "1m", "limit": 99}, 1),
        ("klines", BTC | {"interval": "1m", "limit": 100}, 2),
        ("klines", BTC | {"interval": "1m"}, 5),
        ("klines", BTC | {"interval": "1m", "limit": 1000}, 5),
        ("klines", BTC | {"interval": "1m", "limit": 1001}, 10),
        ("ticker/24hr", {"symbol": "ADAUSDT"}, 1),
        ("ticker/price", {}, 2),
        ("ticker/price", BTC, 1),
        ("trades", BTC | {"limit": 1}, 5),
        ("fundingRate", BTC | {"limit": 1}, 0),
        ("continuousKlines", {"pair": "BTCUSDT", "contractType": "PERPETUAL", "interval": "1m", "limit": 99}, 1),
    ],
)
async def test_weights_add_up_within_a_minute(client: Client, path: str, query: dict[str, object], weight: int) -> None:
    measured = [await charged(client, path, query) for _ in range(2)]
    assert weight in measured  # a minute may have turned under one of them


async def charged(client: Client, path: str, query: dict[str, object]) -> int:
    before = await client.used()
    await client.get(path, **query)
    return int(client.headers["X-MBX-USED-WEIGHT-1M"]) - before


async def test_the_newest_trades_come_without_parameters(client: Client) -> None:
    rows = await client.get("aggTrades", **BTC)
    assert len(rows) == 500
    assert list(rows[0]) == ["a", "p", "q", "nq", "f", "l", "T", "m"]
    later = await client.get("aggTrades", **BTC, limit=2000)
    assert len(later) == 1000
    assert later[-1]["a"] >= rows[-1]["a"]


async def test_from_id_is_inclusive_and_ascends(client: Client, now: int) -> None:
    first = (await client.get("aggTrades", **BTC, startTime=now - 30 * HOUR_MS, limit=1))[0]
    rows = await client.get("aggTrades", **BTC, fromId=first["a"], limit=1000)
    assert rows[0] == first
    assert [row["a"] for row in rows] == list(range(first["a"], first["a"] + 1000))
    assert await client.get("aggTrades", **BTC, fromId=10**18) == []


async def test_times_are_inclusive(client: Client, now: int) -> None:
    start = now - 5 * HOUR_MS
    rows = await client.get("aggTrades", **BTC, startTime=start, endTime=start + 3000)
    times = [row["T"] for row in rows]
    assert 100 < len(rows) < 500
    again = await client.get("aggTrades", **BTC, startTime=min(times), endTime=max(times))
    assert again == rows
    assert await client.get("aggTrades", **BTC, startTime=now + HOUR_MS) == []
    before = await client.get("aggTrades", **BTC, endTime=max(times), limit=3)
    assert [row["a"] for row in before] == [row["a"] for row in rows[-3:]]


async def test_beyond_the_horizon(client: Client, now: int) -> None:
    rows = await client.get("aggTrades", **BTC, fromId=1, limit=1)
    assert abs(rows[0]["T"] - (now - 48 * HOUR_MS)) < 120_000
    rows = await client.get("aggTrades", **BTC, startTime=now - 49 * HOUR_MS, limit=1)
    assert rows[0]["T"] > now - 60_000


async def test_klines(client: Client, now: int) -> None:
    rows = await client.get("klines", **BTC, interval="1m", limit=5000)
    assert len(rows) == 1500
    opens = [row[0] for row in rows]
    assert opens == list(range(opens[0], opens[0] + 1500 * 60_000, 60_000))
    assert 0 <= now - opens[-1] < 61_000
    assert [type(cell) for cell in rows[0]] == [int, str, str, str, str, str, int, str, int, str, str, str]
    assert len(await client.get("klines", **BTC, interval="1m")) == 500


async def test_exchange_info(client: Client) -> None:
    info = await client.get("exchangeInfo")
    assert list(info) == ["timezone", "serverTime", "rateLimits", "exchangeFilters", "assets", "symbols"]
    assert info["rateLimits"] == [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400}]
    symbols = {row["symbol"]: row for row in info["symbols"]}
    assert set(symbols) == {"BTCUSDT", "ETHUSDT", "SOLUSDT", "AVAXUSDT", "BNBUSDT", "ADAUSDT"}
    btc = symbols["BTCUSDT"]
    assert (btc["status"], btc["contractType"], btc["baseAsset"]) == ("TRADING", "PERPETUAL", "BTC")
    filters = {row["filterType"]: row for row in btc["filters"]}
    assert (filters["PRICE_FILTER"]["tickSize"], filters["LOT_SIZE"]["stepSize"]) == ("0.1", "0.001")


async def test_the_day_ticker(client: Client) -> None:
    day = await client.get("ticker/24hr", symbol="ADAUSDT")
    assert day["symbol"] == "ADAUSDT"
    assert float(day["lowPrice"]) <= float(day["weightedAvgPrice"]) <= float(day["highPrice"])
    assert day["lastId"] - day["firstId"] + 1 >= day["count"]
