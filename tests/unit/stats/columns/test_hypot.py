"""math.hypot of an array, to the last bit."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.stats.columns.hypot import hypots


@pytest.mark.parametrize("other", [0.01, 3.0])
@pytest.mark.parametrize("largest", [1e-3, 12.0, 1e6])
def test_hypots_are_those_of_python(other: float, largest: float) -> None:
    x = np.random.default_rng(0).uniform(-largest, largest, 200_000)
    wanted = [math.hypot(each, other) for each in x.tolist()]
    assert hypots(x, other).tolist() == wanted


POWERS = [math.nextafter(2.0**power, 0.0) for power in range(-3, 20)]
"""Above these the floats are twice as far apart as below."""


@pytest.mark.parametrize("x", [*POWERS, *np.random.default_rng(1).uniform(0.1, 12.0, 100).tolist()])
def test_in_the_middle_between_two_floats(x: float) -> None:
    """The other side is that of a root in the middle between x and the next float, or so little off that extended precision cannot tell."""
    half = (math.nextafter(x, math.inf) - x) / 2.0
    other = math.sqrt(half * (2.0 * x + half))
    for steps in range(-10, 11):
        side = other + steps * math.ulp(other)
        assert hypots(np.array([x]), side).tolist() == [math.hypot(x, side)]


@given(st.lists(st.floats(-1e300, 1e300), max_size=20), st.floats(1e-100, 1e100))
def test_any_values(values: list[float], other: float) -> None:
    assert hypots(np.array(values), other).tolist() == [math.hypot(each, other) for each in values]
