"""Points against an independent computation, re-issues against a fresh run, plugins that misbehave."""

import math
from collections.abc import Mapping
from typing import ClassVar

import msgspec
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import quantd
from quantd.clock import EventClock
from quantd.flow.pairs import Background, PairSeries, PairSpec
from quantd.flow.pairs.background import Take, Work
from quantd.flow.pairs.rows import _MOST_WAITING
from quantd.model import Bar, Hedge, PairPoint, Spread, ZMethod
from quantd.plugin.base import Plugin
from quantd.plugin.guard import Guard
from quantd.stats import FloatArray
from quantd.stats.zscore import ZScore
from quantd.testing import fakes
from quantd_plugins.jobs.adf import AdfJob
from quantd_plugins.regressions.kalman import Kalman
from quantd_plugins.regressions.ols import Ols

DAWN = 1_700_000_000_000
WINDOW = 20


class FitOnly(quantd.Regression):
    """Least squares without a step of its own."""

    def fit(self, y: FloatArray, x: FloatArray) -> Hedge:
        beta, alpha = np.polyfit(x, y, 1)
        return Hedge(alpha=float(alpha), beta=float(beta), n=len(y))


class Broken(quantd.Regression):
    """Answers what no regression may."""

    def fit(self, y: FloatArray, x: FloatArray) -> Hedge:
        return Hedge(alpha=0.0, beta=math.nan, n=len(y))


class Reads(quantd.PairJob):
    """Tells what it was shown."""

    metrics: ClassVar[tuple[str, ...]] = ("rows", "newest")

    def run(self, view: quantd.PairView) -> Mapping[str, float | None]:
        return {"rows": len(view.columns["spread"]), "newest": float(view.columns["ts"][-1])}


def guards(plugin: Plugin, user: str) -> Guard:
    return Guard("any", f"{type(plugin).__name__} {user}", EventClock())


def series(regression: quantd.Regression | None = None, *jobs: quantd.PairJob, reopen: int = 60_000) -> PairSeries:
    return PairSeries(PairSpec("Y-X", "1s", regression or Ols(window=WINDOW), jobs=jobs), guards, reopen)


def legs(count: int, seed: int = 1) -> tuple[list[Bar], list[Bar]]:
    chance = np.random.default_rng(seed)
    x = 3_000 + chance.normal(size=count).cumsum()
    y = 1_000 + 20 * x + chance.normal(scale=5, size=count)
    return [bar("Y", n, price) for n, price in enumerate(y)], [bar("X", n, price) for n, price in enumerate(x)]


def bar(symbol: str, number: int, close: float, quality: quantd.Quality = "complete", revision: int = 0) -> Bar:
    start = DAWN + number * 1_000
    return fakes.flat_bars([close], symbol=symbol, every="1s", start=start, quality=quality, revision=revision)[0]


def table(points: list[PairPoint]) -> pd.DataFrame:
    rows = [msgspec.structs.asdict(point) | msgspec.structs.asdict(point.hedge) for point in points]
    return pd.DataFrame(rows).set_index("ts")


def expected(y_bars: list[Bar], x_bars: list[Bar]) -> pd.DataFrame:
    """The definition, written with pandas over whole columns."""
    prices = pd.DataFrame({"y": [each.close for each in y_bars], "x": [each.close for each in x_bars]}, index=[each.ts for each in y_bars])
    rolling = prices.rolling(WINDOW)
    cov = rolling.cov().unstack()
    beta = cov["y"]["x"] / cov["x"]["x"]
    returns = np.log(prices).diff()
    columns = {
        "beta": beta,
        "spread": prices.y - beta * prices.x,
        "corr": prices.y.rolling(WINDOW).corr(prices.x),
        "corr_returns": returns.y.rolling(WINDOW - 1).corr(returns.x),
    }
    return pd.DataFrame(columns).dropna(subset="beta")


