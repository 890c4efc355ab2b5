"""Holds all that a daemon has kept and exported against the exchange's book, and says what is wrong with it."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from quantd.model import Bar, PairPoint
from quantd.plugin.base import Store
from tests.chaos import record
from tests.chaos.record import Book, Replayed, Trades
from tests.scenarios.oracle import FRAMES, HOUR, MINUTE

MOST_TOLD = 40
Spans = Sequence[tuple[int, int]]
Rows = list[dict[str, str]]


class Judge:
    """Of a daemon that ran in `folder` with a window for each of these pairs. What is to be had of the exchange begins at `since` (ms), two
    windows of the longest timeframe before the first point that is compared; all that ended up to `ended` is to be kept."""

    def __init__(self, folder: Path, book: Book, pairs: Mapping[str, int], every: Sequence[str], since: int, ended: int) -> None:
        self._folder = folder
        self._book = book
        self._pairs = pairs
        self._every = every
        self._since = since
        self._ended = ended

    def verdict(self, begin: Mapping[str, int], lost: Mapping[str, Spans] | None = None, *, alone: Sequence[str] = ()) -> str:
        """What is wrong, the first of it; nothing if nothing is. Of each timeframe bars and points must be there that end behind `begin`,
        of all legs and of the symbols that stand `alone`. `lost` are the ids that the daemon says are not to be had."""
        store = record.stored(self._folder / "state/history")
        try:
            wrong = list(self._wrong(store, begin, lost or {}, alone))
        finally:
            store.close()
        return told(wrong)

    def _wrong(self, store: Store, begin: Mapping[str, int], lost: Mapping[str, Spans], alone: Sequence[str]) -> Iterator[str]:
        symbols = [*dict.fromkeys(leg for pair in self._pairs for leg in pair.split("-")), *alone]
        trades = {symbol: self._book.trades(symbol, self._since, self._ended + HOUR).without(lost.get(symbol, ())) for symbol in symbols}
        replays = self._replays(trades)
        of_bars, of_points = (self._exported(kind) for kind in ("bars", "points"))
        yield from (*of_bars[1], *of_points[1])
        for every in self._every:
            wanted = record.buckets(record.floor(begin[every], every), self._ended, every)
            kept = {symbol: store.bars(symbol, every, 0, record.FOR_EVER) for symbol in symbols}
            for symbol, bars in kept.items():
                whole = [bar for bar in _owned(bars) if not _touched(bar, self._book, symbol, lost.get(symbol, ()))]
                there = wanted if not lost.get(symbol) else []
                yield from record.wrong_bars(symbol, every, whole, record.bars(trades[symbol], every), there)
                yield from record.wrong_rows(f"bar {symbol} {every}", _series(of_bars[0], "symbol", symbol, every), bars, wanted)
            for pair, window in self._pairs.items():
                legs = [kept[leg] for leg in pair.split("-")]
                begins = max((bars[0].ts for bars in legs if bars), default=0) if FRAMES[every][0] < MINUTE else self._since
                right = self._settled(replays[window], pair, every, window, begins)
                there = [ts for ts in wanted if ts in right]
                points = store.points(pair, every, 0, record.FOR_EVER)
                yield from record.wrong_points(f"{pair} {every}", points, right, legs, there, window)
                yield from record.wrong_rows(f"point {pair} {every}", _series(of_points[0], "pair", pair, every), points, there)

    def _replays(self, trades: Mapping[str, Trades]) -> dict[int, Replayed]:
        """One for each window."""
        made = {}
        for window in set(self._pairs.values()):
            pairs = [pair for pair, own in self._pairs.items() if own == window]
            legs = {leg: trades[leg] for pair in pairs for leg in pair.split("-")}
            made[window] = Replayed(self._folder / f"replayed-{window}", legs, pairs, self._every, window)
        return made

    def _settled(self, replayed: Replayed, pair: str, every: str, window: int, begins: int) -> dict[int, PairPoint]:
        """The points that do not depend on where the past begins, of the replay and, where no candles tell of it, of the record."""
        first = max(begins, self._since) + (2 * window + 2) * FRAMES[every][0]
        return {ts: point for ts, point in replayed.points(pair, every).items() if ts >= first}

    def _exported(self, kind: str) -> tuple[Rows, list[str]]:
        rows, broken = record.exported(self._folder / "exports", kind)
        return rows, [f"exported: a row is broken: {row}" for row in broken]


def told(wrong: Sequence[str]) -> str:
    """The first difference of each kind, and how many there are of it."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for text in wrong:
        kinds[re.sub(r"-?\d[\d.e+-]*\b", "#", text)].append(text)
    lines = [f"{len(texts):>5}x {texts[0]}" for texts in kinds.values()]
    more = [f"... {len(lines)} kinds of differences in all"] if len(lines) > MOST_TOLD else []
    return "\n".join(lines[:MOST_TOLD] + more)


def _series(rows: Rows, column: str, name: str, every: str) -> Rows:
    return [row for row in rows if (row[column], row["every"]) == (name, every)]


def _owned(bars: list[Bar]) -> list[Bar]:
    """All but the seconds in which the record begins."""
    return bars[1:] if bars and FRAMES[bars[0].every][0] < MINUTE and bars[0].quality == "partial" else bars


def _touched(bar: Bar, book: Book, symbol: str, lost: Spans) -> bool:
    """Whether trades of its bucket are lost."""
    if not lost:
        return False
    times = book.trades(symbol, bar.ts, record.end(bar.ts, bar.every))
    return any(((times.id >= first) & (times.id <= last)).any() for first, last in lost)
