"""The Kalman filter against pykalman, and what it is there for: a beta that drifts."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from numpy.testing import assert_allclose
from pykalman import KalmanFilter as Peer

from quantd.model import Hedge
from quantd.stats import FloatArray
from quantd.stats.kalman import LEAST_LOG
from quantd.testing import fakes
from quantd_plugins.regressions.kalman import Kalman
from quantd_plugins.regressions.ols import Ols
from tests.plugins.regressions.support import legs, present, scales, seeds

WINDOW = 20


def peer(y: FloatArray, x: FloatArray, of: Kalman, noise: float = 1.0) -> tuple[FloatArray, FloatArray]:
    """(alpha, beta) and the variance of beta after each bar, as pykalman has them of level and slope."""
    scale = np.hypot(x, LEAST_LOG if of.prices == "log" else 0.0)
    to = np.column_stack([x[0] / scale[1:], scale[0] / scale[1:]])
    steps = of.alpha_walk * np.array([[1.0, 0.0], [0.0, 0.0]]) + of.beta_walk * to[:, :, None] * to[:, None, :]
    means, covariances = Peer(
        transition_matrices=np.eye(2),
        transition_offsets=np.zeros(2),
        transition_covariance=noise * steps,
        observation_matrices=np.column_stack([np.ones(len(x)), (x - x[0]) / scale[0]])[:, None, :],
        observation_offsets=np.zeros(1),
        observation_covariance=[[noise]],
        initial_state_mean=np.zeros(2),
        initial_state_covariance=noise * of.prior * np.eye(2),
    ).filter(y)
    beta = means[:, 1] / scale[0]
    return np.column_stack([means[:, 0] - beta * x[0], beta]), covariances[:, 1, 1] / scale[0] ** 2


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
    of = Kalman(alpha_walk=walks[0], beta_walk=walks[1], noise=0.01, prior=1e6, clip=None)
    state, variance = peer(y * scale, x / scale, of, 0.01)
    hedge = present(of.fit(y * scale, x / scale))
    assert (hedge.alpha, hedge.beta) == pytest.approx(tuple(state[-1]), rel=1e-9)
    assert hedge.stderr == pytest.approx(math.sqrt(variance[-1]), rel=1e-9)


def test_steps_equal_pykalman_for_ever() -> None:
    y, x = fakes.legs(50 * WINDOW)
    of = Kalman(window=WINDOW, prior=1e6, clip=None)
    found = walk(of, y, x)
    assert found[: WINDOW - 1] == [None] * (WINDOW - 1)
    assert_same(lines(found[WINDOW - 1 :]), peer(y, x, of)[0][WINDOW - 1 :], y)


def test_missing_bars_are_missing_observations() -> None:
    y, x = fakes.legs(100)
    holes = np.zeros(100, bool)
    holes[[40, 41, 42, 77]] = True
    of = Kalman(window=WINDOW, prior=1e6, clip=None)
    found = [of.update(at, float(y[at]), float(x[at])) for at in np.flatnonzero(~holes).tolist()]
    masked, known = np.ma.array(y, mask=holes), x.copy()
    known[40:43], known[77] = x[43], x[78]  # the walk over a hole is of the bar that ends it
    assert lines(found[-1:]) == pytest.approx(peer(masked, known, of)[0][-1:], rel=1e-9)


def test_predicts_each_bar_from_those_before() -> None:
    y, x = fakes.legs(300, noise=0.05)
    of = Kalman(window=WINDOW, noise=0.0025, prior=1e6, clip=None)
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
    still, ols = present(Kalman(alpha_walk=0.0, beta_walk=0.0, clip=None).fit(y, x)), present(Ols().fit(y, x))
    assert (still.alpha, still.beta, still.stderr) == pytest.approx((ols.alpha, ols.beta, ols.stderr), rel=1e-3)


def test_a_missing_price_is_passed_over() -> None:
    y, x = fakes.legs(3 * WINDOW)
    of = Kalman(window=WINDOW)
    walk(of, y, x)
    assert of.update(3 * WINDOW, math.nan, 1.0) is None
    assert of.update(3 * WINDOW + 1, float(y[-1]), float(x[-1])) is not None


def in_sixty_digits(y: FloatArray, x: FloatArray, of: Kalman) -> tuple[float, float]:
    """Beta and its variance over the noise's, by the filter's textbook form in decimal arithmetic."""
    with localcontext(prec=60):
        a, b, one = Decimal(of.alpha_walk), Decimal(of.beta_walk), Decimal(1)
        alpha, beta, first = Decimal(0), Decimal(0), Decimal(float(x[0]))
        prior = Decimal(of.prior)  # of alpha + beta * first and of beta * first
        aa, ab, bb = 2 * prior, -prior / first, prior / first**2
        for at, (v, u) in enumerate(zip(map(Decimal, y.tolist()), map(Decimal, x.tolist()), strict=True)):
            if at:
                aa, bb = aa + a, bb + b / u**2
            to_a, to_b = aa + ab * u, ab + bb * u
            variance = to_a + to_b * u + one
            error = v - alpha - beta * u
            alpha, beta = alpha + to_a / variance * error, beta + to_b / variance * error
            aa, ab, bb = aa - to_a * to_a / variance, ab - to_a * to_b / variance, bb - to_b * to_b / variance
        return float(beta), float(bb)


@pytest.mark.parametrize("movement", [1e-3, 1e-5, 1e-7])
@pytest.mark.parametrize("seed", range(2))
def test_the_wide_prior_costs_no_digits(seed: int, movement: float) -> None:
    """Where pykalman's own arithmetic does not reach."""
    chance = np.random.default_rng(seed)
    x = 60_000.0 * np.exp(chance.normal(0.0, movement, 120).cumsum())
    y = 1_000.0 + 2.0 * x + chance.normal(0.0, 60_000.0 * movement, 120)
    of = Kalman(noise=1.0, clip=None)
    hedge, (beta, variance) = present(of.fit(y, x)), in_sixty_digits(y, x, of)
    assert hedge.beta == pytest.approx(beta, rel=1e-7)
    assert hedge.stderr == pytest.approx(math.sqrt(variance), rel=1e-6)


