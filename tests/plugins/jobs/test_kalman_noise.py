"""Both ways to learn the noise find what the data were made with."""

from typing import Literal

import numpy as np
import pytest

import quantd
from quantd_plugins.jobs.kalman_noise import KalmanNoise
from quantd_plugins.regressions.kalman import Kalman
from tests.unit.stats.test_likelihood import drifting


@pytest.mark.parametrize("method", ["ml", "em"])
def test_finds_the_walk(method: Literal["ml", "em"]) -> None:
    y, x = drifting(3, 300)
    job = KalmanNoise(window=300, method=method)
    found = job.run(quantd.PairView("Y-X", "1m", 0, 60, {"ts": np.arange(300), "y": y, "x": x}))
    assert 2e-3 < float(found["kalman_beta_walk"] or 0.0) < 5e-2
    assert found["kalman_noise"] == pytest.approx(0.25, rel=0.3)


def test_the_regression_learns_its_walks_in_the_warm_up() -> None:
    y, x = drifting(4, 400, beta_walk=1.0)
    learned, given = Kalman(window=200, walks="learned"), Kalman(window=200, beta_walk=1e-6)
    found = []
    for of in (learned, given):
        hedges = [of.update(at, *pair) for at, pair in enumerate(zip(y.tolist(), x.tolist(), strict=True))][200:]
        found.append(np.mean([(hedge.innovation or 0.0) ** 2 for hedge in hedges if hedge]))
    assert found[0] < 0.8 * found[1]
