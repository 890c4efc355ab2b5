"""The stage of one pair."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from quantd.columns.points import PointColumns
from quantd.flow.exports import Export, Exports
from quantd.flow.pairs import PairSeries
from quantd.flow.symbol import SymbolStage
from quantd.model import Bar, PairPoint, Transition


class PairStage(Struct):
    """Stage 3 of one pair, with a series for each timeframe."""

    y: SymbolStage
    x: SymbolStage
    series: tuple[PairSeries, ...]
    exports: Exports

    @property
    def name(self) -> str:
        return f"{self.y.symbol}-{self.x.symbol}"

    def add(self, bars: Mapping[tuple[SymbolStage, str], Sequence[Bar]], measure_from: Callable[[str, str], int]) -> list[PairPoint]:
        """Return the points that these bars make, by timeframe. `measure_from` returns, for pair and timeframe, the time (ms) from which on
        jobs run."""
        points = []
        for series in self.series:
            y, x = (bars.get((leg, series.spec.every), ()) for leg in (self.y, self.x))
            if y or x:
                points += series.add(y, x, measure_from(series.spec.pair, series.spec.every))
        return points

    def arrived(self) -> list[PairPoint]:
        """Return the points that slow jobs have added metrics to since the last call."""
        return [point for series in self.series for point in series.arrived()]

    @property
    def slow_metrics(self) -> set[str]:
        """Names of the metrics of the slow jobs."""
        return {name for series in self.series for job in series.spec.jobs if job.background for name in job.metrics}

    def transitions(self, points: Iterable[PairPoint]) -> list[Transition]:
        """Return the changes of states among these points, oldest first."""
        return [
            change for point in points for series in self.series if series.spec.every == point.every for change in series.changes(point)
        ]

    def nowcasts(self, every: Collection[str] | None = None) -> list[PairPoint]:
        """Return the points at the legs' last trades, on these timeframes or on all; none while a leg is not traded."""
        y, x = self.y.last, self.x.last
        if y is None or x is None or self.y.absent or self.x.absent:
            return []
        ts = max(y.ts, x.ts)
        return [
            point
            for series in self.series
            if (every is None or series.spec.every in every) and (point := series.nowcast(ts, y.price, x.price))
        ]


def by_exports(pairs: Sequence[PairStage], batch: PointColumns) -> Iterator[tuple[Export, PointColumns]]:
    """Yield the exporters of these pairs that take points, each with the points of its pairs."""
    places: dict[Export, list[int]] = {}
    for at, pair in enumerate(pairs):
        for export in pair.exports.of("points"):
            places.setdefault(export, []).append(at)
    for export, some in places.items():
        yield export, batch if len(some) == len(batch) else batch.take(some)


class RebuiltPoints(Struct, frozen=True):
    """The points of one pair on one timeframe that were computed again, under their next revisions. Other points before `until` (ms) are
    correct as they are."""

    points: Sequence[PairPoint] = ()
    until: int = 0


class RebuiltPair(Struct, frozen=True):
    """A pair and its rebuilt points."""

    pair: PairStage
    by_timeframe: Mapping[str, RebuiltPoints]
