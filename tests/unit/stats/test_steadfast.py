"""A filter that is led through breaks and bad bars."""

import math

import numpy as np
import pytest

from quantd.stats.steadfast import FilterSettings


@pytest.mark.parametrize("after", range(1, 40))
def test_an_old_line_may_grow_too_old_within_a_run(after: int) -> None:
    """A break, and later nine bars that form no line, of which any may be the one at which the line before the break is given up."""
    chance = np.random.default_rng(0)
    x = 1_000.0 * np.exp(chance.normal(0.0, 5e-4, 140).cumsum())
    y = 1.5 * x + chance.normal(0.0, 0.3, 140)
    y[60:] += 30.0
    y[60 + after : 69 + after] *= 1.05, 1.02, 1.1, 1.03, 1.07, 1.04, 1.08, 1.02, 1.06
    one = FilterSettings(memory=480, patience=20).filter(1e-6, 1e-2)
    for pair in zip(y.tolist(), x.tolist(), strict=True):
        one.step(*pair)
    assert all(map(math.isfinite, one.values()))
