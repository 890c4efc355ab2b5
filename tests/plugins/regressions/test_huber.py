"""Huber's regression against scikit-learn, statsmodels and its own objective."""

import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from sklearn.linear_model import HuberRegressor

from quantd.stats import FloatArray
from quantd.stats.regression import ols_fit
from quantd.stats.robust import huber
from quantd_plugins.regressions.huber import Huber
from tests.plugins.regressions.support import legs, present, scales, seeds, shifts, spoilt


def standard(values: FloatArray) -> FloatArray:
    return (values - values.mean()) / values.std()


def objective(residuals: FloatArray, epsilon: float) -> float:
    """The least over sigma: its derivative is n - sum(min(z², epsilon²)), which falls in sigma."""
    sizes = np.abs(residuals)
    low, high = 0.0, float(sizes.max())
    for _ in range(200):
        sigma = (low + high) / 2
        excess = np.minimum((sizes / sigma) ** 2, epsilon**2).sum() > len(sizes)
        low, high = (sigma, high) if excess else (low, sigma)
    z = sizes / high
    return high * (len(z) + np.where(z <= epsilon, z**2, 2 * epsilon * z - epsilon**2).sum())


def scikit(y: FloatArray, x: FloatArray, epsilon: float) -> FloatArray:
    """Residuals of scikit-learn's line through standardised legs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = HuberRegressor(epsilon=epsilon, alpha=0.0, tol=1e-10, max_iter=10_000).fit(x[:, None], y)
    return np.asarray(y - found.predict(x[:, None]))


@pytest.mark.parametrize("epsilon", [1.01, 1.35, 3.0])
@pytest.mark.parametrize("n", [5, 20, 60, 500])
@pytest.mark.parametrize("seed", range(3))
def test_at_least_as_good_as_scikit_learn(seed: int, n: int, epsilon: float) -> None:
    y, x = legs(seed, n)
    y = spoilt(y, seed)
    hedge = present(Huber(epsilon=epsilon).fit(y, x))
    theirs = objective(scikit(standard(y), standard(x), epsilon), epsilon)
    ours = objective((y - hedge.alpha - hedge.beta * x) / y.std(), epsilon)
    assert ours <= theirs * (1 + 1e-12)


def test_stderr_is_near_that_of_statsmodels_whose_scale_differs() -> None:
    y, x = legs(2, 2_000)
    theirs = sm.RLM(y, sm.add_constant(x), M=sm.robust.norms.HuberT(1.35)).fit()
    hedge = present(huber(y, x))
    assert hedge.beta == pytest.approx(theirs.params[1], abs=theirs.bse[1])
    assert hedge.stderr == pytest.approx(theirs.bse[1], rel=0.05)


def test_wild_bars_hardly_turn_it() -> None:
    y, x = legs(4)
    wild = spoilt(y, 4)
    errors = [abs(present(line).beta - 15.0) for line in (huber(wild, x), ols_fit(wild, x))]
    assert errors[0] < errors[1] / 3


def test_a_spike_in_a_leg_on_itself() -> None:
    _, x = legs(5)
    y = x.copy()
    y[7] = 1e9
    hedge = present(huber(y, x))
    assert (hedge.alpha, hedge.beta) == pytest.approx((0.0, 1.0), abs=1e-6)


def test_a_leg_on_itself_is_exact() -> None:
    _, x = legs(0)
    hedge = present(huber(x, x))
    assert (hedge.alpha, hedge.beta, hedge.stderr) == (0.0, 1.0, 0.0)


@given(seeds, scales, scales, shifts)
def test_equivariant(seed: int, of_y: float, of_x: float, shift: float) -> None:
    y, x = legs(seed, 30)
    plain = present(huber(y, x))
    moved = present(huber(of_y * (y + shift), of_x * x))
    assert moved.beta * of_x / of_y == pytest.approx(plain.beta, rel=1e-7)
    assert moved.alpha / of_y == pytest.approx(plain.alpha + shift, rel=1e-7, abs=1e-3)
