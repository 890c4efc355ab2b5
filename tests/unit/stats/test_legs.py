"""What makes two legs unfit for a test of whether they are tied."""

from typing import Literal

import numpy as np
import pytest

from quantd.stats import FloatArray
from quantd.stats.cointegration import engle_granger
from quantd.stats.johansen import johansen
from quantd.stats.legs import Legs, legs_of
from quantd.stats.reasons import Reason
from quantd.testing import fakes
from tests.unit.stats.pairs import tied, walks

LEG, OTHER = fakes.walk(100), fakes.walk(100, seed=1)
LINE = 100.0 * np.arange(100.0)


def put(value: float) -> FloatArray:
    return np.where(np.arange(100) == 50, value, LEG)


UNFIT = [
    pytest.param(np.array([]), np.array([]), "short", id="nothing"),
    pytest.param(fakes.walk(19), fakes.walk(19, seed=1), "short", id="19 bars"),
    pytest.param(put(np.nan), OTHER, "not finite", id="nan"),
    pytest.param(OTHER, put(np.inf), "not finite", id="inf"),
    pytest.param(LEG, np.full(100, 5.0), "flat", id="constant x"),
    pytest.param(np.full(100, 5e-198), LEG, "flat", id="constant y"),
    pytest.param(LEG, LEG, "collinear", id="identical legs"),
    pytest.param(3.0 - 2.0 * LEG, LEG, "collinear", id="a line"),
    pytest.param(1e6 + 0.3 * (LEG - LEG.mean()) * 1e-4, 2e6 + (LEG - LEG.mean()) * 1e-4, "collinear", id="a line, far away"),
    pytest.param(0.1 * LEG * 1e-198, LEG * 1e150, "collinear", id="a line of other sizes"),
    pytest.param(np.round(3.0 + 2.0 * LEG, 1), LEG, "collinear", id="a line rounded to tenths"),
    pytest.param(LEG, np.round(3.0 - 2.0 * LEG, 2), "collinear", id="a rounded line as x"),
    pytest.param(np.round(LEG, 1), np.round(LEG, 3), "collinear", id="one price in two ticks"),
]


@pytest.mark.parametrize(("y", "x", "reason"), UNFIT)
@pytest.mark.parametrize("trend", ["c", "ct"])
def test_there_is_a_reason_where_there_is_no_test(y: FloatArray, x: FloatArray, reason: Reason, trend: Literal["c", "ct"]) -> None:
    assert legs_of(y, x, trend=trend) == reason
    found, back, ranks = engle_granger(y, x, trend=trend), engle_granger(x, y, trend=trend), johansen(y, x, trend=trend)
    assert (found.stat, found.pvalue, found.lags, found.reason) == (None, None, None, reason)
    assert (back.stat, back.pvalue, back.reason) == (None, None, reason)
    assert (ranks.trace, ranks.max_eigen, ranks.rank, ranks.beta, ranks.alpha, ranks.reason) == (None, None, None, None, None, reason)


def test_a_leg_that_is_nothing_but_the_trend_is_flat_without_it() -> None:
    assert legs_of(LEG, LINE, trend="ct") == legs_of(LINE, LEG, trend="ct") == "flat"
    assert isinstance(legs_of(LEG, LINE), Legs)


@pytest.mark.parametrize("tick", [0.01, 0.3, 1.0])
def test_a_spread_of_some_ticks_is_tested(tick: float) -> None:
    y, x = (np.round(leg / tick) * tick for leg in tied(1, 250))
    assert isinstance(legs_of(y, x), Legs)
    assert isinstance(legs_of(x, y), Legs)


@pytest.mark.parametrize("noise", [1e-1, 1e-3, 1e-5])
def test_legs_without_ticks_may_be_as_near_as_they_like(noise: float) -> None:
    for seed in range(20):
        chance = np.random.default_rng(seed)
        x = 60_000.0 + 20.0 * chance.normal(size=250).cumsum()
        y = 2.0 * x + noise * chance.normal(size=250)
        assert isinstance(legs_of(y, x), Legs)
        assert isinstance(legs_of(x, y), Legs)


@pytest.mark.parametrize("tick", [1e-8, 1e-3, 0.01, 0.25, 10.0])
def test_a_line_is_known_whatever_it_was_rounded_to(tick: float) -> None:
    for seed in range(20):
        x = np.round(1e6 + 300.0 * np.random.default_rng(seed).normal(size=250).cumsum()) * tick
        y = np.round((5.0 - 1.7 * x) / tick) * tick
        assert legs_of(y, x) == legs_of(x, y) == "collinear"


def test_a_line_of_logarithms_is_known_by_the_ticks_of_its_prices() -> None:
    for seed in range(20):
        x = np.round(60_000.0 + 30.0 * np.random.default_rng(seed).normal(size=250).cumsum())
        y = np.round(x / 40.0, 1)
        of_y, of_x = np.log(y), np.log(x)
        assert legs_of(of_y, of_x, log=True) == legs_of(of_x, of_y, log=True) == "collinear"
        assert isinstance(legs_of(*(np.log(leg) for leg in tied(seed, 250)), log=True), Legs)


def test_coarse_ticks_of_strangers_are_no_line() -> None:
    for seed in range(50):
        y, x = (np.round(leg / 2.0) * 2.0 for leg in walks(seed, 60))
        assert isinstance(legs_of(y, x), Legs)


@pytest.mark.parametrize("trend", ["c", "ct"])
def test_residuals_are_those_of_least_squares(trend: Literal["c", "ct"]) -> None:
    y, x = tied(2, 120)
    legs = legs_of(y, x, trend=trend)
    assert isinstance(legs, Legs)
    columns = np.column_stack([x, np.ones(120), *([np.arange(120.0)] if trend == "ct" else [])])
    wanted = y - columns @ np.linalg.lstsq(columns, y, rcond=None)[0]
    assert np.ldexp(legs.residuals, legs.of_y) == pytest.approx(wanted, abs=1e-8)
