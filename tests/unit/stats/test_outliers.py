"""Bars that stand apart in a window."""

import numpy as np
import pytest

from quantd.stats.outliers import outliers
from quantd.testing import fakes


@pytest.mark.parametrize("factor", [1.05, 1000.0, 1 / 1000.0])
@pytest.mark.parametrize("at", [0, 1, 5, 30, 57])
@pytest.mark.parametrize("leg", [0, 1])
def test_a_bad_bar_is_found_wherever_it_is(leg: int, at: int, factor: float) -> None:
    legs = fakes.legs(60, seed=at)
    legs[leg][at] *= factor
    assert outliers(*legs, 4.0)[at]


def test_three_in_a_row_are_found() -> None:
    y, x = fakes.legs(60)
    y[20:23] *= 1.1
    assert np.flatnonzero(outliers(y, x, 4.0)).tolist() == [20, 21, 22]


def test_the_last_two_are_left_to_what_comes_after_them() -> None:
    y, x = fakes.legs(60)
    y[58:] *= 1.1
    assert not outliers(y, x, 4.0)[58:].any()


@pytest.mark.parametrize("n", [0, 1, 13])
def test_few_bars_tell_nothing(n: int) -> None:
    y, x = fakes.legs(13)
    y[5] *= 1000.0
    assert not outliers(y[:n], x[:n], 4.0).any()


def test_a_level_that_stays_is_none() -> None:
    y, x = fakes.legs(60)
    y[30:] *= 1.1
    assert not outliers(y, x, 4.0).any()


def test_few_of_clean_bars_are_taken_for_bad() -> None:
    found = [outliers(*fakes.legs(60, seed=seed), 4.0).mean() for seed in range(200)]
    assert np.mean(found) < 2e-3


@pytest.mark.parametrize("of", [np.zeros(60), np.full(60, 5.0)])
def test_still_legs_have_none(of: np.ndarray) -> None:
    assert not outliers(of, of, 4.0).any()
    assert not outliers(fakes.walk(60), of, 4.0).any()
