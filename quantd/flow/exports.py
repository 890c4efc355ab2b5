"""Stage 6: rows go to the exporters that take their kind, directly and in order: an exported file must not miss a row."""

from collections.abc import Sequence

from quantd.model import Bar, PairPoint, Tick
from quantd.plugin.base import Exporter, Kind
from quantd.plugin.guard import Guard

Rows = Sequence[Tick] | Sequence[Bar] | Sequence[PairPoint]


class Exports:
    """The exporters of one symbol or pair."""

    def __init__(self, exporters: Sequence[tuple[Exporter, Guard]]) -> None:
        self._by_kind: dict[Kind, list[tuple[Exporter, Guard]]] = {
            kind: [each for each in exporters if kind in each[0].kinds] for kind in ("ticks", "bars", "points")
        }

    def write(self, kind: Kind, rows: Rows) -> None:
        """Hand on rows of one kind."""
        if rows:
            for exporter, guard in self._by_kind[kind]:
                guard.call(exporter.write, kind, rows)
