"""Recorded rows come by the page, in three formats, and each page names the next one."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pytest
from aiohttp import ClientResponse, ClientSession

from quantd.api.schema import rows
from quantd.model import Bar, PairPoint, Tick
from quantd.testing import fakes
from quantd.testing.services import FakeServices
from quantd.times import iso

from .conftest import Ask

PAIR = "BTCUSDT-ETHUSDT"
TICKS = [msgspec.structs.replace(tick, ts=tick.ts // 500 * 500) for tick in fakes.ticks(70)]
"""Of which several have the same time."""
BARS, POINTS = fakes.bars(70), fakes.points(70)
SERIES: Mapping[str, tuple[Sequence[Any], Callable[[Any], Any]]] = {
    "/api/v1/ticks/BTCUSDT": (TICKS, rows.trade),
    "/api/v1/bars/BTCUSDT": (BARS, rows.bar),
    f"/api/v1/points/{PAIR}": (POINTS, rows.point),
}
each_series = pytest.mark.parametrize("path", list(SERIES))


@pytest.fixture(autouse=True)
def filled(services: FakeServices) -> None:
    history = services.record.history
    history.put_ticks("BTCUSDT", TICKS)
    history.put_bars(BARS)
    history.put_points(POINTS)


def wanted(path: str) -> list[Any]:
    given, row = SERIES[path]
    return [msgspec.to_builtins(found) for each in given if (found := row(each))]


async def followed(session: ClientSession, url: str, read: Callable[[ClientResponse], Any]) -> list[Any]:
    """What `read` finds in each page, from `url` on to the last one."""
    found = []
    while url:
        async with session.get(url) as response:
            assert response.status == 200
            assert (response.headers.get("X-Truncated") == "true") == ("next" in response.links)
            found.append(await read(response))
            url = response.links["next"]["url"] if "next" in response.links else ""  # type: ignore[assignment]
    return found


@each_series
@pytest.mark.parametrize("limit", [1, 7, 35, 69, 70, 71])
async def test_pages_that_follow_one_another_have_each_row_once(session: ClientSession, path: str, limit: int) -> None:
    pages = await followed(session, f"{path}?limit={limit}", lambda response: response.json())
    assert [row for page in pages for row in page] == wanted(path)
    assert {len(page) for page in pages[:-1]} <= {limit}
    assert len(pages) == -(-70 // limit), "the last page does not promise another one"


@each_series
async def test_a_range_has_the_rows_from_since_to_before_until(session: ClientSession, path: str) -> None:
    given, row = SERIES[path]
    since, until = given[10].ts, given[50].ts
    inside = [msgspec.to_builtins(row(each)) for each in given if since <= each.ts < until]
    for first, last in ((since, until), (iso(since), iso(until))):
        pages = await followed(session, f"{path}?limit=9&since={first}&until={last}", lambda response: response.json())
        assert [each for page in pages for each in page] == inside
    for empty in (f"since={given[-1].ts + 1}", f"until={given[0].ts}", f"since={until}&until={since}", "since=1&until=2"):
        assert await followed(session, f"{path}?{empty}", lambda response: response.json()) == [[]], empty


@each_series
async def test_lines_and_csv_have_the_same_rows(session: ClientSession, path: str) -> None:
    lines = await followed(session, f"{path}?format=ndjson&limit=33", lambda response: response.text())
    assert [json.loads(line) for page in lines for line in page.splitlines()] == wanted(path)
    sheets = await followed(session, f"{path}?format=csv&limit=33", lambda response: response.text())
    read = [row for page in sheets for row in csv.DictReader(io.StringIO(page, newline=""))]
    assert [dict(row) for row in read] == [{name: cell(value) for name, value in row.items()} for row in wanted(path)]


def cell(value: Any) -> str:
    """The text in CSV of what is in JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, separators=(",", ":"))


@each_series
async def test_each_format_has_its_type(session: ClientSession, path: str) -> None:
    types = {"": "application/json", "?format=ndjson": "application/x-ndjson", "?format=csv": "text/csv; charset=utf-8"}
    for query, kind in types.items():
        async with session.get(path + query) as response:
            assert response.headers["Content-Type"] == kind
    async with session.get(f"{path}?format=csv&since={TICKS[-1].ts + 10**9}") as response:
        assert (await response.text()).count("\n") == 1, "an empty page of CSV is its header"