@pytest.mark.parametrize("movement", [1e-4, 1e-5, 1e-6, 1e-7])
def test_the_prior_leaves_no_trace_however_little_x_moves(movement: float) -> None:
    off = []
    for seed in range(20):
        chance = np.random.default_rng(seed)
        x = 60_000.0 * np.exp(chance.normal(0.0, movement, 200).cumsum())
        y = 1_000.0 + 2.0 * x + chance.normal(0.0, 60_000.0 * movement, 200)
        hedge = present(Kalman().fit(y, x))
        off.append((hedge.beta - 2.0) / (hedge.stderr or 0.0))
    assert np.abs(off).max() < 3.0
    assert np.abs(np.mean(off)) < 0.7


@pytest.mark.parametrize("first", [1e-4, 0.9, 0.99, 1.01, 2.0, 60_000.0])
def test_of_log_prices_too_it_follows_a_drifting_beta(first: float) -> None:
    n, window = 600, 60
    better = []
    for seed in range(5):
        chance = np.random.default_rng(seed)
        x = math.log(first) + chance.normal(0.0, 1e-3, n).cumsum()
        beta = 1.0 + 1e-4 * np.arange(n)
        y = 0.5 + beta * x + chance.normal(0.0, 1e-4, n)
        both = (Kalman(window=window, prices="log"), Ols(window=window, prices="log"))
        kalman, ols = (lines(of.rolling(y, x)[2 * window :])[:, 1] - beta[2 * window :] for of in both)
        better.append(np.sqrt(np.mean(kalman**2) / np.mean(ols**2)))
    assert np.median(better) < 0.8


def test_what_x_was_at_first_does_not_matter_for_ever() -> None:
    y, x = fakes.legs(600)
    for wrong in (1e-3, 1.0, 1e6):
        odd_y, odd_x = y.copy(), x.copy()
        odd_y[0], odd_x[0] = 5.0 + 2.0 * wrong, wrong
        found, usual = present(Kalman().fit(odd_y, odd_x)), present(Kalman().fit(y, x))
        assert found.beta == pytest.approx(usual.beta, abs=0.05)


@pytest.mark.parametrize("x", [100.0, 0.0, 1e-3])
def test_an_x_that_does_not_move_has_no_beta(x: float) -> None:
    y, still = fakes.walk(60), np.full(60, x)
    assert Kalman().fit(y, still) is None
    assert Kalman(prices="log").fit(y, still) is None
    assert Kalman(window=20).rolling(y, still) == [None] * 60
    assert present(Kalman().fit(np.append(y, 50.0), np.append(still, x + 1.0))).n == 61


@given(seeds, scales, scales)
def test_equivariant(seed: int, of_y: float, of_x: float) -> None:
    y, x = legs(seed, 30)
    plain, moved = present(Kalman().fit(y, x)), present(Kalman().fit(of_y * y, of_x * x))
    assert moved.beta * of_x / of_y == pytest.approx(plain.beta, rel=1e-6)
    assert moved.alpha / of_y == pytest.approx(plain.alpha, rel=1e-6)
