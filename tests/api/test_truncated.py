"""An answer that was cut says so, and who follows its links gets every row once."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantd.api.app import make_app
from quantd.config.model import ApiSettings
from quantd.model import Bar
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.testing.services import FakeServices, fake_services
from quantd.times import iso
from tests.api.market import book_bar

from .serving import ApiServer

LENGTH = 130
BARS = fakes.bars(LENGTH)
TICKS = [msgspec.structs.replace(tick, ts=tick.ts // 900 * 900) for tick in fakes.ticks(90)]
"""Of which several have the same time."""


async def page(session: ClientSession, url: str) -> tuple[list[dict[str, Any]], str]:
    """The rows of a page and the address of the next one, empty after the last."""
    async with session.get(url) as response:
        assert response.status == 200, await response.text()
        next_url = str(response.links["next"]["url"]) if "next" in response.links else ""
        assert response.headers.get("X-Truncated") == ("true" if next_url else None)
        return await response.json(), next_url


def grow(services: FakeServices, count: int) -> None:
    services.market.stored["BTCUSDT", "1m"] = BARS[:count]
    services.market.state = count


async def followed(services: FakeServices, query: str, counts: Sequence[int]) -> list[dict[str, Any]]:
    """The bars of all pages, older ones first. The market grows to each of the counts between the pages, and each page is asked for twice,
    the second time by the same bytes."""
    found: list[dict[str, Any]] = []
    async with ApiServer(make_app(services, ApiSettings())) as server, ClientSession() as session:
        url, left = str(server.make_url(f"/data/btcusdt?{query}")), list(counts)
        while url:
            first = await page(session, url)
            assert await page(session, url) == first
            found, url = first[0] + found, first[1]
            if left:
                grow(services, left.pop(0))
    return found


moments = st.none() | st.integers(-3, LENGTH + 3)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(moments, moments, st.none() | st.integers(1, 60), st.lists(st.integers(40, LENGTH), min_size=1, max_size=6))
def test_every_bar_of_a_range_comes_once_also_while_bars_are_added(
    since: int | None, until: int | None, limit: int | None, counts: list[int]
) -> None:
    counts.sort()
    services = fake_services()
    grow(services, counts[0])
    asked = {"from": since, "to": until}
    given = {name: iso(START + at * 60_000) for name, at in asked.items() if at is not None} | ({"limit": limit} if limit else {})
    inside = [bar for bar in BARS[: counts[0]] if (since or -9) <= _minute(bar) <= (LENGTH if until is None else until)]
    query = "&".join(f"{name}={value}" for name, value in given.items())
    found = asyncio.run(followed(services, query, counts))
    assert [row["ts"] for row in found] == [iso(bar.ts) for bar in inside]


def _minute(bar: Bar) -> int:
    return (bar.ts - START) // 60_000


async def test_a_range_of_2000_bars_is_whole_and_one_of_more_is_cut(session: ClientSession, services: FakeServices) -> None:
    services.market.stored["BTCUSDT", "1m"] = bars = fakes.bars(2_001)
    for first, cut in ((1, False), (0, True)):
        rows, more = await page(session, f"/data/BTCUSDT?from={bars[first].ts}")
        assert (len(rows), bool(more)) == (2_000, cut)


async def test_a_known_request_is_told_the_link_of_now(session: ClientSession, services: FakeServices) -> None:
    for count in (50, 60, 5):
        grow(services, count)
        for _ in range(2):
            async with session.get("/data/BTCUSDT?tf=1m&limit=20&x=1") as response:
                link = response.headers.get("Link")
            assert link == (f'<?tf=1m&limit=20&x=1&to={iso(BARS[count - 20].ts - 1)}>; rel="next"' if count > 20 else None)


@pytest.mark.parametrize("limit", [1, 7, 89, 90, 91])
async def test_trades_of_the_same_time_come_once(session: ClientSession, services: FakeServices, limit: int) -> None:
    services.market.push(TICKS)
    url, found = f"/data/BTCUSDT/ticks?limit={limit}&from={TICKS[3].ts}", list[dict[str, Any]]()
    while url:
        rows, url = await page(session, url)
        found = rows + found
        services.market.push([])
    assert [(row["ts"], row["price"]) for row in found] == [(iso(tick.ts), tick.price) for tick in TICKS if tick.ts >= TICKS[3].ts]


async def test_bars_of_the_book_come_once(session: ClientSession, services: FakeServices) -> None:
    services.market.push_books(books := [book_bar(number) for number in range(24)])
    url, found = f"/data/BTCUSDT/book?tf=1m&limit=5&from={books[2].ts}", list[dict[str, Any]]()
    while url:
        rows, url = await page(session, url)
        found = rows + found
    assert [row["ts"] for row in found] == [iso(bar.ts) for bar in books[2:]]


async def test_a_download_of_bars_names_the_one_before(session: ClientSession, services: FakeServices) -> None:
    grow(services, 50)
    lines, url = list[str](), "/export/ohlcv?symbol=BTCUSDT&limit=20"
    while url:
        async with session.get(url) as response:
            lines = (await response.text()).split()[1:] + lines
            url = str(response.links["next"]["url"]) if "next" in response.links else ""
    assert [line.split(",")[0] for line in lines] == [iso(bar.ts) for bar in BARS[:50]]
    async with session.get(f"/export/ohlcv?symbol=BTCUSDT&from={BARS[3].ts}&to={BARS[4].ts}") as response:
        assert len((await response.text()).split()) == 3


async def test_charts_lead_to_the_bars_before(session: ClientSession, services: FakeServices) -> None:
    grow(services, 50)
    url, found = f"/visualization/candles/btcusdt?limit=7&ma=&from={BARS[3].ts}&to={BARS[40].ts}", list[str]()
    while url:
        async with session.get(url) as response:
            found = (await response.json())["data"][0]["x"] + found
            url = str(response.links["next"]["url"]) if "next" in response.links else ""
    assert found == [iso(bar.ts) for bar in BARS[3:41]]


async def test_pages_of_known_origins_may_read_the_headers(session: ClientSession) -> None:
    async with session.get("/symbols", headers={"Origin": ApiSettings().cors[0]}) as response:
        assert {"Link", "X-Truncated"} <= set(response.headers["Access-Control-Expose-Headers"].split(", "))
    async with session.get("/symbols", headers={"Origin": "http://elsewhere.example"}) as response:
        assert "Access-Control-Expose-Headers" not in response.headers
