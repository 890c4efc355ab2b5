"""Johansen's tests against statsmodels, least squares and simulation, and input that allows no test."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from statsmodels.tsa.coint_tables import c_sja, c_sjt
from statsmodels.tsa.vector_ar.vecm import VECM, coint_johansen

from quantd.stats import FloatArray
from quantd.stats.johansen import CRITICAL, Deterministic, Johansen, johansen, shortest, whiteness
from tests.unit.stats.pairs import tied, walks

TRENDS: tuple[Deterministic, ...] = ("n", "rc", "c", "ct")
VECM_TRENDS = {"n": "n", "rc": "ci", "c": "co", "ct": "coli"}
every_trend = pytest.mark.parametrize("trend", TRENDS)
every_lag = pytest.mark.parametrize("lags", [0, 1, 2, 5])


def numbers(found: Johansen) -> tuple[tuple[float, float], tuple[float, float], float]:
    assert found.reason is None
    assert found.trace
    assert found.max_eigen
    assert found.beta is not None
    return found.trace, found.max_eigen, found.beta


@pytest.mark.parametrize(("trend", "order"), [("n", -1), ("c", 0)])
@pytest.mark.parametrize("lags", [1, 2, 5])
@pytest.mark.parametrize("phi", [0.8, 1.0])
def test_equals_statsmodels_where_that_is_right(trend: Deterministic, order: int, lags: int, phi: float) -> None:
    y, x = tied(3, 250, phi)
    trace, max_eigen, beta = numbers(johansen(y, x, trend=trend, lags=lags))
    wanted = coint_johansen(np.column_stack([y, x]), order, lags)
    assert trace == pytest.approx(tuple(wanted.lr1), rel=1e-5)
    assert max_eigen == pytest.approx(tuple(wanted.lr2), rel=1e-5)
    assert beta == pytest.approx(-wanted.evec[1, 0] / wanted.evec[0, 0], rel=1e-6)


@every_trend
@every_lag
def test_the_relation_is_that_of_statsmodels_vecm(trend: Deterministic, lags: int) -> None:
    y, x = tied(4, 250)
    found = johansen(y, x, trend=trend, lags=lags)
    wanted = VECM(np.column_stack([y, x]), k_ar_diff=lags, coint_rank=1, deterministic=VECM_TRENDS[trend]).fit()
    assert numbers(found)[2] == pytest.approx(-wanted.beta[1, 0] / wanted.beta[0, 0], rel=1e-6)
    assert found.alpha == (pytest.approx(-wanted.const_coint[0, 0], rel=1e-5) if trend == "rc" else None)


def regressors(levels: FloatArray, trend: Deterministic, lags: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Changes, lagged levels with what is restricted to the relation, and what is not, row by row as the model is written."""
    changes, joined, free = [], [], []
    for t in range(lags + 1, len(levels)):
        changes.append(levels[t] - levels[t - 1])
        joined.append([*levels[t - 1], *{"rc": [1.0], "ct": [t / len(levels)]}.get(trend, [])])
        free.append([*([1.0] if trend in ("c", "ct") else []), *(levels[t - i] - levels[t - i - 1] for i in range(1, lags + 1))])
    flat = [np.hstack(row) if row else np.array([]) for row in free]
    return np.array(changes), np.array(joined), np.array(flat)


def likelihood(changes: FloatArray, columns: FloatArray) -> float:
    """-2 times the log likelihood of least squares, but for a constant."""
    left = changes - columns @ np.linalg.lstsq(columns, changes, rcond=None)[0] if columns.shape[1] else changes
    return float(len(changes) * np.linalg.slogdet(left.T @ left)[1])


@every_trend
@every_lag
@pytest.mark.parametrize("phi", [0.8, 1.0])
def test_ratios_are_those_of_likelihoods(trend: Deterministic, lags: int, phi: float) -> None:
    y, x = tied(5, 120, phi)
    trace, _, _ = numbers(johansen(y, x, trend=trend, lags=lags))
    origin = 0.0 if trend == "n" else np.array([y.mean(), x.mean()])
    changes, joined, free = regressors(np.column_stack([y, x]) - origin, trend, lags)
    none, full = likelihood(changes, free), likelihood(changes, np.hstack([joined, free]))
    assert trace[0] == pytest.approx(none - full, rel=1e-6)


