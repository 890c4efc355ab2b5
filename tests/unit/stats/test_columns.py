"""Windows and fits of many pairs have the bits of each pair alone."""

import math
import random
from collections.abc import Callable

import numpy as np
import pytest

from quantd.model import Hedge
from quantd.stats.columns import fits, gauges
from quantd.stats.columns.hedges import HedgeColumns
from quantd.stats.columns.moments import MomentsColumns, WindowColumns, still
from quantd.stats.regression import ols, pearson
from quantd.stats.ridge import ridge
from quantd.stats.rolling import Moments, Window
from quantd.stats.rolling import still as still_alone
from quantd.stats.sums import Sums
from quantd.stats.zscore import of_closes

PAIRS, BARS = 23, 200


def walks(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Prices of PAIRS pairs of very different kinds, of shape (BARS, PAIRS) each."""
    rng = np.random.default_rng(seed)
    scale = np.geomspace(1e-7, 1e6, PAIRS)
    x = scale * np.exp(rng.normal(0, 1e-3, (BARS, PAIRS)).cumsum(0))
    y = x * 1.7 + rng.normal(0, 1e-3, (BARS, PAIRS)) * x
    x[:, 1], y[:, 2] = 5.0, 7.0  # flat legs
    y[:, 3] = 2.0 * x[:, 3]  # one leg tells the other
    x[90, 4], y[91, 5] = 1e9, 1e-9  # values that leave
    y[100:, 6] = 3.0
    x[20:, 7] += x[20:, 7] * 1e4
    return y, x


@pytest.mark.parametrize("window", [2, 3, 7, 60])
@pytest.mark.parametrize("seed", range(3))
def test_moments_and_fits(window: int, seed: int) -> None:
    alone = [Moments(window, offset=17 * p) for p in range(PAIRS)]
    table = MomentsColumns(window)
    y, x = walks(seed)
    choose = random.Random(seed)
    for index in range(BARS):
        for p, moments in enumerate(alone):
            moments.push(1000 + index, float(y[index, p]), float(x[index, p]))
        if index == window:
            for moments in alone:
                table.add(moments)
        if index > window:
            table.push(1000 + index, y[index], x[index])
            leaving = choose.randrange(PAIRS)  # out of the table, and back
            moments = table.take(leaving)
            table.drop(leaving)
            table.add(moments)
            order = [*range(leaving), *range(leaving + 1, PAIRS), leaving]
            alone, y, x = [alone[p] for p in order], y[:, order], x[:, order]
            assert [table.take(p).values() for p in range(PAIRS)] == [moments.values() for moments in alone]
            assert_fits(table, alone)


def assert_fits(table: MomentsColumns, alone: list[Moments]) -> None:
    fit: list[tuple[HedgeColumns, Callable[[Sums], Hedge | None]]] = [
        (fits.ols(table), ols),
        (fits.ridge(table, 0.1), lambda sums: ridge(sums, 0.1)),
        (fits.given(table, 1.0, 2.0), lambda sums: Hedge(1.0, 2.0, sums.n)),
    ]
    for columns, method in fit:
        assert [columns.hedge(p) for p in range(PAIRS)] == [method(moments) for moments in alone]
    assert [None if math.isnan(corr) else corr for corr in fits.pearson(table).tolist()] == [pearson(moments) for moments in alone]
    expected = [still_alone(moments.n, moments.mean_x, moments.sxx) for moments in alone]
    assert still(table.n, table.mean_x, table.sxx).tolist() == expected
    hedges = fits.ols(table)
    for log in (False, True):
        make = of_closes("window", table.window, log=log)
        made = gauges.of_sums(table, hedges, make, log=log)
        lines = [ols(moments) for moments in alone]
        assert [made.of(p) for p in range(PAIRS)] == [line and make(moments, line.beta) for moments, line in zip(alone, lines, strict=True)]


@pytest.mark.parametrize("window", [2, 7, 60])
def test_windows(window: int) -> None:
    alone = [Window(window, offset=5 * p) for p in range(PAIRS)]
    table = WindowColumns(window)
    y, _ = walks(1)
    for index in range(BARS):
        for p, values in enumerate(alone):
            values.push(index, float(y[index, p]))
        if index == window:
            for values in alone:
                table.add(values)
        if index > window:
            table.push(index, y[index])
            assert [table.take(p).values() for p in range(PAIRS)] == [values.values() for values in alone]
            assert table.mean.tolist() == [values.mean for values in alone]
            assert table.m2.tolist() == [values.m2 for values in alone]
