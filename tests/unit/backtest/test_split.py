"""A split is two backtests: nothing of the second is known to the first, and nothing is carried over."""

import msgspec
import pytest

from quantd.backtest import Backtest, Settings, backtest
from quantd.services.analytics import PairPast
from quantd.stats.backtest import Rules
from quantd.timeframes import timeframe
from quantd_plugins.regressions.ols import Ols
from tests.unit.backtest.conftest import MINUTE, SETTINGS, WINDOW, of_bars, past

replace = msgspec.structs.replace
RULES = Rules(stop=4.0, fee_bps=1.0)


def run(seen: PairPast, split: float | None, start: int | None = None, end: int | None = None) -> Backtest:
    return backtest(seen.y_bars, seen.x_bars, seen.points, replace(SETTINGS, rules=RULES, split=split), start, end)


@pytest.mark.parametrize("split", [0.3, 0.5, 0.7, 0.9])
def test_it_is_two_backtests(reverting: PairPast, split: float) -> None:
    result = run(reverting, split)
    assert result.halves is not None
    at = result.halves.at
    assert at == timeframe("1m").floor(result.ts[0] + round(split * 381 * MINUTE))
    assert result.halves.in_sample == run(reverting, None, end=at).summary
    assert result.halves.out_of_sample == run(reverting, None, start=at).summary
    assert result.halves.in_sample.bars + result.halves.out_of_sample.bars == result.summary.bars == 381
    assert result.halves.in_sample.trades > 0


def test_the_whole_is_what_it_is_without(reverting: PairPast) -> None:
    whole, split = run(reverting, None), run(reverting, 0.7)
    assert whole.halves is None
    assert (split.summary, split.trades, split.equity.tolist()) == (whole.summary, whole.trades, whole.equity.tolist())


def test_the_first_part_knows_nothing_of_the_second(reverting: PairPast) -> None:
    at = run(reverting, 0.7).ts.index(run(reverting, 0.7).halves.at) + WINDOW - 1
    other = past(seed=9)
    spliced = of_bars(reverting.y_bars[:at] + other.y_bars[at:], reverting.x_bars[:at] + other.x_bars[at:], Ols(window=WINDOW))
    one, two = (run(seen, 0.7).halves for seen in (reverting, spliced))
    assert one is not None
    assert two is not None
    assert one.in_sample == two.in_sample
    assert one.out_of_sample != two.out_of_sample


def test_a_position_over_the_split_is_closed_there_and_not_carried_over(reverting: PairPast) -> None:
    whole = run(reverting, None)
    over = next(trade for trade in whole.trades if trade.bars > 6)
    wanted = over.entered + 3 * MINUTE
    split = (wanted - whole.ts[0]) / (len(whole.ts) * MINUTE)
    halves = run(reverting, split).halves
    assert halves is not None
    assert abs(halves.at - wanted) <= MINUTE
    assert halves.in_sample.open_at_end == 1
    first = run(reverting, None, end=halves.at)
    assert (first.trades[-1].entered, first.trades[-1].exited, first.trades[-1].reason) == (over.entered, halves.at, "end")
    after = run(reverting, None, start=halves.at)
    assert after.equity[0] == 0.0
    assert all(trade.entered > halves.at for trade in after.trades)


def test_a_part_without_bars_says_so(reverting: PairPast) -> None:
    halves = run(reverting, 1e-9).halves
    assert halves is not None
    assert (halves.in_sample.bars, halves.in_sample.days, halves.in_sample.reasons["exposure"]) == (0, 0.0, "no bars")
    assert halves.out_of_sample == run(reverting, None).summary


def test_without_bars_there_is_nothing_to_split() -> None:
    assert backtest([], [], [], replace(SETTINGS, split=0.7)).halves is None


@pytest.mark.parametrize(("split", "found"), [(0.0, "0"), (1.0, "1"), (-0.5, "-0.5"), (70.0, "70"), (float("nan"), "nan")])
def test_a_split_is_a_share(split: float, found: str) -> None:
    with pytest.raises(ValueError, match=f"^split: expected a number between 0 and 1, found {found}$"):
        Settings(pair="AAA-BBB", every="1m", window=WINDOW, regression="ols", rules=RULES, split=split)