@pytest.mark.parametrize("trend", ["n", "c"])
@every_lag
def test_one_relation_is_the_best_of_all(trend: Deterministic, lags: int) -> None:
    y, x = tied(6, 120)
    trace, max_eigen, beta = numbers(johansen(y, x, trend=trend, lags=lags))
    changes, joined, free = regressors(np.column_stack([y, x]), trend, lags)

    def with_slope(slope: float) -> float:
        return likelihood(changes, np.column_stack([joined[:, 0] - slope * joined[:, 1], free]))

    best = minimize_scalar(with_slope, bounds=(beta - 0.5, beta + 0.5), method="bounded", options={"xatol": 1e-10})
    assert best.x == pytest.approx(beta, abs=1e-6)
    assert trace[1] == pytest.approx(best.fun - likelihood(changes, np.hstack([joined, free])), abs=1e-6)
    assert max_eigen == pytest.approx((trace[0] - trace[1], trace[1]))


@pytest.mark.parametrize(("trend", "order"), [("n", -1), ("c", 0)])
def test_critical_values_are_those_that_statsmodels_ships(trend: Deterministic, order: int) -> None:
    of_trace, of_max = CRITICAL[trend]
    assert of_trace == pytest.approx([c_sjt(2 - most, order)[1] for most in (0, 1)], abs=1e-3)
    assert of_max == pytest.approx([c_sja(2 - most, order)[1] for most in (0, 1)], abs=1e-3)


def test_critical_values_grow_where_lags_take_observations() -> None:
    found = johansen(*walks(1, 65), lags=4)
    assert found.trace_critical == pytest.approx([60.0 / 50.0 * value for value in CRITICAL["rc"][0]])
    assert found.max_eigen_critical == pytest.approx([60.0 / 50.0 * value for value in CRITICAL["rc"][1]])


@pytest.mark.parametrize(("trend", "drift"), [("rc", 0.0), ("c", 0.5), ("ct", 0.0), ("ct", 0.5)])
@pytest.mark.parametrize("relations", [0, 1])
def test_each_statistic_is_beyond_its_critical_value_as_often_as_the_level_says(trend: Deterministic, drift: float, relations: int) -> None:
    beyond = []
    for seed in range(600):
        y, x = tied(seed, 150, 0.3) if relations else walks(seed, 150)
        time = drift * np.arange(150)
        found = johansen(y + 2.0 * time, x + time, trend=trend)
        assert found.trace
        assert found.trace_critical
        assert found.max_eigen
        assert found.max_eigen_critical
        pairs = (found.trace, found.trace_critical), (found.max_eigen, found.max_eigen_critical)
        beyond.append([stat[relations] > critical[relations] for stat, critical in pairs])
    assert np.mean(beyond, axis=0) == pytest.approx([0.05, 0.05], abs=0.022)


@every_trend
def test_finds_the_relation(trend: Deterministic) -> None:
    found = johansen(*tied(5, 500), trend=trend)
    assert (found.rank, found.beta) == (1, pytest.approx(2.0, abs=0.05))
    assert johansen(*walks(3, 500), trend=trend).rank == 0


def test_two_legs_that_come_back_by_themselves_have_two_relations() -> None:
    chance = np.random.default_rng(1)
    assert johansen(100.0 + chance.normal(size=250), 50.0 + chance.normal(size=250)).rank == 2


@given(st.integers(0, 500), st.sampled_from(TRENDS), st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.floats(-1e3, 1e3), st.integers(0, 2))
def test_knows_no_units(seed: int, trend: Deterministic, of_y: float, of_x: float, shift: float, lags: int) -> None:
    y, x = tied(seed, 80)
    plain = johansen(y, x, trend=trend, lags=lags)
    moved = johansen(of_y * (y + (0.0 if trend == "n" else shift)), of_x * x, trend=trend, lags=lags)
    for there, here in zip(numbers(moved)[:2], numbers(plain)[:2], strict=True):
        assert there == pytest.approx(here, rel=1e-5, abs=1e-8)
    assert moved.beta == pytest.approx(numbers(plain)[2] * of_y / of_x, rel=1e-5)


