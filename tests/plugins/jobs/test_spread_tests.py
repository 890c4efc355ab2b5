"""What the tests of the spread tell of pairs that stand still, are lines of one another, or are of odd sizes."""

import math
from collections.abc import Mapping

import numpy as np
import pytest

from quantd.clock import EventClock
from quantd.flow.pairs import PairSeries, PairSpec
from quantd.model import Metric, PairPoint, Prices
from quantd.plugin.guard import Guard
from quantd.plugin.regression import Regression
from quantd.stats import FloatArray
from quantd.testing import fakes
from quantd_plugins.jobs.adf import AdfJob
from quantd_plugins.jobs.kpss import KpssJob
from quantd_plugins.jobs.reversion import Reversion
from quantd_plugins.regressions.ols import Ols
from quantd_plugins.regressions.theil_sen import TheilSen

N, WINDOW = 160, 50
NUMBERS = ("adf_stat", "adf_pvalue", "kpss_stat", "kpss_pvalue", "half_life", "half_life_low", "variance_ratio", "hurst", "crossings")
REASONS = ("adf_reason", "kpss_reason", "half_life_reason", "reversion_reason")


def points(y: FloatArray, x: FloatArray, regression: Regression) -> list[PairPoint]:
    y_bars, x_bars = (fakes.flat_bars(closes, symbol=symbol) for symbol, closes in (("Y", y), ("X", x)))
    spec = PairSpec("Y-X", "1m", regression, jobs=(AdfJob(), KpssJob(), Reversion()))
    return PairSeries(spec, lambda plugin, user: Guard("job", user, EventClock()), 0).add(y_bars, x_bars)


def last(y: FloatArray, x: FloatArray, regression: Regression | None = None) -> Mapping[str, Metric]:
    return points(y, x, regression or Ols(window=WINDOW))[-1].metrics


def tied(seed: int = 1) -> tuple[FloatArray, FloatArray]:
    """Legs whose spread comes back within some bars."""
    chance, off = np.random.default_rng(seed), np.zeros(N)
    x = 100.0 + 0.05 * chance.normal(size=N).cumsum()
    for at in range(1, N):
        off[at] = 0.7 * off[at - 1] + 0.05 * chance.normal()
    return np.round(3.0 + 0.8 * x + off, 2), np.round(x, 2)


def test_a_pair_that_moves_has_every_number() -> None:
    found = last(*tied())
    assert all(isinstance(found[name], float) for name in NUMBERS)
    assert [found[name] for name in REASONS] == [None] * 4


@pytest.mark.parametrize("prices", ["raw", "log"])
def test_a_line_rounded_to_ticks_has_none(prices: Prices) -> None:
    x = tied()[1]
    found = last(np.round(3.0 + 0.8 * x, 2), x, Ols(window=WINDOW, prices=prices))
    assert [found[name] for name in NUMBERS] == [None] * len(NUMBERS)
    assert [found[name] for name in REASONS] == ["collinear"] * 4


def test_a_pair_that_has_come_to_stand_still_has_none() -> None:
    """Although most of the tested bars moved."""
    y, x = tied()
    y[-WINDOW:] = y[-WINDOW]
    made = points(y, x, Ols(window=WINDOW))
    assert [point.reason == "flat" for point in made[-2:]] == [False, True]
    assert made[-1].metrics["adf_reason"] == made[-1].metrics["half_life_reason"] == "flat"
    assert made[-1].metrics["kpss_pvalue"] is made[-1].metrics["hurst"] is None
    assert made[-2].metrics["adf_reason"] is None


@pytest.mark.parametrize("size", [1e-198, 1e-160, 1e-9, 1e9, 1e150])
def test_prices_of_any_size_are_tested_alike(size: float) -> None:
    """By Theil and Sen's line: sums of squares of such prices have no room in doubles."""
    y, x = tied()
    plain, found = last(y, x, TheilSen(window=WINDOW)), last(size * y, size * x, TheilSen(window=WINDOW))
    assert [found[name] for name in REASONS] == [None] * 4
    for name in NUMBERS:
        assert found[name] == pytest.approx(plain[name], rel=1e-6)


@pytest.mark.parametrize("n", [30, 60])
def test_few_closes_are_named(n: int) -> None:
    y, x = (leg[:n] for leg in tied())
    found = last(y, x, Ols(window=10))
    assert found["reversion_reason"] == "short"
    assert found["hurst"] is None
    assert math.isfinite(float(found["variance_ratio"] or math.nan))
