"""`/database` over services without a store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession

from quantd.api.access.gate import Gate
from quantd.api.app import make_app
from quantd.config.model import ApiSettings
from quantd.errors import StateUnusable
from quantd.services.database import TooMany, Unsupported
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.testing.services import FakeServices
from quantd.timeframes import HOUR
from quantd.times import iso
from quantd.tokens import Tokens

from .asked import token
from .conftest import Ask
from .serving import ApiServer

TICKS = fakes.ticks(30)
BARS = fakes.bars(20)
BODY = {"symbol": "btcusdt", "timeframe": "1T"}


@pytest.fixture
async def server(services: FakeServices, tmp_path: Path) -> AsyncIterator[ApiServer]:
    """Knows a token once there is one."""
    async with ApiServer(make_app(services, ApiSettings(), gate=Gate(ApiSettings(), Tokens(tmp_path)))) as running:
        yield running


@pytest.fixture
async def session(server: ApiServer, tmp_path: Path) -> AsyncIterator[ClientSession]:
    """An operator."""
    async with ClientSession(server.make_url("/"), headers={"Authorization": f"Bearer {token(tmp_path)}"}) as client:
        yield client


@pytest.fixture
def stored(services: FakeServices) -> FakeServices:
    services.database.stored_ticks = TICKS + fakes.ticks(10, symbol="ETHUSDT")
    services.database.stored["BTCUSDT", "1m"] = BARS
    return services


async def test_stats(ask: Ask, stored: FakeServices) -> None:
    counts, last = {"BTCUSDT": 30, "ETHUSDT": 10}, max(tick.ts for tick in stored.database.stored_ticks)
    span = {"start": iso(START), "end": iso(last)}
    stats = {"total_ticks": 40, "symbol_counts": counts, "time_range": span, "database_size_mb": 3.0}
    assert await ask("/database/stats") == (200, {"status": "ok", "stats": stats})


async def test_stats_of_nothing(ask: Ask) -> None:
    _, told = await ask("/database/stats")
    assert (told["stats"]["total_ticks"], told["stats"]["time_range"]) == (0, {"start": None, "end": None})


async def test_the_oldest_trades_come_first(ask: Ask, stored: FakeServices) -> None:
    status, told = await ask("/database/ticks/btcusdt", params={"limit": "2"})
    first, second = TICKS[:2]
    assert (status, told["status"], told["symbol"], told["count"]) == (200, "ok", "btcusdt", 2)
    assert told["time_range"] == {"start": iso(first.ts), "end": iso(second.ts)}
    assert told["data"][0] == {"timestamp": iso(first.ts), "symbol": "BTCUSDT", "price": first.price, "volume": first.qty}
    _, told = await ask("/database/ticks/BTCUSDT", params={"start_time": iso(TICKS[5].ts), "end_time": iso(TICKS[7].ts)})
    assert [row["timestamp"] for row in told["data"]] == [iso(tick.ts) for tick in TICKS[5:8]]


async def test_no_trades_have_no_time(ask: Ask) -> None:
    assert await ask("/database/ticks/NONE") == (200, {"status": "ok", "symbol": "NONE", "count": 0, "data": []})


@pytest.mark.parametrize("alias", ["1T", "1min", "T", "1m"])
async def test_bars_by_the_aliases_of_pandas(ask: Ask, stored: FakeServices, alias: str) -> None:
    body = {"symbol": "btcusdt", "timeframe": alias, "start_time": iso(BARS[2].ts), "end_time": iso(BARS[4].ts)}
    status, told = await ask("/database/ohlcv", "POST", json=body)
    assert (status, told["symbol"], told["timeframe"], told["count"]) == (200, "btcusdt", alias, 3)
    assert told["time_range"] == {"start": iso(BARS[2].ts), "end": iso(BARS[4].ts)}
    assert told["data"][0] == {
        "ts": iso(BARS[2].ts), "open": BARS[2].open, "high": BARS[2].high, "low": BARS[2].low, "close": BARS[2].close, "volume": 12.5,
    }  # fmt: skip


async def test_bars_as_a_file(session: ClientSession, stored: FakeServices) -> None:
    async with session.post("/database/export", json=BODY | {"end_time": iso(BARS[1].ts)}) as response:
        assert response.headers["Content-Disposition"].startswith("attachment; filename=BTCUSDT_1T.csv;")
        lines = (await response.text()).split("\r\n")
    assert lines[0] == "ts,open,high,low,close,volume"
    assert [line.split(",")[0] for line in lines[1:]] == [iso(BARS[0].ts), iso(BARS[1].ts), ""]


async def test_cleanup_deletes_what_is_older(ask: Ask, services: FakeServices) -> None:
    old, new = fakes.tick("BTCUSDT", 1, -HOUR - 1), fakes.tick("BTCUSDT", 2, -HOUR)
    services.database.stored_ticks = [old, new]
    told = {"status": "ok", "deleted_rows": 1, "retention_hours": 1, "message": "Deleted 1 rows older than 1 hours"}
    assert await ask("/database/cleanup?hours=1", "DELETE") == (200, told)
    assert services.database.stored_ticks == [new]


@pytest.mark.parametrize(("path", "method"), [("/cleanup", "DELETE"), ("/vacuum", "POST"), ("/clear", "DELETE")])
async def test_who_has_no_token_deletes_nothing(server: ApiServer, stored: FakeServices, path: str, method: str) -> None:
    async with ClientSession(server.make_url("/")) as client:
        async with client.request(method, f"/database{path}") as response:
            assert (response.status, "quantd token create" in (await response.json())["detail"]) == (403, True)
        async with client.get("/database/stats") as response:
            assert (await response.json())["stats"]["total_ticks"] == 40


async def test_clear_deletes_all(ask: Ask, stored: FakeServices) -> None:
    assert await ask("/database/clear", "DELETE") == (200, {"status": "ok", "message": "All data cleared from database"})
    assert stored.database.stored_ticks == []


async def test_vacuum_tells_the_size(ask: Ask) -> None:
    told = {"status": "ok", "message": "Database optimized successfully", "database_size_mb": 3.0}
    assert await ask("/database/vacuum", "POST") == (200, told)


@pytest.mark.parametrize(
    ("path", "method", "body", "status", "detail"),
    [
        ("/database/ticks/A?start_time=soon", "GET", None, 400, "Invalid timestamp format: soon"),
        ("/database/ohlcv", "POST", BODY | {"end_time": "soon"}, 400, "Invalid timestamp format: soon"),
        ("/database/ohlcv", "POST", BODY | {"timeframe": "1M"}, 400, "Timeframe 1M not supported. Available: ['1s', "),
        ("/database/export", "POST", BODY, 404, "No data available to export"),
        ("/database/ticks/A?limit=100001", "GET", None, 422, ""),
        ("/database/ticks/A?limit=0", "GET", None, 422, ""),
        ("/database/cleanup?hours=0", "DELETE", None, 422, ""),
        ("/database/cleanup?hours=721", "DELETE", None, 422, ""),
        ("/database/ohlcv", "POST", {}, 422, ""),
        ("/database/ohlcv", "POST", BODY | {"symbol": ""}, 422, ""),
    ],
)
async def test_what_is_refused(ask: Ask, path: str, method: str, body: object, status: int, detail: str) -> None:
    found, told = await ask(path, method, **({"json": body} if body is not None else {}))
    assert (found, str(told["detail"]).startswith(detail)) == (status, True), told


ROUTES = [
    ("/database/stats", "GET"),
    ("/database/ticks/A", "GET"),
    ("/database/ohlcv", "POST"),
    ("/database/export", "POST"),
    ("/database/cleanup", "DELETE"),
    ("/database/vacuum", "POST"),
    ("/database/clear", "DELETE"),
]


@pytest.mark.parametrize(("path", "method"), ROUTES)
@pytest.mark.parametrize(("fault", "status"), [(Unsupported("it cannot"), 501), (StateUnusable("it fails"), 503), (TooMany("many"), 400)])
async def test_a_store_that_cannot_says_why(
    ask: Ask, services: FakeServices, path: str, method: str, fault: Exception, status: int
) -> None:
    services.database.fault = fault
    given = {"json": BODY} if path in ("/database/ohlcv", "/database/export") else {}
    assert await ask(path, method, **given) == (status, {"detail": str(fault)})
