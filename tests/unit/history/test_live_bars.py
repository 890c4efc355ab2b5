"""Ranges of bars end where the bars end, whatever the host's clock says."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from quantd.model import Bar, Status
from quantd.services.analytics import Analysis, Question, Style
from quantd.stats.bars import lengthen
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.timeframes import DAY, HOUR, MINUTE, SECOND, timeframe
from tests.unit.services.rig import Rig, rig, trade

YEAR = 365 * DAY
CLOCKS = pytest.mark.parametrize(
    "off", [0, 20 * SECOND, -120 * SECOND, -YEAR, YEAR], ids=["right", "20 s ahead", "120 s behind", "a year behind", "a year ahead"]
)
"""Against the end of the bars."""
COUNT = 120
END = START + COUNT * MINUTE


def filled(rig: Rig) -> tuple[list[Bar], list[Bar]]:
    """The legs' bars, all of which are closed."""
    legs = fakes.bars(COUNT, symbol="A"), fakes.bars(COUNT, symbol="B", seed=1)
    for bars in legs:
        put(rig, bars)
    return legs


def put(rig: Rig, minutes: list[Bar]) -> None:
    """Minutes that have closed, and the longer bars that closed with them."""
    rig.history.put_bars(minutes)
    rig.history.put_bars(lengthen(minutes, timeframe("1m"), timeframe("5m")))


def times(bars: Sequence[Bar]) -> list[int]:
    return [bar.ts for bar in bars]


@CLOCKS
async def test_the_newest_bars_are_those_that_exist(tmp_path: Path, off: int) -> None:
    with rig(tmp_path, END + off) as at:
        bars, _ = filled(at)
        assert await at.services.market.bars("A", "1m", limit=7) == bars[-7:]
        for end in (None, END + 1, END + YEAR, 2**55):
            assert await at.services.market.bars("A", "1m", None, end, 7) == bars[-7:]
            assert await at.services.market.bars("A", "1m", bars[50].ts, end, 2000) == bars[50:]
            assert times(await at.services.market.bars("A", "30m", None, end, 3)) == [START + number * 30 * MINUTE for number in (1, 2, 3)]
        assert await at.services.market.bars("A", "1m", bars[20].ts, bars[40].ts + 1, 5) == bars[36:41]
        assert await at.services.market.bars("A", "1m", END, None, 5) == []


@CLOCKS
async def test_the_open_bar_is_that_of_the_last_trades(tmp_path: Path, off: int) -> None:
    with rig(tmp_path, START + 3 * SECOND + off) as at:
        at.flow.process([trade("A", second) for second in range(63)])
        for every, wanted in {"1s": 63, "1m": 2, "5m": 1, "1h": 1, "14h": 1, "1d": 1}.items():
            found = await at.services.market.bars("A", every, limit=100)
            assert (len(found), found[-1].close, found[-1].quality) == (wanted, 102.0, "forming"), every
            assert await at.services.market.bars("A", every, START - YEAR, START + YEAR, 100) == found
        assert (await at.services.market.bars("A", "1h", limit=1))[0].volume == 63.0


@CLOCKS
async def test_analytics_and_backtests_are_those_of_the_last_bars(tmp_path: Path, off: int) -> None:
    with rig(tmp_path, END + off) as at:
        y, x = filled(at)
        analysis = await at.services.analytics.analyse(Question("A", "B", "1m", 20, "ols"))
        assert ends(analysis) == (y[-60 + 19].ts, y[-1].ts)
        past = await at.services.analytics.past(Question("A", "B", "1m", 20, "ols"), 30)
        assert (past.y_bars, past.x_bars) == (y[-70:], x[-70:])
        assert past.points[-1].ts == y[-1].ts


async def test_a_pair_that_has_come_to_stand_still_has_no_test(tmp_path: Path) -> None:
    with rig(tmp_path) as at:
        y, x = fakes.bars(COUNT, symbol="A"), fakes.bars(COUNT, symbol="B", seed=1)
        still = [msgspec.structs.replace(bar, close=y[-20].close) for bar in y[-20:]]
        at.history.put_bars([*y[:-20], *still, *x])
        found = (await at.services.analytics.analyse(Question("A", "B", "1m", 20, "ols"))).adf
        assert (found.stat, found.pvalue, found.reason) == (None, None, "flat")


def ends(analysis: Analysis) -> tuple[int, int]:
    assert analysis.adf.pvalue is not None
    return analysis.points[0].ts, analysis.points[-1].ts


