"""The recent bars, held in memory."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from threading import Lock

from quantd.columns.bars import BarColumns
from quantd.history.bar_ring import BarRing
from quantd.history.recent import RECENT, VERSIONS, Key
from quantd.history.store_reader import StoreReader
from quantd.history.whole import Whole, merged
from quantd.model import Bar

Recorded = Callable[[int, int, int | None], list[Bar]]
"""Returns the recorded bars of start <= ts < end, or the newest `count` of them."""


class BarSeries:
    """The recent bars of one series, each at its last revision. Any thread may read.

    A lock makes each change and each copy indivisible: no reader sees a part of a bar.
    """

    def __init__(self, key: Key, recorded: Recorded, whole: Whole, recent: int) -> None:
        self.version = next(VERSIONS)
        """Grows with each change of the series. What was read at a version is what is read now if the version is the same."""
        self.whole = whole
        self._recorded: Recorded = recorded
        self._ring = BarRing(*key, recent)
        self._spare = recent // 2
        """Number of bars for which there is room before restored ones give way."""
        self._key = key
        self._lock = Lock()

    @property
    def newest(self) -> int:
        """The time (ms) of the newest bar; -1 without any."""
        return self._ring.newest

    def put(self, bar: Bar) -> None:
        """Add a bar, or replace the one of its time."""
        with self._lock:
            self.version = next(VERSIONS)
            self._put(bar)

    def _put(self, bar: Bar) -> None:
        ring = self._ring
        if bar.ts > ring.newest:
            gone = ring.append(bar)
        else:
            known = ring.revision(bar.ts)
            gone = bar.ts if known is not None and known > bar.revision else -1
            gone = max(gone, ring.put(bar))
        if gone > self.whole.lost:
            self.whole.lost = gone

    def restore(self, bars: Iterable[Bar], since: int | None) -> None:
        """Add any number of recorded bars to those that are already present. If they are all that is recorded from a time (ms) on, `since`
        is that time."""
        with self._lock:
            self.version = next(VERSIONS)
            earlier: dict[int, Bar] = {}
            for bar in bars:
                known = self._ring.revision(bar.ts)
                if known is None:
                    earlier[bar.ts] = bar
                elif known < bar.revision:
                    self.whole.lose(bar.ts)
            if earlier:
                self._ring.widen(len(self._ring) + len(earlier) + self._spare)
                self._ring.add(list(earlier.values()))
            if since is not None:
                self.whole.learn(since)

    def amend(self, bars: Iterable[Bar]) -> None:
        """Add later revisions of bars, and bars that came late, unless they are older than all bars in memory."""
        with self._lock:
            self.version = next(VERSIONS)
            oldest = self._ring.oldest
            for bar in bars:
                if 0 <= oldest <= bar.ts:
                    self._put(bar)
                else:
                    self.whole.lose(bar.ts)

    def recorded(self, bar: Bar) -> None:
        """Note that the store has taken a bar. Only one that is not in memory changes what is read."""
        known = self._ring.revision(bar.ts)
        if known is None or known < bar.revision:
            self.whole.lose(bar.ts)
            self.version = next(VERSIONS)

    def get(self, ts: int) -> Bar | None:
        """Return the bar of a time (ms); None if it is not in memory."""
        with self._lock:
            return self._ring.get(ts)

    def held(self) -> BarColumns:
        """Return the bars in memory, ascending."""
        with self._lock:
            return self._ring.read(0, len(self._ring))

    def read(self, start: int, end: int, count: int | None) -> BarColumns:
        """Return the bars of start <= ts < end, recorded ones included, ascending; with `count`, only the newest `count` bars. The store is
        read only for what memory may lack."""
        with self._lock:
            begin, stop = self._ring.find(start), self._ring.find(end)
            held = self._ring.read(max(begin, stop - count) if count else begin, max(begin, stop))
            whole = self.whole.since
        if start >= whole or (count and len(held) == count and held.ts[0] >= whole):
            return held
        until = min(end, whole)
        older = int(held.ts.searchsorted(until))
        most = count and count - len(held) + older
        recorded = self._recorded(start, until, most)
        rows, unread = merged(held[:older], recorded)
        if until == whole:
            self.whole.learn(max(unread + 1, recorded[0].ts if most and len(recorded) >= most else start))
        return BarColumns.of(*self._key, [*rows[-most if most else 0 :], *held[older:]])


class RecentBars:
    """The recent bars by symbol and timeframe, up to `recent` of each. `reader` reads the recorded ones."""

    def __init__(self, reader: StoreReader, recent: int = RECENT) -> None:
        self._reader = reader
        self._recent = recent
        self._series: dict[Key, BarSeries] = {}
        self._left: dict[Key, int] = {}
        """The time (ms) of the newest bar of each series that was forgotten."""
        self._unheld = next(VERSIONS)
        """Version of the series that are not in memory."""

    def version(self, symbol: str, every: str) -> int:
        """Return the version of a series."""
        series = self._series.get((symbol, every))
        return self._unheld if series is None else series.version

    def put(self, bars: Iterable[Bar]) -> None:
        """Add bars, or replace those of their times."""
        for bar in bars:
            (self._series.get((bar.symbol, bar.every)) or self._added((bar.symbol, bar.every))).put(bar)

    def amend(self, bars: Iterable[Bar]) -> None:
        """Add later revisions of bars, and bars that came late, unless they are older than all bars in memory."""
        for key, rows in _by_series(bars):
            (self._series.get(key) or self._added(key)).amend(rows)

    def restore(self, bars: Iterable[Bar], since: int | None) -> None:
        """Add recorded bars; if they are all that is recorded from a time (ms) on, `since` is that time."""
        for key, rows in _by_series(bars):
            (self._series.get(key) or self._added(key)).restore(rows, since)

    def recorded(self, bars: Iterable[Bar]) -> None:
        """Note that the store has taken these bars. Only those that are not in memory change what is read."""
        for bar in bars:
            if series := self._series.get((bar.symbol, bar.every)):
                series.recorded(bar)
            else:
                self._unheld = next(VERSIONS)

    def get(self, symbol: str, every: str, ts: int) -> Bar | None:
        """Return the bar of a time (ms); None if it is not in memory."""
        series = self._series.get((symbol, every))
        return None if series is None or ts > series.newest else series.get(ts)

    def held(self, symbol: str, every: str) -> BarColumns:
        """Return the bars of a series that are in memory, ascending."""
        series = self._series.get((symbol, every))
        return BarColumns.of(symbol, every, ()) if series is None else series.held()

    def read(self, symbol: str, every: str, start: int, end: int, count: int | None) -> BarColumns:
        """Return the bars of start <= ts < end, recorded ones included, ascending; with `count`, only the newest `count` bars."""
        series = self._series.get((symbol, every))
        if series is None:
            return BarColumns.of(symbol, every, self._reader.recorded_bars(symbol, every, start, end, count))
        return series.read(start, end, count)

    def series(self) -> list[Key]:
        """Return the series of which bars are in memory."""
        return list(self._series)

    def lost(self, symbol: str, every: str) -> int:
        """Return the time (ms) of the newest bar of a series that is not in memory and may not be recorded yet; -1 if there is none."""
        series = self._series.get((symbol, every))
        return series.whole.lost if series else self._left.get((symbol, every), -1)

    def forget(self, symbol: str) -> None:
        """Drop the bars of a symbol."""
        self._unheld = next(VERSIONS)
        for key in [key for key in self._series if key[0] == symbol]:
            series = self._series.pop(key)
            self._left[key] = max(series.newest, series.whole.lost)

    def _added(self, key: Key) -> BarSeries:
        if key not in self._series:
            whole = Whole(self._reader, "bars", key, self._left.get(key, -1))
            self._series[key] = BarSeries(key, partial(self._reader.recorded_bars, *key), whole, self._recent)
        return self._series[key]


def _by_series(bars: Iterable[Bar]) -> Iterable[tuple[Key, Sequence[Bar]]]:
    """Group bars by series."""
    found: defaultdict[Key, list[Bar]] = defaultdict(list)
    for bar in bars:
        found[bar.symbol, bar.every].append(bar)
    return found.items()
