"""Least squares against statsmodels and scipy."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import linregress

from quantd.model import Hedge
from quantd.stats import FloatArray
from quantd.stats.regression import ols, ols_fit, pearson
from quantd.stats.rolling import Moments


def legs(seed: int, n: int = 60) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    x = 3000.0 + np.cumsum(rng.normal(0.0, 5.0, n))
    return 1000.0 + 15.0 * x + rng.normal(0.0, 20.0, n), x


def sums(y: FloatArray, x: FloatArray) -> Moments:
    m = Moments(len(y))
    for i, (v, u) in enumerate(zip(y.tolist(), x.tolist(), strict=True)):
        m.push(i, v, u)
    return m


def present(hedge: Hedge | None) -> Hedge:
    assert hedge is not None
    return hedge


@pytest.mark.parametrize("n", [3, 4, 60, 500])
@pytest.mark.parametrize("seed", range(3))
def test_ols_equals_statsmodels_and_scipy(seed: int, n: int) -> None:
    y, x = legs(seed, n)
    fitted = sm.OLS(y, sm.add_constant(x)).fit()
    line = linregress(x, y)
    for hedge in (present(ols(sums(y, x))), present(ols_fit(y, x))):
        assert (hedge.alpha, hedge.beta) == pytest.approx(tuple(fitted.params), rel=1e-9)
        assert (hedge.beta, hedge.stderr) == pytest.approx((line.slope, line.stderr), rel=1e-9)
        assert hedge.r2 == pytest.approx(line.rvalue**2, rel=1e-9)
        assert hedge.n == n
    assert pearson(sums(y, x)) == pytest.approx(line.rvalue, rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_both_ways_to_the_line_agree(seed: int) -> None:
    y, x = legs(seed)
    a, b = present(ols(sums(y, x))), present(ols_fit(y, x))
    assert (a.alpha, a.beta, a.stderr, a.r2) == pytest.approx((b.alpha, b.beta, b.stderr, b.r2), rel=1e-9)


def test_a_leg_on_itself() -> None:
    _, x = legs(0)
    hedge = present(ols(sums(x, x)))
    assert (hedge.alpha, hedge.beta, hedge.stderr, hedge.r2) == (0.0, 1.0, 0.0, 1.0)
    assert pearson(sums(x, x)) == 1.0
    assert pearson(sums(-x, x)) == -1.0


def test_two_pairs_give_a_line_without_uncertainty() -> None:
    y, x = np.array([1.0, 3.0]), np.array([10.0, 11.0])
    assert ols(sums(y, x)) == ols_fit(y, x) == Hedge(alpha=-19.0, beta=2.0, n=2, stderr=None, r2=1.0)


def test_a_flat_y_has_a_line_but_neither_r2_nor_correlation() -> None:
    y, x = np.full(20, 0.1), legs(0, 20)[1]
    assert ols(sums(y, x)) == Hedge(alpha=0.1, beta=0.0, n=20, stderr=0.0, r2=None)
    assert present(ols_fit(y, x)).r2 is None
    assert pearson(sums(y, x)) is None


@pytest.mark.parametrize("x", [np.full(20, 0.1), np.zeros(20), 1e5 + 1e-9 * np.arange(20.0)], ids=["constant", "zero", "rounding"])
def test_a_flat_x_has_no_line(x: FloatArray) -> None:
    y = legs(0, 20)[0]
    assert ols(sums(y, x)) is None
    assert ols_fit(y, x) is None
    assert pearson(sums(y, x)) is None


def test_fewer_than_two_pairs_have_no_line() -> None:
    empty = Moments(5)
    assert ols(empty) is ols(sums(np.array([5.0]), np.array([3.0]))) is None
    assert pearson(sums(np.array([5.0]), np.array([3.0]))) is None
    assert ols_fit(np.array([]), np.array([])) is ols_fit(np.array([1.0]), np.array([1.0])) is None


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_value_that_is_not_finite_has_no_line(bad: float) -> None:
    y, x = legs(0)
    assert ols_fit(np.append(y, bad), np.append(x, 1.0)) is None
    assert ols_fit(np.append(y, 1.0), np.append(x, bad)) is None


def test_arrays_resolve_residuals_that_sums_lose() -> None:
    x = np.arange(100.0)
    residuals = 1e-7 * np.resize([1.0, -1.0, -1.0, 1.0], 100)
    expected = math.sqrt(float(residuals @ residuals) / 98 / 83_325.0)
    assert present(ols_fit(2.0 * x + residuals, x)).stderr == pytest.approx(expected, rel=1e-3)