@every_trend
@pytest.mark.parametrize(("of_y", "of_x"), [(1e-198, 1e-198), (1e150, 1e150), (1e-150, 1e140), (1e304, 1.0), (1.0, 1e-300)])
def test_prices_may_be_of_any_size(trend: Deterministic, of_y: float, of_x: float) -> None:
    y, x = tied(3, 250)
    plain, far = johansen(y, x, trend=trend), johansen(y * of_y, x * of_x, trend=trend)
    assert far.trace == pytest.approx(plain.trace, rel=1e-6)
    assert far.rank == plain.rank
    assert plain.beta
    assert far.beta == pytest.approx(plain.beta * of_y / of_x, rel=1e-6)


def test_a_beta_beyond_doubles_is_none() -> None:
    y, x = tied(3, 250)
    found = johansen(y * 1e200, x * 1e-200)
    assert found.trace == pytest.approx(johansen(y, x).trace, rel=1e-6)
    assert (found.beta, found.alpha, found.reason) == (None, None, "undetermined")


@pytest.mark.parametrize("noise", [1e-2, 1e-4])
def test_legs_that_are_nearly_one_keep_their_digits(noise: float) -> None:
    chance = np.random.default_rng(5)
    x = 60_000.0 + chance.normal(0.0, 20.0, 250).cumsum()
    own = chance.normal(0.0, noise, 250)
    found, wanted = johansen(2.0 * x + own, x, trend="c", lags=3), coint_johansen(np.column_stack([own / noise, x - x.mean()]), 0, 3)
    assert found.trace == pytest.approx(tuple(wanted.lr1), rel=1e-3)
    assert found.beta == pytest.approx(2.0, abs=1e-2 * noise)


@every_trend
def test_whiteness_is_that_of_statsmodels(trend: Deterministic) -> None:
    y, x = tied(3, 250)
    levels = np.column_stack([y, x]) - (0.0 if trend == "n" else np.array([y.mean(), x.mean()]))
    wanted = VECM(levels, k_ar_diff=1, coint_rank=1, deterministic=VECM_TRENDS[trend]).fit().test_whiteness(nlags=11, adjusted=True)
    assert whiteness(y, x, trend=trend, lags=1) == pytest.approx(wanted.pvalue, rel=1e-5)
    assert whiteness(y * 1e-198, 1e150 * (1e3 * x + y), trend=trend, lags=1) == pytest.approx(wanted.pvalue, rel=1e-5)


def test_whiteness_tells_that_trades_bounce() -> None:
    chance = np.random.default_rng(1)
    y, x = (leg + chance.choice([-1.0, 1.0], size=500) for leg in walks(1, 500))
    found = [whiteness(y, x, lags=lags) for lags in (0, 4)]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0] < 0.001 < 0.05 < found[1]
    assert whiteness(y, y) is None


def stale(leg: FloatArray, every: int) -> FloatArray:
    at: NDArray[np.int64] = np.arange(len(leg)) // every * every
    return leg[at]


@every_trend
@every_lag
def test_awkward_legs_give_numbers_or_a_reason(trend: Deterministic, lags: int) -> None:
    y, x = walks(2, 100)
    spike = np.where(np.arange(100) == 50, 1e9, x)
    step = np.where(np.arange(100) < 50, 5.0, 6.0)
    legs = [stale(x, 25), stale(x, 2), spike, step, np.round(x), np.arange(100.0), np.tile([1.0, 2.0], 50), x * 1e-300, y + 1e-7 * x]
    for leg in legs:
        for found in (johansen(y, leg, trend=trend, lags=lags), johansen(leg, y, trend=trend, lags=lags)):
            values = [*(found.trace or ()), *(found.max_eigen or ()), found.beta or 0.0, found.alpha or 0.0]
            assert all(map(math.isfinite, values))
            white = whiteness(y, leg, trend=trend, lags=lags)
            assert white is None or 0.0 <= white <= 1.0
            assert (found.reason is None) == (None not in (found.trace, found.max_eigen, found.rank, found.beta))


def test_a_model_that_leaves_nothing_has_no_ratio() -> None:
    time = np.arange(60.0)
    assert johansen(100.0 + np.cos(time), 100.0 + np.sin(time), lags=0).reason == "undetermined"


@pytest.mark.parametrize(("lags", "bars"), [(0, 20), (2, 20), (5, 36)])
def test_has_a_least_number_of_bars(lags: int, bars: int) -> None:
    assert shortest(lags) == bars
    assert johansen(*walks(1, bars - 1), lags=lags).reason == "short"
    for trend in TRENDS:
        assert johansen(*walks(1, bars), trend=trend, lags=lags).reason is None
