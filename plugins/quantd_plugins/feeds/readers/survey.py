"""A first look at all rows of a table of bars: in which unit their times are, whether they are in order, and of which timeframe."""

from array import array
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise

import quantd
from quantd_plugins.feeds.readers.stamps import SMALL

MOST = 2_000_000
"""Rows that are sorted, and whose times tell the timeframe."""
SECONDS_FROM = 10**8
"""Numbers from here on, and below SMALL, are seconds since 1970 sooner than milliseconds: 1973 sooner than the first days of 1970."""


class Survey:
    """Of the rows of one timeframe. Times are in ms where they tell their unit; small ones are numbers of an unknown one."""

    def __init__(self) -> None:
        self.count = 0
        self.disorder = 0
        """The number of the first row that comes after a later one."""
        self._times: dict[str, array[float]] = defaultdict(lambda: array("d"))
        self._top = 0.0
        self._small = True

    def add(self, number: int, symbol: str, time: float, *, iso: bool) -> None:
        """One more row."""
        self.count += 1
        if self.count <= MOST:
            self._times[symbol].append(time)
        if time < self._top:
            self.disorder = self.disorder or number
        self._top = max(self._top, time)
        self._small = self._small and not iso

    def settle(self, choose: Callable[[list[list[int]]], quantd.Timeframe]) -> tuple[int, quantd.Timeframe]:
        """How many ms small numbers count, and the timeframe that is chosen by the times (ms) of each symbol. Raises ValueError."""
        first: ValueError | None = None
        for unit in self._units():
            times = [[round(time * unit) for time in of] for of in self._times.values()]
            try:
                return unit, choose(times)
            except ValueError as error:
                first = first or error
        raise first or ValueError("it has no rows")

    def leaps(self, unit: int, span: int) -> bool:
        """Whether two times of a symbol that follow each other are further apart than `span` ms; small numbers count `unit` ms."""
        return any((after - before) * unit > span for of in self._times.values() for before, after in pairwise(sorted(of)))

    def _units(self) -> tuple[int, ...]:
        return (1,) if not self._small or self._top >= SMALL else (1000, 1) if self._top >= SECONDS_FROM else (1, 1000)