@pytest.mark.parametrize("regression", [Ols(window=WINDOW), FitOnly(window=WINDOW)])
def test_points_equal_their_definition(regression: quantd.Regression) -> None:
    y, x = legs(200)
    points = series(regression).add(y, x)
    found, wanted = table(points), expected(y, x)
    assert list(found.index) == list(wanted.index)
    for name in wanted:
        assert_allclose(found[name].astype(float), wanted[name], rtol=1e-8, atol=1e-9)
    assert found.zscore.first_valid_index() == DAWN + (WINDOW - 1) * 1_000
    assert_allclose((found.spread - found.spread_mean) / found.spread_std, found.zscore.astype(float), rtol=1e-9)


def test_bars_may_come_one_by_one_and_either_leg_first() -> None:
    y, x = legs(100)
    whole, pieces = series(), series()
    wanted = whole.add(y, x)
    found = pieces.add(y[:40], [])
    for number in range(100):
        found += pieces.add(y[40:][number : number + 1], x[number : number + 1])
    assert found == wanted


def test_the_answer_depends_on_the_spec_s_memory_alone_to_the_last_bit() -> None:
    y, x = legs(500)
    live, again = series(), series()
    wanted = live.add(y, x)[-1]
    start = 500 - live.spec.memory
    assert again.add(y[start:], x[start:])[-1] == wanted


def test_a_mended_bar_re_issues_what_a_fresh_run_would_give() -> None:
    y, x = legs(300)
    job = AdfJob(window=30)
    live, fresh = series(None, job), series(None, job)
    before = {point.ts: point for point in live.add(y, x)}
    y[270] = bar("Y", 270, y[270].close + 100, "gap", revision=1)
    mended = live.add([y[270]], [])
    after = {point.ts: point for point in fresh.add(y, x)}
    assert [point.ts for point in mended] == [DAWN + n * 1_000 for n in range(270, 300)]
    for point in mended:
        assert point.revision == 1
        assert msgspec.structs.replace(point, revision=0) == after[point.ts]
    assert all(before[ts] == point for ts, point in after.items() if ts < DAWN + 270_000)
    assert live.add([bar("Y", 300, 61_000)], [bar("X", 300, 3_000)]) == fresh.add([bar("Y", 300, 61_000)], [bar("X", 300, 3_000)])


def test_coverage_counts_the_bars_that_hold_every_trade() -> None:
    y, x = legs(WINDOW)
    y[3] = bar("Y", 3, y[3].close, "gap")
    x[4] = bar("X", 4, x[4].close, "partial")
    (point,) = series().add(y, x)
    assert point.coverage == (2 * WINDOW - 2) / (2 * WINDOW)


def test_flat_prices_have_no_hedge_and_a_flat_spread_no_zscore() -> None:
    y, _ = legs(80)
    assert series().add(y, [bar("X", n, 5.0) for n in range(80)]) == []
    points = series().add([bar("Y", n, 2 * each.close) for n, each in enumerate(y)], [bar("X", n, each.close) for n, each in enumerate(y)])
    assert {(point.zscore, point.reason) for point in points[WINDOW:]} == {(None, "flat")}
    assert {point.hedge.beta for point in points} == {2.0}


def test_identical_legs_have_beta_one_and_corr_one() -> None:
    y, _ = legs(50)
    points = series().add(y, [bar("X", n, each.close) for n, each in enumerate(y)])
    assert {(point.hedge.beta, point.spread, point.corr) for point in points} == {(1.0, 0.0, 1.0)}


def test_logarithms_on_request() -> None:
    y, x = legs(40)
    (point, *_) = series(Ols(window=WINDOW, prices="log")).add(y, x)
    beta = np.polyfit(np.log([each.close for each in x[:WINDOW]]), np.log([each.close for each in y[:WINDOW]]), 1)[0]
    assert point.y == math.log(y[WINDOW - 1].close)
    assert point.hedge.beta == pytest.approx(beta, rel=1e-9)


