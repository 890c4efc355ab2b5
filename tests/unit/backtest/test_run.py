"""Bars and points become trades: what stands where, and what bad data does."""

import math

import msgspec
import numpy as np
import pytest

from quantd.backtest import Backtest, backtest
from quantd.model import Bar, Spread
from quantd.plugin.regression import Regression
from quantd.services.analytics import PairPast
from quantd.stats.backtest import Rules
from quantd.stats.funding import Rates
from quantd.stats.zscore import ZScore
from quantd.testing.fakes import START
from quantd_plugins.regressions.fixed import GivenHedge
from quantd_plugins.regressions.kalman import Kalman
from quantd_plugins.regressions.ols import Ols
from tests.unit.backtest.conftest import MINUTE, SETTINGS, WINDOW, bars, of_bars, past

FIRST = START + (WINDOW - 1) * MINUTE
"""The first bar with a z-score."""
replace = msgspec.structs.replace


def run(seen: PairPast, **rules: float | str) -> Backtest:
    return backtest(seen.y_bars, seen.x_bars, seen.points, replace(SETTINGS, rules=Rules(**rules)))  # type: ignore[arg-type]


def spoilt(seen: PairPast, ts: int, **changes: object) -> PairPast:
    """The same with another bar of y at this time."""
    return replace(seen, y_bars=[replace(bar, **changes) if bar.ts == ts else bar for bar in seen.y_bars])


def test_signals_are_points_and_fills_are_the_opens_after(reverting: PairPast) -> None:
    result = run(reverting, stop=3.5)
    y, x = ({bar.ts: bar for bar in bars} for bars in (reverting.y_bars, reverting.x_bars))
    points = {point.ts: point for point in reverting.points}
    assert len(result.trades) > 5
    for trade in result.trades:
        signal = points[trade.entered - MINUTE]
        assert (trade.zscore, trade.beta) == (signal.zscore, signal.hedge.beta)
        assert (trade.y_entry, trade.x_entry) == (y[trade.entered].open, x[trade.entered].open)
        assert trade.side == ("short" if trade.zscore >= 2 else "long")
        if trade.reason != "end":
            assert (trade.y_exit, trade.x_exit) == (y[trade.exited].open, x[trade.exited].open)
            assert trade.exited - trade.entered == trade.bars * MINUTE


def test_it_begins_with_the_first_zscore(reverting: PairPast) -> None:
    result = run(reverting)
    assert result.ts[0] == result.quality.start == FIRST
    assert result.quality.end == reverting.y_bars[-1].ts + MINUTE
    assert result.summary.bars == len(result.ts) == len(reverting.y_bars) - (WINDOW - 1)
    assert (result.quality.gap, result.quality.holes, result.quality.without_zscore) == (0, 0, {})


def test_a_position_at_the_end_is_closed_at_the_last_close(reverting: PairPast) -> None:
    last = run(reverting).trades[0]
    cut = [bar.ts for bar in reverting.y_bars].index(last.entered) + 1
    result = run(replace(reverting, y_bars=reverting.y_bars[:cut], x_bars=reverting.x_bars[:cut], points=reverting.points))
    (trade,) = result.trades
    assert (trade.reason, trade.entered, trade.exited, trade.bars) == ("end", last.entered, last.entered + MINUTE, 1)
    assert (trade.y_exit, trade.x_exit) == (reverting.y_bars[cut - 1].close, reverting.x_bars[cut - 1].close)


def test_what_comes_later_changes_no_trade_before_it(reverting: PairPast) -> None:
    """The windows are worked out anew over other data from bar 200 on."""
    other = past(seed=9)
    spliced = of_bars(reverting.y_bars[:200] + other.y_bars[200:], reverting.x_bars[:200] + other.x_bars[200:], Ols(window=WINDOW))
    before, after = run(reverting, stop=4.0), run(spliced, stop=4.0)
    cut = START + 200 * MINUTE
    early = [[trade for trade in result.trades if trade.exited < cut] for result in (before, after)]
    assert early[0] == early[1] != []
    assert before.trades != after.trades
    rows = before.ts.index(cut)
    assert before.equity[:rows].tolist() == after.equity[:rows].tolist()


def test_no_entry_is_decided_or_filled_on_a_gap(reverting: PairPast) -> None:
    first = run(reverting).trades[0]
    for ts, lapsed in ((first.entered - MINUTE, 0), (first.entered, 1)):
        result = run(spoilt(reverting, ts, quality="gap"))
        assert (result.quality.gap, result.quality.lapsed) == (1, lapsed)
        assert all(trade.entered != first.entered for trade in result.trades)


def test_an_exit_is_filled_on_a_gap(reverting: PairPast) -> None:
    first = run(reverting).trades[0]
    assert run(spoilt(reverting, first.exited, quality="gap")).trades[0] == first


