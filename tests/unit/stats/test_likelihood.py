"""The likelihood against pykalman's, and the noise that it finds."""

import math

import numpy as np
import pytest
from pykalman import KalmanFilter as Peer

from quantd.stats import FloatArray
from quantd.stats.likelihood import concentrated, most_likely
from quantd.testing import fakes


def drifting(seed: int, n: int = 1000, beta_walk: float = 1e-2, noise: float = 0.25) -> tuple[FloatArray, FloatArray]:
    chance = np.random.default_rng(seed)
    x = 100.0 + chance.normal(size=n).cumsum()
    slope = 200.0 + chance.normal(scale=math.sqrt(beta_walk * noise), size=n).cumsum()
    return 5.0 + slope * x / x[0] + chance.normal(scale=math.sqrt(noise), size=n), x


@pytest.mark.parametrize("walks", [(1e-6, 1e-2), (1e-3, 1e-4), (0.0, 0.1)])
def test_it_is_that_of_pykalman(walks: tuple[float, float]) -> None:
    y, x = drifting(1, 200)
    prior = 1e4
    value, noise = concentrated(y, x, *walks, prior=prior)
    a, b = walks
    scale = (x[0] / x[1:])[:, None, None]
    peer = Peer(
        transition_matrices=np.eye(2),
        transition_covariance=noise * (a * np.array([[1.0, 0.0], [0.0, 0.0]]) + b * scale**2 * np.ones((2, 2))),
        observation_matrices=np.column_stack([np.ones(len(x)), x / x[0] - 1.0])[:, None, :],
        observation_covariance=[[noise]],
        initial_state_mean=np.zeros(2),
        initial_state_covariance=noise * prior * np.eye(2),
    )
    assert value == pytest.approx(peer.loglikelihood(y), rel=1e-9)


def test_the_noise_is_found() -> None:
    found = [most_likely(*drifting(seed)) for seed in range(6)]
    assert np.median([each.beta_walk for each in found if each]) == pytest.approx(1e-2, rel=0.5)
    assert np.median([each.noise for each in found if each]) == pytest.approx(0.25, rel=0.1)


def test_no_neighbour_is_more_likely() -> None:
    y, x = drifting(2, 300)
    found = most_likely(y, x)
    assert found
    for of_alpha, of_beta in ((1.5, 1.0), (1 / 1.5, 1.0), (1.0, 1.5), (1.0, 1 / 1.5)):
        assert concentrated(y, x, found.alpha_walk * of_alpha, found.beta_walk * of_beta)[0] <= found.loglikelihood + 0.05


@pytest.mark.parametrize(
    ("y", "x"),
    [
        (fakes.walk(10), fakes.walk(10, seed=1)),
        (np.full(60, 5.0), fakes.walk(60)),
        (fakes.walk(60), np.full(60, 5.0)),
        (np.append(fakes.walk(59), np.nan), fakes.walk(60)),
    ],
    ids=["short", "constant y", "constant x", "nan"],
)
def test_there_is_none_of_degenerate_input(y: FloatArray, x: FloatArray) -> None:
    assert most_likely(y, x) is None
