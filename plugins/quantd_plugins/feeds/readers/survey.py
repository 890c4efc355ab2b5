"""A first pass over the rows of a table of bars: finds the unit of their times, whether they are in order, and their timeframe."""

from array import array
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise

import quantd
from quantd_plugins.feeds.readers.stamps import SMALL

MOST = 2_000_000
"""Number of rows that are sorted, and whose times determine the timeframe."""
SECONDS_FROM = 10**8
"""Numbers from this limit on, and below SMALL, are rather seconds since 1970 than milliseconds: 1973 rather than the first days of
1970.
"""


class Survey:
    """The survey of the rows of one timeframe. Times are in ms if their unit is known; small ones are numbers of an unknown unit."""

    def __init__(self) -> None:
        self.count = 0
        self.disorder = 0
        """The number of the first row that follows a later one."""
        self._times: dict[str, array[float]] = defaultdict(lambda: array("d"))
        self._top = 0.0
        self._small = True

    def add(self, number: int, symbol: str, time: float, *, iso: bool) -> None:
        """Add a row."""
        self.count += 1
        if self.count <= MOST:
            self._times[symbol].append(time)
        if time < self._top:
            self.disorder = self.disorder or number
        self._top = max(self._top, time)
        self._small = self._small and not iso

    def settle(self, choose: Callable[[list[list[int]]], quantd.Timeframe]) -> tuple[int, quantd.Timeframe]:
        """Return the unit of small numbers in ms, and the timeframe that the times (ms) of each symbol indicate. Raises ValueError."""
        first: ValueError | None = None
        for unit in self._units():
            times = [[round(time * unit) for time in of] for of in self._times.values()]
            try:
                return unit, choose(times)
            except ValueError as error:
                first = first or error
        raise first or ValueError("it has no rows")

    def leaps(self, unit: int, span: int) -> bool:
        """Return whether two successive times of a symbol are further apart than `span` ms; small numbers count `unit` ms."""
        return any((after - before) * unit > span for of in self._times.values() for before, after in pairwise(sorted(of)))

    def _units(self) -> tuple[int, ...]:
        return (1,) if not self._small or self._top >= SMALL else (1000, 1) if self._top >= SECONDS_FROM else (1, 1000)
