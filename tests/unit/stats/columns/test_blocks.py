"""Sums and medians of columns."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quantd.stats.columns.blocks import column_medians, column_sums
from quantd.stats.order import median

shapes = st.tuples(st.integers(1, 150), st.integers(1, 40))


@given(st.integers(0, 10_000), shapes, st.sampled_from(["C", "F"]))
def test_sums_are_taken_from_the_first_row_to_the_last(seed: int, shape: tuple[int, int], order: str) -> None:
    block = np.random.default_rng(seed).normal(size=shape) * 10.0 ** np.random.default_rng(seed).integers(-8, 8, shape)
    totals = np.zeros(shape[1])
    for row in block:
        totals = totals + row
    assert column_sums(np.asarray(block, order=order)).tolist() == totals.tolist()  # type: ignore[call-overload]


def test_no_sum_is_minus_zero() -> None:
    for pairs in (1, 2):
        assert str(column_sums(np.full((3, pairs), -0.0))[0]) == "0.0"


@given(st.integers(0, 10_000), shapes)
def test_medians_are_those_of_each_column(seed: int, shape: tuple[int, int]) -> None:
    block = np.random.default_rng(seed).normal(size=shape).round(1)
    assert column_medians(block).tolist() == [median(block[:, at]) for at in range(shape[1])]
