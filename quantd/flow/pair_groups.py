"""The series of a flow's pairs, in groups with the same settings, each of which takes the bars at once."""

from collections.abc import Hashable, Iterator, Mapping, Sequence

from quantd.flow.pair import PairStage
from quantd.flow.pairs import PairSeries
from quantd.flow.pairs.group import Legs, Made, Measured, PairGroup
from quantd.flow.symbol import SymbolStage
from quantd.model import Bar

_JOINS_AT_ONCE = 4
"""Largest number of pairs that join a table in one step: each costs about 0.2 ms."""


class PairGroups:
    """The pairs that take part."""

    def __init__(self) -> None:
        self._pairs: dict[str, PairStage] = {}
        self._groups: dict[Hashable, PairGroup] = {}
        self._unsettled: dict[Hashable, None] = {}
        """The groups of which pairs may join the table."""

    @property
    def pairs(self) -> Mapping[str, PairStage]:
        """The pairs by name."""
        return self._pairs

    def add(self, pair: PairStage) -> None:
        """Add a pair."""
        self._pairs[pair.name] = pair
        for series in pair.series:
            key = series.key
            if key not in self._groups:
                self._groups[key] = PairGroup(series)
            self._groups[key].add(series, Legs(pair.y, pair.x))
            self._unsettled[key] = None

    def drop(self, name: str) -> None:
        """Remove a pair, if it takes part."""
        pair = self._pairs.pop(name, None)
        for series in pair.series if pair else ():
            self._groups[series.key].drop(series)
            if not len(self._groups[series.key]):
                del self._groups[series.key]
                self._unsettled.pop(series.key, None)

    def step(self, bars: Mapping[tuple[SymbolStage, str], Sequence[Bar]], measure_from: Measured) -> Iterator[Made]:
        """Yield the points that these bars make, by group. Pairs may join and leave between."""
        every = {timeframe for _, timeframe in bars}
        for key, group in list(self._groups.items()):
            if group.every in every and self._groups.get(key) is group:  # its last pair may have been dropped meanwhile
                self._unsettled[key] = None
                yield from group.step(bars, measure_from)

    def settle(self) -> None:
        """Let some pairs of one group join its table. The groups take turns."""
        key = next(iter(self._unsettled), None)
        if key is not None:
            del self._unsettled[key]
            if self._groups[key].settle(_JOINS_AT_ONCE):
                self._unsettled[key] = None  # behind the others

    def of(self, series: PairSeries) -> PairStage:
        """Return the pair of a series."""
        return self._pairs[series.spec.pair]