def test_nothing_is_filled_at_a_price_that_nobody_traded_at() -> None:
    """x trades in three minutes of ten, and its last price is stale in between: what y has moved since looks like a spread, and pays if it
    is filled there. The legs are a line but for a basis point, so there is nothing to earn."""
    rng = np.random.default_rng(3)
    x = 1_000.0 + rng.normal(size=1_000).cumsum()
    y = 100.0 + 2.0 * x + 0.2 * rng.normal(size=1_000)
    last = np.maximum.accumulate(np.where(rng.random(1_000) < 0.3, np.arange(1_000), 0))
    stale = x[last]
    opens = np.where(last == np.arange(1_000), x, np.append(stale[0], stale[:-1]))
    x_bars = [
        replace(bar, volume=float(bar.open != before))
        for bar, before in zip(bars("BBB", stale.tolist(), opens.tolist()), [0.0, *stale], strict=False)
    ]
    seen = of_bars(bars("AAA", y.tolist()), x_bars, Ols(window=WINDOW))
    result = run(seen, fee_bps=0.0)
    quiet = {bar.ts for bar in x_bars if not bar.volume}
    assert result.summary.trades > 10
    assert not quiet & {ts for trade in result.trades for ts in (trade.entered, trade.exited) if trade.reason != "end"}
    assert result.summary.break_even_bps is not None
    assert result.summary.break_even_bps < 1.0
    filled = run(replace(seen, x_bars=[replace(bar, volume=1.0) for bar in x_bars]), fee_bps=0.0)
    assert (filled.summary.break_even_bps or 0.0) > 2.0


def test_no_entry_is_filled_behind_a_hole(reverting: PairPast) -> None:
    first = run(reverting).trades[0]
    assert first.bars > 1
    result = run(replace(reverting, y_bars=[bar for bar in reverting.y_bars if bar.ts != first.entered]))
    assert (result.quality.holes, result.quality.missing, result.quality.lapsed) == (1, 1, 1)
    assert all(trade.entered > first.entered + MINUTE for trade in result.trades)


def test_a_hole_is_time(reverting: PairPast) -> None:
    """What is missing in a trade counts for how long it was held, and for how long was tested."""
    whole = run(reverting)
    trade = next(trade for trade in whole.trades if trade.bars > 8)
    lost = range(trade.entered + 2 * MINUTE, trade.entered + 6 * MINUTE, MINUTE)
    result = run(replace(reverting, x_bars=[bar for bar in reverting.x_bars if bar.ts not in lost]))
    kept = next(each for each in result.trades if each.entered == trade.entered)
    assert (kept.exited, kept.bars) == (trade.exited, trade.bars)
    assert (result.quality.holes, result.quality.missing) == (1, 4)
    assert result.summary.bars == whole.summary.bars - 4
    assert (result.summary.days, result.summary.exposure) == (whole.summary.days, whole.summary.exposure)


def paid(rate: float, mark: float, minutes: range) -> Rates:
    ts = START + MINUTE * np.array(minutes, dtype=np.int64)
    return Rates(ts, np.full(len(ts), rate), np.full(len(ts), mark))


def test_funding_is_paid_by_what_is_held_at_its_times(reverting: PairPast) -> None:
    """Every ten minutes; y at a mark of its own, x at the close before."""
    every = range(0, 400, 10)
    rates = {"AAA": paid(0.001, 200.0, every), "BBB": paid(-0.002, math.nan, every)}
    settings = replace(SETTINGS, rules=Rules(fee_bps=0.0))
    free, result = (backtest(reverting.y_bars, reverting.x_bars, reverting.points, settings, funding=seen) for seen in ({}, rates))
    closes = {bar.ts: bar.close for bar in reverting.x_bars}
    for trade, without in zip(result.trades, free.trades, strict=True):
        times = [START + MINUTE * each for each in every if trade.entered < START + MINUTE * each <= trade.exited]
        if trade.reason == "end":
            times = [ts for ts in times if ts < trade.exited]
        due = sum(trade.y_units * 200.0 * 0.001 + trade.x_units * closes[ts - MINUTE] * -0.002 for ts in times)
        assert (trade.funding, trade.funding_missing) == (pytest.approx(-due, abs=1e-12), 0)
        assert trade.net == pytest.approx(without.net - due, abs=1e-12)
    assert result.summary.funding == pytest.approx(sum(trade.funding or 0.0 for trade in result.trades))
    assert result.summary.funding != 0.0
    assert result.equity[-1] == pytest.approx(result.summary.net)
    assert free.summary.reasons["funding"] == "no rates of AAA and BBB"


