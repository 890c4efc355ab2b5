"""Removes repeated bars of a file."""

import logging
from collections.abc import Iterable, Iterator

import quantd
from quantd_plugins.feeds.readers.leaps import Numbered

log = logging.getLogger("quantd_plugins.feeds.replay")


class OnceEach:
    """Passes each bar on once: of several rows of one symbol and time, the last in the file counts."""

    def __init__(self) -> None:
        self._repeated = 0
        self._contradictions: list[tuple[int, int]] = []

    def bars(self, rows: Iterable[Numbered]) -> Iterator[quantd.Bar]:
        """Yield the bars of rows that are in order of time."""
        now = -1
        bars: dict[str, Numbered] = {}
        for number, bar in rows:
            if bar.ts != now:
                yield from (kept for _, kept in bars.values())
                now, bars = bar.ts, {}
            elif earlier := bars.get(bar.symbol):
                if earlier[1] == bar:
                    self._repeated += 1
                else:
                    self._contradictions.append((earlier[0], number))
            bars[bar.symbol] = number, bar
        yield from (kept for _, kept in bars.values())

    def tell(self, path: str, *, revised: bool) -> None:
        """Log how many rows were dropped; if the bars are `revised`, rows of one time may differ."""
        if self._repeated:
            log.warning("%s: dropped %d rows that stand in it twice", path, self._repeated)
        if self._contradictions and not revised:
            first, second = self._contradictions[0]
            text = "%s: %d rows contradict another of their time, the first at %s:%d the one at %s:%d; of such a pair the later was taken"
            log.warning(text, path, len(self._contradictions), path, second, path, first)