def test_the_nowcast_keeps_beta_mean_and_sigma_of_the_last_close() -> None:
    y, x = legs(100)
    pair = series()
    points = pair.add(y, x)
    last = points[-1]
    now = pair.nowcast(DAWN + 100_250, last.y + 7.0, last.x)
    assert now is not None
    spreads = np.array([point.y - last.hedge.beta * point.x for point in points[-WINDOW:]])
    assert (now.provisional, now.quality, now.hedge, now.spread) == (True, "forming", last.hedge, last.y + 7.0 - last.hedge.beta * last.x)
    assert now.zscore == pytest.approx((now.spread - spreads.mean()) / spreads.std(ddof=1), rel=1e-9)
    assert pair.nowcast(DAWN + 100_500, last.y, last.x).zscore == pytest.approx(last.zscore)
    assert series().nowcast(DAWN, 1.0, 1.0) is None


def test_jobs_see_the_points_up_to_theirs_and_their_metrics_are_part_of_it() -> None:
    y, x = legs(60)
    points = series(None, Reads()).add(y, x)
    assert [point.metrics["rows"] for point in points[:3]] == [WINDOW] * 3, "the bars before the first point too"
    assert points[-1].metrics == {"rows": WINDOW, "newest": points[-1].ts}


def test_a_regression_that_answers_nan_gives_no_point() -> None:
    assert series(Broken(window=WINDOW)).add(*legs(60)) == []


def test_the_leg_that_waits_is_bounded() -> None:
    y, x = legs(_MOST_WAITING + 1_000)
    pair = series(reopen=0)
    assert pair.add(y, []) == []
    assert len(pair.add([], x)) == _MOST_WAITING - WINDOW + 1


def test_bars_mended_far_apart_at_once_re_issue_the_points_of_both() -> None:
    y, x = legs(400)
    live, fresh = series(reopen=600_000), series()
    live.add(y, x)
    for number in (10, 390):
        y[number] = bar("Y", number, y[number].close + 50, revision=1)
    mended = {point.ts: point for point in live.add([y[10], y[390]], [])}
    wanted = [point for point in fresh.add(y, x) if point.ts >= DAWN + 390_000]
    assert [msgspec.structs.replace(mended[point.ts], revision=0) for point in wanted] == wanted


@pytest.mark.parametrize("prices", ["raw", "log"])
def test_state_rebuilt_from_the_spec_s_memory_goes_on_with_the_same_bits(prices: str) -> None:
    y, x = legs(900)
    for number in range(500, 560):
        x[number] = bar("X", number, x[500].close)
    spec = PairSpec("Y-X", "1s", Ols(window=WINDOW, prices=prices), jobs=(AdfJob(window=30), Reads()))  # type: ignore[arg-type]
    live = PairSeries(spec, guards, 0)
    wanted = {point.ts: point for point in live.add(y, x)}
    for stop in (560, 590, 650, 700, 777):
        again = PairSeries(spec, guards, 0)
        again.add(y[stop - spec.memory : stop], x[stop - spec.memory : stop])
        for point in again.add(y[stop:], x[stop:]):
            assert point == wanted[point.ts]


class Named(quantd.PairJob):
    """A state that follows the sign of the spread's last change."""

    metrics: ClassVar[tuple[str, ...]] = ("direction", "steps")
    words: ClassVar[Mapping[str, tuple[str, ...]]] = {"direction": ("up", "down")}
    states: ClassVar[tuple[str, ...]] = ("direction",)

    def bars_needed(self, window: int) -> int:
        return 2

    def run(self, view: quantd.PairView) -> Mapping[str, quantd.Metric]:
        spread = view.columns["spread"]
        if len(spread) < 2:
            return {"direction": None, "steps": None}
        return {"direction": "up" if spread[-1] > spread[-2] else "down", "steps": float(spread[-1] - spread[-2])}


class Slow(Named):
    """The same, beside the flow."""

    background: ClassVar[bool] = True


