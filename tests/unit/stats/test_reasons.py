"""Which spreads allow no statistic, and that those which move are let through."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.stats import FloatArray
from quantd.stats.reasons import Reason, unfit_spread
from quantd.stats.regression import ols_fit
from quantd.stats.zscore import priced

N = 120


def walk(seed: int, price: float = 100.0, step: float = 0.05) -> FloatArray:
    return price + step * np.random.default_rng(seed).normal(size=N).cumsum()


def judged(y: FloatArray, x: FloatArray, *, log: bool = False) -> Reason | None:
    """What is said of the closes priced with the beta of their last half, as a job sees them."""
    if log:
        y, x = np.log(y), np.log(x)
    line = ols_fit(y[N // 2 :], x[N // 2 :])
    beta = line.beta if line else 0.5
    return unfit_spread(priced(y, x, beta, log=log).spread, y, x, beta, 20, log=log)


@given(
    seed=st.integers(0, 10_000),
    slope=st.sampled_from([-2.7, 0.3, 1.0, 1.53]),
    tick=st.sampled_from([0.01, 0.05]),
    fine=st.booleans(),
    log=st.booleans(),
)
def test_a_rounded_line_of_the_other_leg_is_collinear(seed: int, slope: float, tick: float, fine: bool, log: bool) -> None:
    x = np.round(walk(seed), 4 if fine else 2)
    line = 500.0 * (x / 100.0) ** slope if log else 500.0 + slope * x
    y = np.round(np.round(line / tick) * tick, 2)
    assert judged(y, x, log=log) in ("collinear", "flat")
    if np.ptp(y) > 10 * (tick + abs(slope) * 0.01):
        assert judged(y, x, log=log) == "collinear"


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_a_spread_of_a_few_ticks_is_let_through(seed: int, log: bool) -> None:
    x = np.round(walk(seed), 2)
    y = np.round(3.0 + 0.8 * x + np.random.default_rng([seed, 1]).normal(0.0, 0.03, N), 2)
    assert judged(y, x, log=log) is None


@pytest.mark.parametrize("seed", range(20))
def test_prices_of_many_digits_have_no_ticks(seed: int) -> None:
    x = walk(seed)
    y = 3.0 + 0.8 * x + np.random.default_rng([seed, 1]).normal(0.0, 1e-6, N)
    assert judged(y, x) is None


STILL = np.full(N, 100.0)
FLICKER = 100.0 + 0.01 * (np.arange(N) % 3 == 0)
STEP = np.where(np.arange(N) < 70, 100.0, 107.5)


@pytest.mark.parametrize(
    ("y", "x", "reason"),
    [
        pytest.param(STILL, walk(1), "flat", id="y stands still"),
        pytest.param(STILL, STILL, "flat", id="both do"),
        pytest.param(FLICKER, np.roll(FLICKER, 1), "flat", id="both flicker by a tick"),
        pytest.param(STEP, STILL, "flat", id="one step"),
        pytest.param(3.0 * walk(1), walk(1), "collinear", id="three times x"),
        pytest.param(np.append(walk(1)[:-1], np.nan), walk(2), "not finite", id="nan"),
        pytest.param(walk(1), walk(2), None, id="two walks"),
    ],
)
def test_by_hand(y: FloatArray, x: FloatArray, reason: Reason | None) -> None:
    with np.errstate(invalid="ignore"):
        assert judged(y, x) == reason