def test_funding_of_one_leg_is_none(reverting: PairPast) -> None:
    result = backtest(reverting.y_bars, reverting.x_bars, reverting.points, SETTINGS, funding={"AAA": paid(0.1, 200.0, range(0, 400, 10))})
    assert (result.summary.funding, result.summary.funding_missing) == (None, None)
    assert result.summary.reasons["funding"] == "no rates of BBB"
    assert result.summary.net == run(reverting).summary.net


def test_dollar_sizing_holds_the_same_value_of_both(reverting: PairPast) -> None:
    by_beta, by_value = run(reverting), run(reverting, sizing="dollar")
    assert [trade.entered for trade in by_value.trades] == [trade.entered for trade in by_beta.trades]
    for trade in by_value.trades:
        assert abs(trade.y_units) * trade.y_entry == pytest.approx(500.0)
        assert trade.x_units * trade.x_entry == pytest.approx(-trade.y_units * trade.y_entry)


@pytest.mark.parametrize("price", [0.0, -1.0, math.nan, math.inf, 1e300])
def test_a_price_that_is_none_leaves_its_bar_out(reverting: PairPast, price: float) -> None:
    result = run(spoilt(reverting, START + 100 * MINUTE, close=price))
    assert (result.quality.unusable, result.quality.holes) == (1, 1)
    assert np.isfinite(result.equity).all()


def test_a_spike_of_a_billion_stays_a_number() -> None:
    calm = past()
    y_bars = [replace(bar, close=1e9, high=1e9) if number == 150 else bar for number, bar in enumerate(calm.y_bars)]
    result = run(of_bars(y_bars, calm.x_bars, Ols(window=WINDOW)), stop=4.0)
    assert np.isfinite(result.equity).all()
    assert math.isfinite(result.summary.net)
    assert result.summary.max_drawdown_percent < 1e9


def test_bars_without_a_zscore_are_counted_by_reason() -> None:
    """The legs stand still from bar 100 to 200."""
    calm = past()
    still = [[replace(bar, open=10.0, close=10.0) if 100 <= number < 200 else bar for number, bar in enumerate(leg)]
             for leg in (calm.y_bars, calm.x_bars)]  # fmt: skip
    result = run(of_bars(still[0], still[1], Ols(window=WINDOW)))
    assert set(result.quality.without_zscore) <= {"flat", "warming", "no hedge"}
    assert sum(result.quality.without_zscore.values()) == int(np.isnan(result.zscore).sum()) > 50


def test_a_range_is_cut_out(reverting: PairPast) -> None:
    start, end = START + 100 * MINUTE, START + 300 * MINUTE
    result = backtest(reverting.y_bars, reverting.x_bars, reverting.points, SETTINGS, start, end)
    assert (result.ts[0], result.ts[-1]) == (start, end - MINUTE)
    assert all(start < trade.entered < end for trade in result.trades)


@pytest.mark.parametrize("bars", [0, 1, WINDOW - 1])
def test_too_few_bars_are_no_error(bars: int) -> None:
    result = run(past(bars)) if bars else run(PairPast([], [], []))
    assert (result.ts, result.trades, result.summary.bars, result.quality.start) == ([], [], 0, None)


def test_a_pair_of_a_symbol_with_itself_never_trades(reverting: PairPast) -> None:
    assert run(of_bars(reverting.y_bars, reverting.y_bars, Ols(window=WINDOW))).trades == []


def test_the_legs_of_logarithms_are_held_by_value() -> None:
    seen = past(regression=Ols(window=WINDOW, prices="log"))
    result = backtest(seen.y_bars, seen.x_bars, seen.points, replace(SETTINGS, prices="log"))
    assert len(result.trades) > 5
    for trade in result.trades:
        assert trade.x_units * trade.x_entry == pytest.approx(-trade.beta * trade.y_units * trade.y_entry)
        assert abs(trade.y_units) * trade.y_entry + abs(trade.x_units) * trade.x_entry == pytest.approx(1000.0)


MADE: list[tuple[Regression, ZScore, Spread]] = [
    (Ols(window=WINDOW), ZScore(), "hedge"),
    (Ols(window=WINDOW), ZScore(), "residual"),
    (Ols(window=WINDOW), ZScore(against="before"), "hedge"),
    (Ols(window=WINDOW), ZScore(method="rolling"), "hedge"),
    (Ols(window=WINDOW), ZScore(method="rolling", against="before"), "residual"),
    (Ols(window=WINDOW), ZScore(method="ew", halflife=8.0), "residual"),
    (Ols(window=WINDOW, prices="log"), ZScore(method="robust"), "hedge"),
    (Ols(window=WINDOW, prices="log"), ZScore(window=40), "residual"),
    (Kalman(window=WINDOW), ZScore(method="innovation"), "hedge"),
    (Kalman(window=WINDOW), ZScore(method="innovation"), "residual"),
    (GivenHedge(window=WINDOW, beta=2.0, alpha=5.0), ZScore(), "residual"),
]


