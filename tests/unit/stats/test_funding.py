"""What falls due when, against a slow reading of the rules, and which funding times are missing."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.stats.funding import Rates, absent, as_rates, due
from quantd.timeframes import HOUR

NONE = np.array([], dtype=np.int64)


def rates(hours: list[float], rate: float = 0.01, mark: float = 100.0) -> Rates:
    """Three milliseconds late, as the venue is."""
    ts = np.array([round(hour * HOUR) + 3 for hour in hours], dtype=np.int64)
    return Rates(ts, np.full(len(ts), rate), np.full(len(ts), mark))


def test_it_falls_due_at_the_open_behind_it() -> None:
    """Bars of an hour from 6 to 10; x is told no mark price, so the close before stands in; its rate is negative."""
    opened = HOUR * np.arange(6, 11)
    y_close, x_close = np.full(5, 90.0), 10.0 * np.arange(5, dtype=float)
    found = due((rates([0, 8, 16]), rates([0, 8, 16], -0.02, math.nan)), opened, (y_close, x_close))
    assert found.y.tolist() == [0.0, 0.0, 1.0, 0.0, 0.0]
    assert found.x.tolist() == [0.0, 0.0, -0.02 * 10.0, 0.0, 0.0]
    assert (found.known.tolist(), found.missing.tolist()) == ([0, 0, 1, 0, 0], [0] * 5)


def test_what_falls_into_a_hole_or_into_a_bar_is_due_at_the_next_open() -> None:
    opened = HOUR * np.array([0, 1, 26, 50])
    found = due((rates([0, 8, 16, 24, 32]), rates([0, 8, 16, 24, 32])), opened, (np.ones(4), np.ones(4)))
    assert found.y.tolist() == [0.0, 0.0, 3.0, 1.0]
    assert (found.known.tolist(), found.missing.tolist()) == ([0, 0, 3, 1], [0, 0, 0, 2])


def test_a_time_of_which_one_leg_is_missing_counts_for_none() -> None:
    """y pays every 4 hours, x every 8 and its payment at 16 is missing: those of y at 4 and 12 count, that at 16 does not."""
    opened = HOUR * np.arange(25)
    found = due((rates([0, 4, 8, 12, 16, 20, 24]), rates([0, 8, 24, 32])), opened, (np.ones(25), np.ones(25)))
    assert np.flatnonzero(found.y).tolist() == [4, 8, 12, 20, 24]
    assert np.flatnonzero(found.x).tolist() == [8, 24]
    assert np.flatnonzero(found.missing).tolist() == [16]


@pytest.mark.parametrize(
    ("hours", "missing"),
    [
        ([8, 16, 24], [32, 40]),
        ([16, 24, 32, 40], [8]),
        ([8, 16, 40], [24, 32]),
        ([8, 16, 24, 40], [32]),
        ([8, 24, 32, 40], [16]),
        ([0, 8, 16, 20, 24, 28, 32, 36, 40], []),
        ([8, 16, 20, 24, 28, 32, 36, 40], [4, 12]),  # in doubt it is missing
        ([8, 9, 10, 18, 26, 34, 42], [1, 2, 3, 4, 5, 6, 7]),
        ([4, 8, 12, 16, 20, 28, 36], []),
        ([24], [8, 16, 32, 40]),
    ],
)
def test_what_is_missing_is_told_by_what_is_there(hours: list[float], missing: list[int]) -> None:
    assert (absent(rates(hours).ts, 0, 40 * HOUR) // HOUR).tolist() == missing


@given(step=st.sampled_from([1, 4, 8]), runs=st.lists(st.tuples(st.integers(3, 6), st.integers(1, 5)), min_size=1, max_size=8))
def test_known_and_missing_are_all_that_there_were(step: int, runs: list[tuple[int, int]]) -> None:
    """Some known, some missing, and so on, with three known ones at the end: between holes the rhythm can be told."""
    known: list[int] = []
    lost: list[int] = []
    at = 1
    for there, gone in runs:
        known += range(at, at + there)
        lost += range(at + there, at + there + gone)
        at += there + gone
    known += range(at, at + 3)
    found = absent(rates([float(step * each) for each in known]).ts, 0, (at + 2) * step * HOUR)
    assert (found // (step * HOUR)).tolist() == lost


def test_a_payment_that_two_sources_tell_is_one() -> None:
    """A file may round to the second what REST tells to the millisecond."""
    told = [(8 * HOUR, 0.01, None), (8 * HOUR + 7, 0.01, 100.0), (16 * HOUR, 0.01, None)]
    y, x = as_rates(told), as_rates(told[::-1])
    assert y
    assert x
    found = due((y, x), HOUR * np.arange(6, 18), (np.full(12, 90.0), np.full(12, 80.0)))
    assert found.y.tolist() == [0.0, 0.0, 1.0, *[0.0] * 7, 0.9, 0.0]
    assert found.x.tolist() == [0.0, 0.0, 0.8, *[0.0] * 7, 0.8, 0.0]
    assert (found.known.sum(), found.missing.sum()) == (2, 0)


@pytest.mark.parametrize("bars", [0, 1])
def test_few_bars_are_no_error(bars: int) -> None:
    found = due((rates([8]), rates([8])), HOUR * np.arange(bars), (np.ones(bars), np.ones(bars)))
    assert (found.y.tolist(), found.known.tolist(), found.missing.tolist()) == ([0.0] * bars, [0] * bars, [0] * bars)