class Later(Background):
    """Runs nothing before it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[tuple[Work, Take]] = []

    def run(self, work: Work, take: Take) -> None:
        self.waiting.append((work, take))

    def end(self) -> None:
        """End what runs; what begins then goes on."""
        running, self.waiting = self.waiting, []
        for work, take in running:
            take(work())


def slow_series(later: Later, reopen: int = 0) -> PairSeries:
    return PairSeries(PairSpec("Y-X", "1s", Ols(window=WINDOW), jobs=(Reads(), Slow())), guards, reopen, later)


def test_the_residual_has_alpha_taken_out() -> None:
    y_bars, x_bars = legs(3 * WINDOW)
    spec = PairSpec("Y-X", "1s", Ols(window=WINDOW))
    plain = PairSeries(spec, guards, 0).add(y_bars, x_bars)
    residual = PairSeries(msgspec.structs.replace(spec, spread="residual"), guards, 0).add(y_bars, x_bars)
    assert [point.spread for point in residual] == [point.spread - point.hedge.alpha for point in plain]
    assert [point.zscore for point in residual] == [point.zscore for point in plain]
    last = residual[-1]
    assert last.spread_mean is not None
    assert last.spread_mean == pytest.approx(0.0, abs=1e-9), "the residuals of least squares have no mean"


@pytest.mark.parametrize("spread", ["hedge", "residual"])
@pytest.mark.parametrize("zscore", ["window", "rolling", "ew", "robust", "innovation"])
def test_the_nowcast_at_the_close_is_the_point(zscore: ZMethod, spread: Spread) -> None:
    y_bars, x_bars = legs(4 * WINDOW)
    regression = Kalman(window=WINDOW) if zscore == "innovation" else Ols(window=WINDOW)
    made = PairSeries(PairSpec("Y-X", "1s", regression, ZScore(method=zscore), spread=spread), guards, 0)
    point = made.add(y_bars, x_bars)[-1]
    now = made.nowcast(point.ts, y_bars[-1].close, x_bars[-1].close)
    assert now
    assert now.spread == point.spread
    if zscore == "innovation":
        assert point.hedge.innovation is not None
        assert point.zscore == pytest.approx(point.hedge.innovation / (point.hedge.innovation_std or 0.0), rel=1e-9)
    else:
        assert now.zscore == point.zscore


def test_points_whose_bar_was_clipped_are_counted_once() -> None:
    y_bars, x_bars = legs(4 * WINDOW)
    y_bars[-5] = msgspec.structs.replace(y_bars[-5], close=2 * y_bars[-5].close)
    made = series(Kalman(window=WINDOW))
    points = made.add(y_bars, x_bars)
    light = [point for point in points if point.hedge.weight < 1.0]
    assert points[-5] in light
    assert made.counts.clipped == len(light)
    made.add([msgspec.structs.replace(y_bars[-5], close=3 * y_bars[-5].close, revision=1)], [])
    assert made.counts.clipped == len(light), "a point that is issued again was counted"


@pytest.mark.parametrize("at", [WINDOW // 2, 4 * WINDOW + WINDOW // 2], ids=["in the warm-up", "as far back as a walk begins"])
def test_a_mended_bar_of_a_recursive_regression_gives_what_a_fresh_run_gives(at: int) -> None:
    y_bars, x_bars = legs(8 * WINDOW)
    mended = [*y_bars[:at], msgspec.structs.replace(y_bars[at], close=1.001 * y_bars[at].close, revision=1), *y_bars[at + 1 :]]
    made = series(Kalman(window=WINDOW), reopen=600_000)
    made.add(y_bars, x_bars)
    again = made.add([mended[at]], [])
    fresh = series(Kalman(window=WINDOW), reopen=600_000).add(mended, x_bars)
    assert [point.hedge for point in again] == [point.hedge for point in fresh if point.ts >= again[0].ts]


def test_a_change_of_state_is_told_once() -> None:
    y_bars, x_bars = legs(3 * WINDOW)
    made = series(None, Named())
    points = made.add(y_bars, x_bars)
    changes = [change for point in points for change in made.changes(point)]
    told = [point.metrics["direction"] for point in points if point.metrics["direction"]]
    assert [change.now for change in changes] == [now for at, now in enumerate(told) if at == 0 or now != told[at - 1]]
    assert [change.was for change in changes] == [None, *(change.now for change in changes[:-1])]
    assert made.changes(points[-2]) == [], "what is older than what is known changes nothing"


def test_what_a_slow_job_finds_joins_its_point() -> None:
    y_bars, x_bars = legs(2 * WINDOW)
    later = Later()
    made = slow_series(later)
    point = made.add(y_bars, x_bars)[-1]
    assert set(point.metrics) == {"rows", "newest"}
    assert made.arrived() == []
    later.end()
    (found,) = made.arrived()
    assert set(found.metrics) == {"rows", "newest", "direction", "steps"}
    assert (found.ts, found.revision) == (point.ts, 1)
    assert made.arrived() == []


def test_a_slow_job_runs_once_at_a_time_and_then_on_the_newest_bar() -> None:
    y_bars, x_bars = legs(2 * WINDOW)
    later = Later()
    made = slow_series(later)
    for number in range(2 * WINDOW):
        made.add(y_bars[number : number + 1], x_bars[number : number + 1])
    assert len(later.waiting) == 1
    later.end()
    later.end()
    assert later.waiting == []
    assert [point.ts for point in made.arrived()] == [y_bars[WINDOW - 1].ts, y_bars[-1].ts]


def test_in_a_replay_a_slow_job_is_as_quick_as_any() -> None:
    y_bars, x_bars = legs(2 * WINDOW)
    slow, quick = series(None, Slow()).add(y_bars, x_bars), series(None, Named()).add(y_bars, x_bars)
    assert slow == quick


def test_what_a_slow_job_found_of_a_mended_point_is_let_go() -> None:
    y_bars, x_bars = legs(2 * WINDOW)
    later = Later()
    made = slow_series(later, reopen=60_000)
    made.add(y_bars, x_bars)
    points = made.add([bar("Y", 2 * WINDOW - 1, 77_000.0, revision=1)], [])
    assert "steps" not in points[-1].metrics
    later.end()
    assert made.arrived() == [], "it speaks of the bar as it was"
    later.end()
    (found,) = made.arrived()
    assert found.revision == 2
    assert found.y == 77_000.0
    before = y_bars[-2].close - found.hedge.beta * x_bars[-2].close
    assert found.metrics["steps"] == pytest.approx(found.spread - before)


def test_a_mended_point_keeps_what_slow_jobs_had_found_of_it() -> None:
    y_bars, x_bars = legs(2 * WINDOW)
    later = Later()
    made = slow_series(later, reopen=60_000)
    made.add(y_bars[:-1], x_bars[:-1])
    later.end()
    (found,) = made.arrived()
    made.add(y_bars[-1:], x_bars[-1:])
    mended, newest = made.add([bar("Y", 2 * WINDOW - 2, 77_000.0, revision=1)], [])
    assert (mended.ts, mended.metrics["direction"]) == (found.ts, found.metrics["direction"])
    assert "direction" not in newest.metrics


def test_jobs_see_of_the_past_its_end_alone() -> None:
    y_bars, x_bars = legs(2 * WINDOW)
    points = series(None, Reads()).add(y_bars, x_bars, measure_from=y_bars[-1].ts + 1)
    assert [bool(point.metrics) for point in points] == [False] * (len(points) - 1) + [True]


def test_a_job_may_answer_in_numpys_numbers() -> None:
    class Numpy(quantd.PairJob):
        """Forgets to convert."""

        metrics: ClassVar[tuple[str, ...]] = ("count", "level")

        def run(self, view: quantd.PairView) -> Mapping[str, quantd.Metric]:
            return {"count": np.int64(3), "level": np.float64(1.5)}  # type: ignore[dict-item]

    y_bars, x_bars = legs(2 * WINDOW)
    metrics = series(None, Numpy()).add(y_bars, x_bars)[-1].metrics
    assert [(type(value), value) for value in metrics.values()] == [(int, 3), (float, 1.5)]
