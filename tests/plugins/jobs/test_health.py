"""The states of a pair, and why."""

import numpy as np
import pytest

import quantd
from quantd.stats import FloatArray
from quantd_plugins.jobs.health import Health

WINDOW = 60


def judged(y: FloatArray, x: FloatArray, corr: float = 0.9, coverage: float = 1.0) -> tuple[quantd.Metric, quantd.Metric]:
    full = np.ones(len(y))
    columns = {"ts": np.arange(len(y)), "y": y, "x": x, "corr": corr * full, "coverage": coverage * full}
    found = Health().run(quantd.PairView("Y-X", "1m", 0, WINDOW, columns))
    return found["health"], found["health_reasons"]


def pair(beta: float = 2.0) -> tuple[FloatArray, FloatArray]:
    """`beta` is that of the newer half; the older one's is 2."""
    chance = np.random.default_rng(3)
    x = 1_000.0 + chance.normal(size=2 * WINDOW).cumsum()
    return np.where(np.arange(2 * WINDOW) < WINDOW, 2.0, beta) * x + chance.normal(size=2 * WINDOW), x


def test_the_states() -> None:
    y, x = pair()
    assert judged(y[1:], x[1:]) == ("warming", None)
    assert judged(y, x) == ("healthy", None)


@pytest.mark.parametrize(
    ("corr", "coverage", "state", "reasons"),
    [
        (0.2, 1.0, "degraded", "corr"),
        (-0.1, 1.0, "broken", "corr"),
        (0.9, 0.8, "degraded", "data"),
        (0.2, 0.4, "broken", "corr data"),
        (float("nan"), 1.0, "degraded", "corr"),
    ],
)
def test_reasons(corr: float, coverage: float, state: str, reasons: str) -> None:
    assert judged(*pair(), corr, coverage) == (state, reasons)


def test_a_beta_that_moves_breaks_the_pair() -> None:
    state, reasons = judged(*pair(beta=2.1))
    assert state == "broken"
    assert "cusum" in str(reasons).split()


def test_of_still_legs_nothing_is_known() -> None:
    still = np.full(2 * WINDOW, 5.0)
    assert judged(still, still) == ("degraded", "beta_drift cusum half_life")
