"""What happens to one pair: a series for each timeframe."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct

from quantd.flow.exports import Exports
from quantd.flow.pairs import PairSeries
from quantd.flow.symbol import SymbolStage
from quantd.model import Bar, PairPoint, Transition


class PairStage(Struct):
    """Stage 3 of one pair: a series for each timeframe."""

    y: SymbolStage
    x: SymbolStage
    series: tuple[PairSeries, ...]
    exports: Exports

    @property
    def name(self) -> str:
        return f"{self.y.symbol}-{self.x.symbol}"

    def add(self, bars: Mapping[tuple[SymbolStage, str], Sequence[Bar]], measure_from: Callable[[str, str], int]) -> list[PairPoint]:
        """The points that these bars make, by timeframe. `measure_from` tells of pair and timeframe from when on (ms) the jobs see each."""
        points = []
        for series in self.series:
            y, x = (bars.get((leg, series.spec.every), ()) for leg in (self.y, self.x))
            if y or x:
                points += series.add(y, x, measure_from(series.spec.pair, series.spec.every))
        return points

    def arrived(self) -> list[PairPoint]:
        """The points that slow jobs have added to since the last call."""
        return [point for series in self.series for point in series.arrived()]

    @property
    def slow_metrics(self) -> set[str]:
        """What those jobs add."""
        return {name for series in self.series for job in series.spec.jobs if job.background for name in job.metrics}

    def transitions(self, points: Iterable[PairPoint]) -> list[Transition]:
        """The changes of states among these points, oldest first."""
        return [
            change for point in points for series in self.series if series.spec.every == point.every for change in series.changes(point)
        ]

    def nowcasts(self) -> list[PairPoint]:
        """The points at the legs' last trades; none while a leg is not traded."""
        y, x = self.y.last, self.x.last
        if y is None or x is None or self.y.absent or self.x.absent:
            return []
        ts = max(y.ts, x.ts)
        return [point for series in self.series if (point := series.nowcast(ts, y.price, x.price))]


class RebuiltPoints(Struct, frozen=True):
    """Points of one pair on one timeframe that were computed again, under their next revisions. Those before `until` (ms) that are not
    among them are right as they are."""

    points: Sequence[PairPoint] = ()
    until: int = 0


class RebuiltPair(Struct, frozen=True):
    """A pair and its rebuilt points."""

    pair: PairStage
    by_timeframe: Mapping[str, RebuiltPoints]
