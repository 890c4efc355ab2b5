"""Recursive least squares against statsmodels' weighted least squares and the textbook recursion."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given

from quantd.stats import FloatArray
from quantd_plugins.regressions.rls import Rls
from tests.plugins.regressions.support import legs, present, scales, seeds, shifts


def textbook(y: FloatArray, x: FloatArray, memory: float) -> FloatArray:
    """theta += P z (y - z theta) / (memory + z P z), from a wide prior."""
    theta, p = np.zeros(2), 1e8 * np.eye(2)
    for value, z in zip(y, np.column_stack([np.ones(len(x)), x]), strict=True):
        gain = p @ z / (memory + z @ p @ z)
        theta = theta + gain * (value - z @ theta)
        p = (p - np.outer(gain, z @ p)) / memory
    return theta


@pytest.mark.parametrize("memory", [0.8, 0.97, 1.0])
@pytest.mark.parametrize("n", [3, 60, 200])
def test_equals_weighted_least_squares(n: int, memory: float) -> None:
    y, x = legs(n, n)
    weighted = sm.WLS(y, sm.add_constant(x), weights=memory ** np.arange(n)[::-1]).fit()
    hedge = present(Rls(memory=memory).fit(y, x))
    assert (hedge.alpha, hedge.beta) == pytest.approx(tuple(weighted.params), rel=1e-8)
    assert hedge.r2 == pytest.approx(weighted.rsquared, rel=1e-8)


def test_equals_the_textbook_recursion() -> None:
    y, x = legs(1)
    y, x = (y - y[0]) / 100.0, (x - x[0]) / 100.0
    hedge = present(Rls(memory=0.97).fit(y, x))
    assert (hedge.alpha, hedge.beta) == pytest.approx(tuple(textbook(y, x, 0.97)), rel=1e-5, abs=1e-5)


def test_steps_equal_a_fit_of_all_bars() -> None:
    y, x = legs(3)
    of = Rls(window=20)
    found = [of.update(at, *pair) for at, pair in enumerate(zip(y.tolist(), x.tolist(), strict=True))]
    assert found[:19] == [None] * 19
    assert found[19:] == [of.fit(y[:n], x[:n]) for n in range(20, len(y) + 1)]


def test_a_missing_bar_ages_those_before_it() -> None:
    y, x = legs(1, 30)
    of = Rls(window=3, memory=0.9)
    present_bars = [at for at in range(30) if at not in (20, 21)]
    found = [of.update(at, float(y[at]), float(x[at])) for at in present_bars][-1]
    weights = 0.9 ** (29 - np.array(present_bars))
    wanted = sm.WLS(y[present_bars], sm.add_constant(x[present_bars]), weights=weights).fit().params
    assert (present(found).alpha, present(found).beta) == pytest.approx(tuple(wanted), rel=1e-8)


def test_a_missing_price_is_passed_over() -> None:
    assert Rls().update(1, 1.0, math.nan) is None


def test_a_leg_on_itself_is_exact() -> None:
    _, x = legs(0)
    assert (present(Rls().fit(x, x)).alpha, present(Rls().fit(x, x)).beta) == (0.0, 1.0)


@given(seeds, scales, scales, shifts)
def test_equivariant(seed: int, of_y: float, of_x: float, shift: float) -> None:
    y, x = legs(seed, 30)
    plain, moved = present(Rls().fit(y, x)), present(Rls().fit(of_y * (y + shift), of_x * x))
    assert moved.beta * of_x / of_y == pytest.approx(plain.beta, rel=1e-8)
