"""The vitals of a pair that holds, of one that breaks, and of input that has none."""

import warnings

import numpy as np
import pytest

from quantd.stats import FloatArray
from quantd.stats.health import Vitals, vitals
from quantd.testing import fakes

WINDOW = 60


def pair(seed: int, breaks: bool = False) -> tuple[FloatArray, FloatArray]:
    chance = np.random.default_rng(seed)
    x = 1_000.0 + chance.normal(size=2 * WINDOW).cumsum()
    beta = np.where(breaks & (np.arange(2 * WINDOW) >= WINDOW), 2.1, 2.0)
    return beta * x + chance.normal(size=2 * WINDOW), x


def test_a_pair_that_holds_and_one_that_breaks() -> None:
    held, broken = ([vitals(*pair(seed, breaks)) for seed in range(100)] for breaks in (False, True))
    assert np.quantile([each.cusum for each in held], 0.9) < 9.0
    assert np.quantile([each.cusum for each in broken], 0.1) > 20.0
    assert np.quantile([each.beta_drift for each in held], 0.9) < 3.0
    assert all(each.reverts for each in held)


def test_drift_is_in_joint_errors() -> None:
    _, x = pair(1)
    wiggle = np.tile([1.0, -1.0], WINDOW)
    y = np.where(np.arange(2 * WINDOW) < WINDOW, 2.0 * x, 3.0 * x) + wiggle
    found = vitals(y, x)
    assert found.beta_drift
    sxx = [float(((half - half.mean()) ** 2).sum()) for half in (x[:WINDOW], x[WINDOW:])]
    assert found.beta_drift == pytest.approx(1.0 / np.sqrt(1.0 / sxx[0] + 1.0 / sxx[1]), rel=0.1)


@pytest.mark.parametrize(
    ("y", "x"),
    [
        pytest.param(np.array([]), np.array([]), id="nothing"),
        pytest.param(fakes.walk(12), fakes.walk(12, seed=1), id="short"),
        pytest.param(fakes.walk(120), fakes.walk(120), id="identical"),
        pytest.param(np.full(120, 5.0), fakes.walk(120), id="constant y"),
        pytest.param(fakes.walk(120), np.full(120, 5.0), id="constant x"),
        pytest.param(np.append(fakes.walk(119), np.nan), fakes.walk(120), id="nan"),
        pytest.param(fakes.walk(120), np.append(fakes.walk(119), np.inf), id="inf"),
    ],
)
def test_what_cannot_be_told_is_none(y: FloatArray, x: FloatArray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = vitals(y, x)
    assert found == Vitals() or np.isfinite([found.beta_drift or 0.0, found.cusum or 0.0, found.half_life or 0.0]).all()