async def test_an_answer_is_made_anew_when_older_bars_have_come(tmp_path: Path) -> None:
    """Those of a timeframe that is not kept may come after the first answer, and hours before the next bar closes."""
    with rig(tmp_path) as at:
        legs = fakes.bars(COUNT, symbol="A"), fakes.bars(COUNT, symbol="B", seed=1)
        for bars in legs:
            at.history.put_bars(bars[-30:])
        assert len((await at.services.analytics.analyse(Question("A", "B", "1m", 20, "ols"))).points) == 11
        for bars in legs:
            at.history.restore_bars(bars[:-30])
        assert len((await at.services.analytics.analyse(Question("A", "B", "1m", 20, "ols"))).points) == 41


async def test_an_answer_is_made_anew_when_better_bars_have_come(tmp_path: Path) -> None:
    """A kline in the place of a bar that lacked trades, under the same time and revision."""
    with rig(tmp_path) as at:
        y, x = fakes.bars(COUNT, symbol="A"), fakes.bars(COUNT, symbol="B", seed=1)
        at.history.put_bars([*y[:-10], msgspec.structs.replace(y[-10], quality="gap"), *y[-9:], *x])
        assert (await at.services.analytics.analyse(Question("A", "B", "1m", 20, "ols"))).points[-1].coverage < 1.0
        at.history.put_bars([msgspec.structs.replace(y[-10], quality="imported")])
        assert (await at.services.analytics.analyse(Question("A", "B", "1m", 20, "ols"))).points[-1].coverage == 1.0


async def test_logarithms_of_one_price_in_two_ticks_are_not_tested(tmp_path: Path) -> None:
    """It takes the ticks of the prices to tell that their spread is rounding."""
    with rig(tmp_path) as at:
        x = [msgspec.structs.replace(bar, close=round(600.0 * bar.close)) for bar in fakes.bars(COUNT, symbol="B", seed=1)]
        y = [msgspec.structs.replace(bar, symbol="A", close=round(bar.close / 40.0, 1)) for bar in x]
        at.history.put_bars([*y, *x])
        found = await at.services.analytics.analyse(Question("A", "B", "1m", 20, "ols", Style(prices="log")))
        assert [test.reason for test in (found.cointegration, found.reverse, found.adf)] == ["collinear"] * 3


async def test_a_leg_that_has_ended_is_compared_where_both_were_there(tmp_path: Path) -> None:
    with rig(tmp_path) as at:
        y, _ = filled(at)
        at.history.put_bars(fakes.bars(500, symbol="A", start=END))
        assert ends(await at.services.analytics.analyse(Question("A", "B", "1m", 20, "ols"))) == (y[-60 + 19].ts, y[-1].ts)


async def test_a_feed_that_is_down_takes_nothing_away(tmp_path: Path) -> None:
    with rig(tmp_path) as at:
        at.flow.process([trade("A", second) for second in range(130)])
        before = {every: await at.services.market.bars("A", every, limit=50) for every in ("1s", "1m", "5m", "1h")}
        at.flow.process([Status(START + 130 * SECOND, healthy=False)])
        at.clock.advance_to(START + HOUR)
        assert {every: await at.services.market.bars("A", every, limit=50) for every in before} == before
        assert all(before.values())


async def test_the_newest_bars_are_found_across_a_hole(tmp_path: Path) -> None:
    with rig(tmp_path, store="local") as at:
        old, new = fakes.bars(5_000, symbol="A", every="1s"), fakes.bars(5, symbol="A", every="1s", start=START + 300 * DAY)
        assert at.runtime.outputs.recorder
        at.runtime.outputs.recorder.store.append([], old, [])
        at.history.put_bars(new)
        assert await at.services.market.bars("A", "1s", limit=12) == old[-7:] + new
        assert await at.services.market.bars("A", "1s", None, new[0].ts, 12) == old[-12:]
        assert await at.services.market.bars("A", "1s", old[-3].ts, new[1].ts, 12) == old[-3:] + new[:1]


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_no_merged_bar_lacks_its_first_parts(tmp_path: Path, limit: int) -> None:
    with rig(tmp_path) as at:
        bars = fakes.bars(200, symbol="A", start=START + 20 * MINUTE)
        put(at, bars)
        found = await at.services.market.bars("A", "1h", limit=limit)
        assert times(found) == [START + number * HOUR for number in range(4)][-limit:]
        assert found[0].open == next(bar for bar in bars if bar.ts >= found[0].ts).open


async def test_a_longer_bar_has_all_its_parts_though_the_range_ends_within(tmp_path: Path) -> None:
    with rig(tmp_path) as at:
        bars, _ = filled(at)
        (found,) = await at.services.market.bars("A", "1h", None, START + 30 * MINUTE, 1)
        assert (found.ts, found.close, found.quality) == (START, bars[59].close, "complete")
