"""Ranks of values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.stats.order import median, select

values = st.lists(st.integers(-9, 9), min_size=1, max_size=60).map(lambda found: np.array(found, np.float64))


@given(values, st.data())
def test_two_ranks_are_found_with_what_lies_between(found: np.ndarray, data: st.DataObject) -> None:
    low, high = sorted(data.draw(st.lists(st.integers(0, len(found) - 1), min_size=2, max_size=2)))
    ranked = np.sort(found)
    select(found, low, high)
    parts = ((0, low), (low, low + 1), (low + 1, high), (high, high + 1), (high + 1, len(found)))
    assert [sorted(found[begin:end].tolist()) for begin, end in parts] == [ranked[begin:end].tolist() for begin, end in parts]


@pytest.mark.parametrize("size", [1, 2, 59, 60, 5_000, 5_001])
def test_the_median_is_that_of_numpy(size: int) -> None:
    found = np.random.default_rng(size).normal(size=size)
    assert median(found) == np.median(found)
