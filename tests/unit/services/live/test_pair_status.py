"""A pair has a row for each timeframe, with or without numbers."""

import asyncio
from pathlib import Path

from quantd.model import Bar, Status
from quantd.services.analytics import PairStatus
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.timeframes import MINUTE
from tests.unit.services.rig import Rig, rig, trade

Row = tuple[str, str | None, int, int]


def rows(at: Rig) -> list[Row]:
    return [told(standing) for standing in at.services.analytics.pairs()]


def told(standing: PairStatus) -> Row:
    assert standing.pair == "A-B"
    assert (standing.point is None) == (standing.reason in ("no bars", "warming", "no hedge", "no trades"))
    return standing.every, standing.reason, standing.bars, standing.needed


def put(at: Rig, y: list[Bar], x: list[Bar]) -> None:
    """Minutes of both legs to the pair."""
    (pair,) = at.flow.pairs
    pair.add({(pair.y, "1m"): y, (pair.x, "1m"): x}, lambda pair, every: 0)


def legs(count: int) -> tuple[list[Bar], list[Bar]]:
    return fakes.bars(count), fakes.bars(count, seed=1)


def flat(count: int) -> list[Bar]:
    return fakes.flat_bars([100.0] * count, symbol="A", volume=0.0, trades=0, vwap=None, taker_buy_volume=0.0)


def test_it_says_what_it_waits_for(tmp_path: Path) -> None:
    with rig(tmp_path) as at:
        assert rows(at) == [(every, "no bars", 0, 10) for every in ("1s", "1m", "5m")]
        put(at, *legs(4))
        assert rows(at)[1] == ("1m", "warming", 4, 10)
        put(at, *legs(30))
        assert rows(at)[1] == ("1m", "no trades", 10, 10)
        at.flow.process([trade("A", 1), trade("B", 2)])
        assert rows(at) == [("1s", "no bars", 0, 10), ("1m", None, 10, 10), ("5m", "no bars", 0, 10)]
        assert at.services.analytics.pairs()[1].ts == trade("B", 2).ts


def test_one_leg_is_not_enough(tmp_path: Path) -> None:
    with rig(tmp_path) as at:
        (pair,) = at.flow.pairs
        pair.add({(pair.y, "1m"): fakes.bars(5)}, lambda pair, every: 0)
        assert rows(at)[1] == ("1m", "no bars", 0, 10)
        pair.add({(pair.x, "1m"): fakes.bars(5, start=START + 60 * MINUTE)}, lambda pair, every: 0)
        assert rows(at)[1] == ("1m", "warming", 0, 10), "they share none"


def test_prices_that_do_not_move_have_no_hedge(tmp_path: Path) -> None:
    with rig(tmp_path) as at:
        put(at, flat(12), flat(12))
        at.flow.process([trade("A", 1), trade("B", 1)])
        assert rows(at)[1] == ("1m", "no hedge", 10, 10)


async def test_while_the_past_is_fetched_it_is_warming(tmp_path: Path) -> None:
    with rig(tmp_path, warm=True) as at:
        assert rows(at) == [(every, "warming", 0, 10) for every in ("1s", "1m", "5m")]
        running = asyncio.create_task(at.flow.run())
        at.feed.events.put_nowait([Status(START, healthy=True), trade("A", 0), trade("B", 0), trade("B", 3)])
        at.feed.tell.set()
        for leg in (at.flow.pairs[0].y, at.flow.pairs[0].x):
            await leg.until_ready()
        at.feed.events.put_nowait([])
        await running
        assert rows(at)[:2] == [("1s", None, 10, 10), ("1m", "warming", 2, 10)]


def test_more_may_be_needed_than_the_hedge_asks_for(tmp_path: Path) -> None:
    with rig(tmp_path, zscore={"window": 25}) as at:
        put(at, *legs(15))
        at.flow.process([trade("A", 1), trade("B", 1)])
        (row,) = [standing for standing in at.services.analytics.pairs() if standing.every == "1m"]
        assert (row.reason, row.bars, row.needed) == ("warming", 15, 25)
        assert row.point
        assert row.point.zscore is None
