"""Columns of recursive least squares against each recursion alone, to the last bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.stats.columns.forgetting import ForgettingColumns
from quantd.stats.forgetting import Forgetting
from tests.unit.stats.columns.bars import bars
from tests.unit.stats.columns.both import PAIRS, Both


@given(st.sampled_from([0.97, 0.5, 1.0, 1e-3]), st.integers(0, 1 << 32), st.sampled_from([1.0, 1.0, 1e152]))
def test_columns_are_the_recursions(memory: float, seed: int, huge: float) -> None:
    """Prices near the end of what floats hold make the sums overflow, and the recursion begins anew."""
    chance = np.random.default_rng(seed)
    made = bars(chance, 120, PAIRS)
    made.y[60:70, ::3] *= huge
    pairs = Both(ForgettingColumns(memory), lambda name: Forgetting(memory))
    for at in range(len(made.y)):
        pairs.go_on(chance, made, at)
        pairs.assert_same(chance)


@pytest.mark.parametrize("pairs", [1, 3, 1000])
def test_any_number_of_columns_gives_the_same_bits(pairs: int) -> None:
    made = bars(np.random.default_rng(pairs), 60, pairs)
    columns, which = ForgettingColumns(0.97), np.arange(pairs)
    alone = [Forgetting(0.97) for _ in range(pairs)]
    for _ in alone:
        columns.add()
    for at, (y, x) in enumerate(zip(*made, strict=True)):
        columns.step(which, y, x, np.full(pairs, 1 + at % 3))
        for one, its_y, its_x in zip(alone, y.tolist(), x.tolist(), strict=True):
            one.step(its_y, its_x, 1 + at % 3)
    assert [columns.values(p) for p in which.tolist()] == [one.values() for one in alone]
