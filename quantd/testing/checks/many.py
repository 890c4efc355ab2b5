"""The checks of regressions that fit many pairs at once, by `fit_many` or `fit_sums_many`."""

from collections.abc import Sequence

import numpy as np

from quantd.model import Hedge
from quantd.plugin.base import Plugin
from quantd.plugin.regression import Regression, offers_many
from quantd.stats import FloatArray
from quantd.stats.columns.hedges import HedgeColumns
from quantd.stats.columns.moments import MomentsColumns
from quantd.stats.rolling import Moments
from quantd.testing import fakes
from quantd.testing.checks.regressions import degenerate_legs

_PAIRS = 12


def fits_many(cls: type[Plugin]) -> bool:
    return issubclass(cls, Regression) and offers_many(cls, "fit_many")


def fits_many_sums(cls: type[Plugin]) -> bool:
    return issubclass(cls, Regression) and offers_many(cls, "fit_sums_many")


def fit_many_answers_as_fit(regression: Regression) -> None:
    y, x = _windows(regression.window)
    expected = [regression.fit(y[:, p].copy(), x[:, p].copy()) for p in range(y.shape[1])]
    _assert_equal(regression.fit_many(y.copy(), x.copy()), expected, "fit")
    some = np.arange(y.shape[1] - 1, -1, -2)
    _assert_equal(regression.fit_many(y[:, some].copy(), x[:, some].copy()), [expected[p] for p in some], "fit of other pairs")


def fit_sums_many_answers_as_fit_sums(regression: Regression) -> None:
    y, x = _windows(regression.window)
    table, alone = MomentsColumns(regression.window), []
    for p in range(y.shape[1]):
        moments = Moments(regression.window)
        for bar, pair in enumerate(zip(y[:, p].tolist(), x[:, p].tolist(), strict=True)):
            moments.push(bar, *pair)
        alone.append(moments)
        table.add(moments)
    _assert_equal(regression.fit_sums_many(table), [regression.fit_sums(moments) for moments in alone], "fit_sums")


def _windows(window: int) -> tuple[FloatArray, FloatArray]:
    """Return the closes of many pairs, some of them degenerate, of shape (window, pairs)."""
    odd = [legs for _, legs in degenerate_legs(window) if len(legs[0]) == window]
    legs = [*odd, *(fakes.legs(window, seed=seed, noise=10.0 ** (seed - _PAIRS)) for seed in range(_PAIRS))]
    y, x = (np.array([pair[leg] for pair in legs]).T.copy() for leg in (0, 1))
    y[window // 2, -1] *= 3.0
    return y, x


def _assert_equal(columns: HedgeColumns, expected: Sequence[Hedge | None], method: str) -> None:
    for p, hedge in enumerate(expected):
        assert repr(columns.hedge(p)) == repr(hedge), f"pair {p} gets {columns.hedge(p)}, from `{method}` {hedge}"


CHECKS = (fit_many_answers_as_fit,)
SUMS_CHECKS = (fit_sums_many_answers_as_fit_sums,)
