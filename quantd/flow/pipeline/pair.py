"""What happens to one pair: a series for each timeframe."""

from collections.abc import Mapping

from msgspec import Struct

from quantd.flow.exports import Exports
from quantd.flow.pairs import PairSeries
from quantd.flow.pipeline.symbol import SymbolStage
from quantd.model import Bar, PairPoint


class PairStage(Struct):
    """Stage 3 of one pair: a series for each timeframe."""

    y: SymbolStage
    x: SymbolStage
    series: tuple[PairSeries, ...]
    exports: Exports

    @property
    def name(self) -> str:
        return f"{self.y.symbol}-{self.x.symbol}"

    def add(self, bars: Mapping[tuple[SymbolStage, str], list[Bar]]) -> list[PairPoint]:
        """The points that these bars make, by timeframe."""
        points = []
        for series in self.series:
            y, x = (bars.get((leg, series.spec.every), []) for leg in (self.y, self.x))
            if y or x:
                points += series.add(y, x)
        return points

    def nowcasts(self) -> list[PairPoint]:
        """The points at the legs' last trades."""
        y, x = self.y.last, self.x.last
        if y is None or x is None:
            return []
        ts = max(y.ts, x.ts)
        return [point for series in self.series if (point := series.nowcast(ts, y.price, x.price))]
