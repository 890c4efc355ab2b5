"""Quantile regression against linear programming and statsmodels."""

import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from quantd.stats import FloatArray
from quantd.stats.quantile import quantile
from quantd_plugins.regressions.quantile import Quantile
from tests.plugins.regressions.support import legs, present, scales, seeds, shifts, spoilt


def loss(y: FloatArray, x: FloatArray, alpha: float, beta: float, tau: float) -> float:
    residuals = y - alpha - beta * x
    return float(np.where(residuals < 0.0, (tau - 1.0) * residuals, tau * residuals).sum())


def least_loss(y: FloatArray, x: FloatArray, tau: float) -> float:
    """The optimum of the linear programme: y = a + b x + above - below."""
    n = len(y)
    shifted = x - x.mean()
    equal = np.column_stack([np.ones(n), shifted, np.eye(n), -np.eye(n)])
    cost = np.concatenate([[0.0, 0.0], np.full(n, tau), np.full(n, 1.0 - tau)])
    free = [(None, None)] * 2 + [(0.0, None)] * (2 * n)
    return float(linprog(cost, A_eq=equal, b_eq=y - y.mean(), bounds=free).fun)


@pytest.mark.parametrize("tau", [0.1, 0.5, 0.75])
@pytest.mark.parametrize("n", [3, 20, 61])
@pytest.mark.parametrize("seed", range(3))
def test_reaches_the_optimum(seed: int, n: int, tau: float) -> None:
    y, x = legs(seed, n)
    y = spoilt(y, seed)
    hedge = present(Quantile(tau=tau).fit(y, x))
    assert loss(y, x, hedge.alpha, hedge.beta, tau) == pytest.approx(least_loss(y, x, tau), rel=1e-7, abs=1e-7)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=25), st.sampled_from([0.25, 0.5, 0.8]))
def test_reaches_the_optimum_of_coarse_prices_with_many_ties(points: list[tuple[int, int]], tau: float) -> None:
    y, x = np.array(points, float).T.copy()
    hedge = quantile(y, x, tau)
    if hedge is None:
        assert np.ptp(x) == 0.0
        return
    assert loss(y, x, hedge.alpha, hedge.beta, tau) == pytest.approx(least_loss(y, x, tau), rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("tau", [0.25, 0.5])
def test_agrees_with_statsmodels(tau: float) -> None:
    y, x = legs(1, 200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = sm.QuantReg(y, sm.add_constant(x)).fit(q=tau, max_iter=5_000)
    assert present(quantile(y, x, tau)).beta == pytest.approx(theirs.params[1], abs=theirs.bse[1] / 10)


def test_a_leg_on_itself_is_exact() -> None:
    _, x = legs(0)
    hedge = present(quantile(x, x))
    assert (hedge.alpha, hedge.beta) == (0.0, 1.0)


@given(seeds, scales, scales, shifts)
def test_equivariant(seed: int, of_y: float, of_x: float, shift: float) -> None:
    y, x = legs(seed, 31)
    plain, moved = present(quantile(y, x, 0.3)), present(quantile(of_y * (y + shift), of_x * x, 0.3))
    assert moved.beta * of_x / of_y == pytest.approx(plain.beta, rel=1e-7)