@pytest.mark.parametrize(("regression", "zscore", "spread"), MADE)
def test_the_levels_give_the_zscore_back(regression: Regression, zscore: ZScore, spread: Spread) -> None:
    seen = past(regression=regression, zscore=zscore, spread=spread)
    settings = replace(SETTINGS, zscore=zscore, prices=regression.prices, spread=spread)
    result = backtest(seen.y_bars, seen.x_bars, seen.points, settings)
    scored = np.isfinite(result.zscore)
    back = (result.spread - result.middle) / result.deviation
    assert back[scored].tolist() == pytest.approx(result.zscore[scored].tolist(), abs=1e-6)


@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize(("regression", "zscore", "spread"), MADE)
def test_what_is_held_is_measured_from_where_its_entry_was(regression: Regression, zscore: ZScore, spread: Spread, hold: bool) -> None:
    """Worked out from the point of the entry, whatever the method, and the closes as the regression sees them."""
    seen = past(regression=regression, zscore=zscore, spread=spread)
    rules = Rules(entry=1.5, exit=-0.5, stop=3.5, hold=hold)
    settings = replace(SETTINGS, zscore=zscore, prices=regression.prices, spread=spread, rules=rules)
    result = backtest(seen.y_bars, seen.x_bars, seen.points, settings)
    points = {point.ts: point for point in seen.points}
    assert result.trades != []
    for trade in result.trades:
        begun, ended = points[trade.entered - MINUTE], points[trade.exited - MINUTE]
        assert begun.spread_mean is not None
        assert begun.spread_std is not None
        off = begun.hedge.alpha if spread == "residual" else 0.0
        assert trade.spread_held == pytest.approx(ended.y - begun.hedge.beta * ended.x - off, abs=1e-9)
        assert trade.zscore_held == pytest.approx((trade.spread_held - begun.spread_mean) / begun.spread_std, rel=1e-6, abs=1e-6)
        if hold and trade.reason != "end":
            against = trade.zscore_held if trade.side == "short" else -trade.zscore_held
            assert against <= -0.5 if trade.reason == "target" else against >= 3.5


def drifting() -> tuple[PairPast, np.ndarray]:
    """y is 5 + 2 x but for what is told beside it: from bar 100 on beta drifts to 2.05, stays there and goes back from bar 200 to 240."""
    noise, bar = np.random.default_rng(4), np.arange(300)
    x = 100 + 8 * np.sin(bar / 5)
    away = x * np.interp(bar, [100, 130, 200, 240], [0.0, 0.05, 0.05, 0.0]) + noise.normal(0, 0.05, len(bar))
    return of_bars(bars("AAA", (5 + 2 * x + away).tolist()), bars("BBB", x.tolist()), Ols(window=WINDOW)), away


def test_a_position_is_held_until_its_own_spread_is_back_though_beta_has_followed() -> None:
    seen, away = drifting()
    left, held = (run(seen, entry=3.0, hold=hold).trades[0] for hold in (False, True))
    assert (left.entered, left.side, left.zscore, left.beta) == (held.entered, held.side, held.zscore, held.beta)
    assert 100 <= (left.entered - START) // MINUTE <= 110
    assert left.side == "short"
    assert left.beta == pytest.approx(2.0, abs=0.02)
    early, late = (away[(trade.exited - START) // MINUTE - 1] for trade in (left, held))
    assert (left.reason, held.reason) == ("target", "target")
    assert early > 1.0, "the z of now says that the spread is back, and it is not"
    assert left.zscore_held > 5.0
    assert left.spread_held == pytest.approx(5.0 + early, abs=2.0)
    assert left.gross < 0.0
    assert held.exited >= START + 200 * MINUTE
    assert late < 0.5
    assert held.zscore_held <= 0.0
    assert held.gross > 0.0


def test_what_is_held_is_left_where_there_is_no_point(reverting: PairPast) -> None:
    """The closes are enough for it."""
    known = run(reverting, entry=1.5, hold=True).trades[0]
    assert known.reason == "target"
    silent = [point for point in reverting.points if point.ts < known.entered]
    assert run(replace(reverting, points=silent), entry=1.5, hold=True).trades == [known]
    (kept,) = run(replace(reverting, points=silent), entry=1.5).trades
    assert kept.reason == "end"


def test_revised_bars_count_as_they_stand_last(reverting: PairPast) -> None:
    doubled: list[Bar] = [bar for each in reverting.y_bars for bar in (replace(each, open=1.0), each)]
    assert run(replace(reverting, y_bars=doubled)).trades == run(reverting).trades
