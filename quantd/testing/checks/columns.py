"""The checks of regressions that implement `columns`."""

from collections.abc import Iterator

import msgspec
import numpy as np

from quantd.model import Hedge
from quantd.plugin.base import Plugin
from quantd.plugin.regression import Regression, offers_many
from quantd.stats import FloatArray, IntArray
from quantd.testing import fakes

_PAIRS = 30
"""Number of pairs: enough for a step of many at once."""
_FIRST = 1_000_003


def has_columns(cls: type[Plugin]) -> bool:
    return issubclass(cls, Regression) and offers_many(cls, "columns")


def columns_answer_as_instances(regression: Regression) -> None:
    """Each column answers as an instance alone, whichever columns a step is of, with holes between its bars."""
    chance = np.random.default_rng(0)
    alone, columns = [msgspec.structs.replace(regression) for _ in range(_PAIRS)], regression.columns()
    assert [columns.add() for _ in alone] == list(range(_PAIRS)), "`add` must return the number of the column, counted from 0"
    last: list[Hedge | None] = [None] * _PAIRS
    for number, y, x in _bars(regression):
        which = _some(chance)
        columns.step(which, np.full(len(which), number), y[which], x[which])
        for p in which.tolist():
            last[p] = alone[p].update(number, float(y[p]), float(x[p]))
        asked = _some(chance)
        hedges = columns.hedges(asked)
        for at, p in enumerate(asked.tolist()):
            assert repr(hedges.hedge(at)) == repr(last[p]), f"column {p} answers {hedges.hedge(at)} at bar {number}, alone it is {last[p]}"
        assert columns.states(asked) == [alone[p].state() for p in asked.tolist()], f"`states` differ from `state` at bar {number}"


def columns_and_instances_take_each_other_over(regression: Regression) -> None:
    """At any bar a column continues as an instance, and an instance as a column, also after other columns were dropped."""
    chance = np.random.default_rng(1)
    alone, columns = [msgspec.structs.replace(regression) for _ in range(_PAIRS)], regression.columns()
    for _ in alone:
        columns.add()
    names = list(range(_PAIRS))
    for number, y, x in _bars(regression):
        p = int(chance.integers(_PAIRS))
        name = names.pop(p)
        taken = columns.regression(p)
        columns.drop(p)
        columns.load(columns.add(), taken)
        names.append(name)
        columns.step(np.arange(_PAIRS), np.full(_PAIRS, number), y[names], x[names])
        hedges = columns.hedges(np.arange(_PAIRS))
        for at, name in enumerate(names):
            wanted = alone[name].update(number, float(y[name]), float(x[name]))
            assert repr(hedges.hedge(at)) == repr(wanted), f"answers {hedges.hedge(at)} at bar {number} after a move, unmoved {wanted}"


def _bars(regression: Regression) -> Iterator[tuple[int, FloatArray, FloatArray]]:
    """Yield the number of each bar and the prices of the legs of all pairs, some of them bad."""
    legs = [fakes.legs(3 * regression.window, seed=seed) for seed in range(_PAIRS)]
    chance = np.random.default_rng(2)
    for at in range(3 * regression.window):
        y, x = np.array([[leg[at] for leg in pair] for pair in legs]).T
        yield _FIRST + at, np.where(chance.random(_PAIRS) < 0.02, 1.05 * y, y), np.where(chance.random(_PAIRS) < 0.02, 1.05 * x, x)


def _some(chance: np.random.Generator) -> IntArray:
    every = np.arange(_PAIRS)
    return every if chance.random() < 0.5 else chance.permutation(every)[: int(chance.integers(_PAIRS))]


CHECKS = (columns_answer_as_instances, columns_and_instances_take_each_other_over)