async def test_rows_that_columns_cannot_hold_and_numbers_that_are_none(session: ClientSession, services: FakeServices) -> None:
    history, nan, inf = services.record.history, float("nan"), float("inf")
    replace = msgspec.structs.replace
    bars = [
        replace(BARS[0], symbol="Ü", vwap=None, trades=None, taker_buy_volume=inf, first_id=2**53, last_id=None, quality="imported"),
        replace(BARS[1], symbol="Ü", close=nan),
        replace(BARS[2], symbol="Ü", revision=3),
    ]
    points = [
        replace(POINTS[0], pair="A-Ü", zscore=inf, metrics={"regime": 'a,"b"\n', "x": nan}, corr=nan),
        replace(POINTS[1], pair="A-Ü", hedge=replace(POINTS[1].hedge, beta=inf)),
        replace(POINTS[2], pair="A-Ü", zscore=None, spread_std=0.0, reason="flat"),
    ]
    odd = [replace(point, pair="B-Ü", reason="flat") for point in points]
    history.put_bars(bars)
    for told in (points, odd):
        history.put_points(told)
    for path, given in (("bars/Ü", bars), ("points/a-ü", points), ("points/B-Ü", odd)):
        row: Callable[[Any], Any] = rows.bar if path == "bars/Ü" else rows.point
        known = [msgspec.to_builtins(found) for each in given if (found := row(each))]
        text = msgspec.json.encode(known)
        assert len(known) == 2
        async with session.get(f"/api/v1/{path}") as response:
            assert await response.json() == json.loads(text), path
        pages = await followed(session, f"/api/v1/{path}?limit=1", lambda response: response.json())
        assert [each for page in pages for each in page] == json.loads(text), "a row that is left out hides none of those behind it"
        async with session.get(f"/api/v1/{path}?format=csv") as response:
            read = list(csv.DictReader(io.StringIO(await response.text(), newline="")))
        assert [dict(each) for each in read] == [{name: cell(value) for name, value in each.items()} for each in json.loads(text)]


async def test_trades_are_told_from_an_id_on(session: ClientSession) -> None:
    async with session.get(f"/api/v1/ticks/btcusdt?from_id={TICKS[30].id}&limit=5") as response:
        assert [row["id"] for row in await response.json()] == [tick.id for tick in TICKS[30:35]]


async def test_a_link_keeps_the_other_parameters(session: ClientSession) -> None:
    async with session.get(
        "/api/v1/bars/btcusdt?every=1m&limit=2&x=%3E%0D%0Ay&x=2&format=csv&since=2026-01-01T00:00:00%2B01:00"
    ) as response:
        link = response.headers["Link"]
    assert link == f'<?every=1m&limit=2&x=%3E%0D%0Ay&x=2&format=csv&since={iso(BARS[1].ts + 1)}>; rel="next"'


async def test_what_does_not_exist_is_not_found_and_says_what_does(ask: Ask, services: FakeServices) -> None:
    for path, detail in (
        ("bars/SOLUSDT", "no bars of 'SOLUSDT' are kept; there is BTCUSDT"),
        ("bars/BTCUSDT?every=5m", "no bars of BTCUSDT are kept at '5m'; there is 1m"),
        ("bars/BTCUSDT?every=x", "no bars of BTCUSDT are kept at 'x'; there is 1m"),
        ("points/ETHUSDT-BTCUSDT", f"no points of 'ETHUSDT-BTCUSDT' are kept; there is {PAIR}"),
        ("ticks/SOLUSDT", "no ticks of 'SOLUSDT' are kept; there is BTCUSDT"),
    ):
        assert await ask(f"/api/v1/{path}") == (404, {"detail": detail})
    for name in ("BTCUSDT", PAIR):
        services.record.history.forget(name)
    assert await ask("/api/v1/points/A-B") == (404, {"detail": "no points are kept yet: let the daemon run"})


@each_series
async def test_a_wrong_query_is_refused(ask: Ask, path: str) -> None:
    for query in ("limit=0", "limit=10001", "limit=x", "since=yesterday", "until=x", "format=xml"):
        assert (await ask(f"{path}?{query}"))[0] == 422, query
    assert (await ask("/api/v1/ticks/BTCUSDT?from_id=-1"))[0] == 422


def test_the_rows_are_of_the_kinds_that_are_told() -> None:
    assert [type(given[0]) for given, _ in SERIES.values()] == [Tick, Bar, PairPoint]
