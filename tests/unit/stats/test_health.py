"""The vitals of a pair that holds, of one that breaks, and of input that has none."""

import warnings

import numpy as np
import pytest
from statsmodels.tsa.stattools import coint

from quantd.stats import FloatArray
from quantd.stats.health import Vitals, tie, vitals
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


def test_a_jump_is_in_older_steps_and_only_the_newest_count() -> None:
    y, x = pair(1)
    still = vitals(y, x).jump
    assert still
    assert still < 4.0
    line = np.polyfit(x[:WINDOW], y[:WINDOW], 1)
    residuals = y - np.polyval(line, x)
    older = residuals[:WINDOW]
    phi = float(older[1:] @ older[:-1]) / float(older @ older)
    size = np.sqrt(((older[1:] - phi * older[:-1]) ** 2).sum() / (WINDOW - 3))
    assert still == pytest.approx(np.abs(residuals[-10:] - phi * residuals[-11:-1]).max() / size, rel=1e-9)
    leapt = y.copy()
    leapt[-1] += 50.0
    assert vitals(leapt, x).jump == pytest.approx(50.0 / size, rel=0.1)
    earlier = y.copy()
    earlier[-12] += 50.0
    assert vitals(earlier, x).jump == still


def test_the_tie_is_the_larger_p_value_of_both_ways() -> None:
    y, x = (np.array(leg) for leg in pair(1))
    both = [coint(*legs, trend="c", autolag="aic")[1] for legs in ((y, x), (x, y))]
    assert tie(y, x) == pytest.approx(max(both), rel=1e-6)
    assert tie(x, y) == tie(y, x)
    assert tie(y, np.full(len(y), 5.0)) is None


def test_prints_that_stand_apart_tie_nothing_and_untie_nothing() -> None:
    y, x = pair(1)
    spoilt, kept = y.copy(), np.arange(len(y)) != 40
    spoilt[40] += 50.0
    assert tie(spoilt, x) == tie(y[kept], x[kept])
    assert tie(x, spoilt) == tie(y[kept], x[kept])
    assert tie(np.where(kept, y, np.nan), x) is None


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
