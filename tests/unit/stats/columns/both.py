"""Recursions alone, and the same as columns, side by side."""

from collections.abc import Callable

import numpy as np

from quantd.stats.columns.recursions import RecursionColumns
from quantd.stats.recursion import Recursion, Run
from tests.unit.stats.columns.bars import Bars, Chance, some

PAIRS = 24


class Both:
    """Recursions by name, of which some are columns at any time. `make` makes one by its name, and `prepare` sets up its column."""

    def __init__(
        self, columns: RecursionColumns, make: Callable[[int], Recursion], prepare: Callable[[int, int], None] | None = None
    ) -> None:
        self.columns = columns
        self._alone = {name: Run(make(name)) for name in range(PAIRS)}
        self._prepare = prepare
        self._begun: set[int] = set()
        self.names: list[int] = []

    def go_on(self, chance: Chance, bars: Bars, at: int) -> None:
        """Add or drop a pair at times, and take a bar of some pairs."""
        kind = chance.random()
        if len(self.names) < 4 or (kind < 0.1 and len(self.names) < PAIRS):
            self._add(int(chance.choice([name for name in range(PAIRS) if name not in self.names])))
        elif kind > 0.97:
            p = int(chance.integers(len(self.names)))
            self.columns.drop(p)
            del self.names[p]
        which = some(chance, len(self.names))
        names = [self.names[p] for p in which.tolist()]
        self.columns.push(which, np.full(len(which), at), bars.y[at, names], bars.x[at, names])
        for name in names:
            self._alone[name].push(at, float(bars.y[at, name]), float(bars.x[at, name]))

    def _add(self, name: int) -> None:
        p = self.columns.add()
        if self._prepare:
            self._prepare(p, name)
        if name in self._begun:
            self.columns.resume(p, self._alone[name].state())
        self._begun.add(name)
        self.names.append(name)

    def assert_same(self, chance: Chance) -> None:
        """Assert that the columns are the recursions, to the last bit."""
        which = some(chance, len(self.names))
        runs = [self._alone[self.names[p]] for p in which.tolist()]
        assert self.columns.packed(which) == [run.state() for run in runs]
        hedges = self.columns.hedges(which)
        assert [repr(hedges.hedge(at)) for at in range(len(runs))] == [repr(run.recursion.hedge()) for run in runs]
        for p, run in zip(which[:3].tolist(), runs, strict=False):
            assert self.columns.values(p) == run.recursion.values()
