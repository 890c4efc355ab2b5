"""The Kalman filter against pykalman, and what it is there for: a beta that drifts."""

import math

import numpy as np
import pytest
from hypothesis import given
from numpy.testing import assert_allclose
from pykalman import KalmanFilter as Peer

from quantd.model import Hedge
from quantd.stats import FloatArray
from quantd.stats.kalman import PRIOR
from quantd.testing import fakes
from quantd_plugins.regressions.kalman import Kalman
from quantd_plugins.regressions.ols import Ols
from tests.plugins.regressions.support import legs, present, scales, seeds

WINDOW = 20


def peer(y: FloatArray, x: FloatArray, of: Kalman, noise: float = 1.0) -> tuple[FloatArray, FloatArray]:
    """(alpha, beta) and the variance of beta after each bar."""
    a, b = of.alpha_walk, of.beta_walk
    means, covariances = Peer(
        transition_matrices=np.eye(2),
        transition_offsets=np.zeros(2),
        transition_covariance=noise * np.array([[a + b, b], [b, b]]),
        observation_matrices=np.column_stack([np.ones(len(x)), x / x[0] - 1.0])[:, None, :],
        observation_offsets=np.zeros(1),
        observation_covariance=[[noise]],
        initial_state_mean=np.zeros(2),
        initial_state_covariance=noise * PRIOR * np.eye(2),
    ).filter(y)
    return np.column_stack([means[:, 0] - means[:, 1], means[:, 1] / x[0]]), covariances[:, 1, 1] / x[0] ** 2


def walk(of: Kalman, y: FloatArray, x: FloatArray, first: int = 0) -> list[Hedge | None]:
    return [of.update(at, *pair) for at, pair in enumerate(zip(y.tolist(), x.tolist(), strict=True), first)]


def lines(hedges: list[Hedge | None]) -> FloatArray:
    return np.array([(hedge.alpha, hedge.beta) for hedge in map(present, hedges)])


def assert_same(found: FloatArray, wanted: FloatArray, y: FloatArray) -> None:
    """Beta to nine digits, alpha to nine of y's: it is what is left of y."""
    assert_allclose(found[:, 1], wanted[:, 1], rtol=1e-9)
    assert_allclose(found[:, 0], wanted[:, 0], rtol=0, atol=1e-9 * np.abs(y).max())


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e5])
@pytest.mark.parametrize("walks", [(0.0, 1e-6), (1e-6, 1e-3), (1e-2, 1.0)])
@pytest.mark.parametrize("seed", range(2))
def test_a_fit_equals_pykalman(seed: int, walks: tuple[float, float], scale: float) -> None:
    y, x = fakes.legs(100, seed=seed)
    of = Kalman(alpha_walk=walks[0], beta_walk=walks[1], noise=0.01)
    state, variance = peer(y * scale, x / scale, of, 0.01)
    hedge = present(of.fit(y * scale, x / scale))
    assert (hedge.alpha, hedge.beta) == pytest.approx(tuple(state[-1]), rel=1e-9)
    assert hedge.stderr == pytest.approx(math.sqrt(variance[-1]), rel=1e-9)


def test_steps_equal_pykalman_for_ever() -> None:
    y, x = fakes.legs(50 * WINDOW)
    of = Kalman(window=WINDOW)
    found = walk(of, y, x)
    assert found[: WINDOW - 1] == [None] * (WINDOW - 1)
    assert_same(lines(found[WINDOW - 1 :]), peer(y, x, of)[0][WINDOW - 1 :], y)


def test_missing_bars_are_missing_observations() -> None:
    y, x = fakes.legs(100)
    holes = np.zeros(100, bool)
    holes[[40, 41, 42, 77]] = True
    of = Kalman(window=WINDOW)
    found = [of.update(at, float(y[at]), float(x[at])) for at in np.flatnonzero(~holes)]
    masked = np.ma.array(y, mask=holes)
    assert lines(found[-1:]) == pytest.approx(peer(masked, x, of)[0][-1:], rel=1e-9)


def test_predicts_each_bar_from_those_before() -> None:
    y, x = fakes.legs(300, noise=0.05)
    of = Kalman(window=WINDOW, noise=0.0025)
    found = [present(hedge) for hedge in walk(of, y, x)[WINDOW:]]
    before = peer(y, x, of, 0.0025)[0][WINDOW - 1 : -1]
    wanted = y[WINDOW:] - before[:, 0] - before[:, 1] * x[WINDOW:]
    assert_allclose([hedge.innovation for hedge in found], wanted, rtol=0, atol=1e-9 * np.abs(y).max())
    scores = np.array([hedge.innovation / hedge.innovation_std for hedge in found])
    assert scores.std() < 1.0, "its walks allow for more than this line moves"


def test_what_is_expected_of_a_bar_does_not_know_it() -> None:
    y, x = fakes.legs(100)
    one, other = Kalman(window=WINDOW), Kalman(window=WINDOW)
    walk(one, y, x), walk(other, y, x)
    calm, wild = present(one.update(100, float(y[-1]), float(x[-1]))), present(other.update(100, 1e6, float(x[-1])))
    assert calm.innovation_std == wild.innovation_std


@pytest.mark.parametrize("drift", [0.02, 0.1, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_follows_a_drifting_beta_better_than_least_squares(seed: int, drift: float) -> None:
    n, window = 600, 60
    x = fakes.walk(n, seed=seed)
    beta = 2.0 + drift * np.arange(n) / n
    y = 5.0 + beta * x + np.random.default_rng(seed).normal(0.0, 0.05, n)
    kalman, ols = (lines(of.rolling(y, x)[2 * window :])[:, 1] - beta[2 * window :] for of in (Kalman(window=window), Ols(window=window)))
    assert np.sqrt(np.mean(kalman**2)) < np.sqrt(np.mean(ols**2))


def test_learns_the_noise() -> None:
    y, x = fakes.legs(2_000, noise=0.05)
    learned, told = (present(Kalman(noise=noise, alpha_walk=0.0, beta_walk=0.0).fit(y, x)) for noise in ("auto", 0.05**2))
    assert learned.stderr == pytest.approx(told.stderr, rel=0.05)
    assert (learned.alpha, learned.beta) == (told.alpha, told.beta)


def test_without_walks_it_is_least_squares() -> None:
    y, x = legs(1)
    still, ols = present(Kalman(alpha_walk=0.0, beta_walk=0.0).fit(y, x)), present(Ols().fit(y, x))
    assert (still.alpha, still.beta, still.stderr) == pytest.approx((ols.alpha, ols.beta, ols.stderr), rel=1e-3)


def test_a_missing_price_is_passed_over() -> None:
    y, x = fakes.legs(3 * WINDOW)
    of = Kalman(window=WINDOW)
    walk(of, y, x)
    assert of.update(3 * WINDOW, math.nan, 1.0) is None
    assert of.update(3 * WINDOW + 1, float(y[-1]), float(x[-1])) is not None


@given(seeds, scales, scales)
def test_equivariant(seed: int, of_y: float, of_x: float) -> None:
    y, x = legs(seed, 30)
    plain, moved = present(Kalman().fit(y, x)), present(Kalman().fit(of_y * y, of_x * x))
    assert moved.beta * of_x / of_y == pytest.approx(plain.beta, rel=1e-6)
    assert moved.alpha / of_y == pytest.approx(plain.alpha, rel=1e-6)
