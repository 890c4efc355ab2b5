"""Event-time bars of one second."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

import msgspec

import quantd
from quantd.stats.decimals import TradeSums

SECOND = 1_000
KEPT = 64
"""Number of trades of a closed second that are kept unfolded, 16 bytes each, until late trades can no longer arrive: folding so few is
not worthwhile.
"""
Span = tuple[int, int]


class Bucket(msgspec.Struct, gc=False):
    """The trades of one second; more may be added. Open and close follow the trade id, whatever the order of receipt."""

    ts: int
    open: float
    high: float
    low: float
    close: float
    revision: int = -1
    trades: int = 0
    first_id: int = 0
    last_id: int = 0
    sums: TradeSums = msgspec.field(default_factory=TradeSums)

    @classmethod
    def at(cls, ts: int, price: float) -> "Bucket":
        """Return the bucket of a second (ms) without trades, at the price before it."""
        return cls(ts, price, price, price, price)

    def rest_at(self, price: float) -> None:
        """Set all prices to one price, as in a second without trades."""
        self.open = self.high = self.low = self.close = price

    def add(self, ticks: Sequence[quantd.Tick], begin: int) -> int:
        """Add the ticks from index `begin` on that belong to this second; return the index of the first one that does not, or the
        number of ticks.
        """
        if not self.trades:
            self.rest_at(ticks[begin].price)
            self.first_id = self.last_id = ticks[begin].id
        at, start, end, high, low = begin, self.ts, self.ts + SECOND, self.high, self.low
        for tick in ticks[begin:] if begin else ticks:
            if not start <= tick.ts < end:
                break
            price = tick.price
            if price > high:
                high = price
            elif price < low:
                low = price
            if tick.id >= self.last_id:
                self.last_id, self.close = tick.id, price
            elif tick.id < self.first_id:
                self.first_id, self.open = tick.id, price
            at += 1
        self.sums.extend(ticks[begin:at])
        self.high, self.low, self.trades = high, low, self.trades + at - begin
        return at

    def add_run(self, run: quantd.TickRun, facts: quantd.RunFacts) -> None:
        """Add a plain run, of which all trades belong to this second."""
        if not self.trades:
            self.rest_at(facts.open)
            self.first_id = self.last_id = facts.first_id
        self.high, self.low = max(self.high, facts.high), min(self.low, facts.low)
        if facts.last_id >= self.last_id:
            self.last_id, self.close = facts.last_id, facts.close
        if facts.first_id < self.first_id:
            self.first_id, self.open = facts.first_id, facts.open
        self.sums.add_run(run)
        self.trades += len(run)

    def bar(self, symbol: str, quality: quantd.Quality) -> quantd.Bar:
        volume, vwap, taker_buy_volume = self.sums.totals(self.low, self.high)
        return quantd.Bar(
            symbol=symbol,
            every="1s",
            ts=self.ts,
            open=self.open,
            high=self.high,
            low=self.low,
            close=self.close,
            volume=volume,
            trades=self.trades,
            vwap=vwap,
            taker_buy_volume=taker_buy_volume,
            quality=quality,
            revision=max(self.revision, 0),
            first_id=self.first_id if self.trades else None,
            last_id=self.last_id if self.trades else None,
        )


class TimeBars(quantd.Resampler):
    """Cuts time into bars: one-second bars from ticks, longer timeframes merged from those.

    A second without a trade is a flat bar at the last close. A bar closes when the feed's watermark passes its end. A trade that is
    late by no more than `reopen` is added to the closed bar, which is re-issued with `revision` + 1.
    """

    def __post_init__(self) -> None:
        self._reopen = quantd.duration(self.reopen)
        self._symbol = ""
        self._buckets: dict[int, Bucket] = {}
        self._first: int | None = None
        self._next: int | None = None
        self._cut: int | None = None
        self._mended: set[int] = set()
        self._holes: list[Span] = []
        """Gaps in the trades, sorted and disjoint."""
        self._lost = 0

    @property
    def base(self) -> str:
        return "1s"

    @property
    def lost(self) -> int:
        return self._lost

    def begin(self, symbol: str, ts: int, price: float) -> None:
        self._symbol = symbol
        self._first = ts - SECOND
        self._next = ts
        self._buckets[ts - SECOND] = Bucket.at(ts - SECOND, price)

    def update(self, ticks: Sequence[quantd.Tick]) -> None:
        if type(ticks) is quantd.TickRun and (facts := ticks.facts) and facts.start // SECOND == facts.end // SECOND:
            bucket = self._bucket(facts.start, facts.open, ticks.symbol)
            if bucket is None:
                self._lost += len(ticks)
            else:
                bucket.add_run(ticks, facts)
            return
        at = 0
        while at < len(ticks):
            tick = ticks[at]
            bucket = self._bucket(tick.ts, tick.price, tick.symbol)
            if bucket is None:
                self._lost += 1
                at += 1
            else:
                at = bucket.add(ticks, at)

    def _bucket(self, ts: int, price: float, symbol: str) -> Bucket | None:
        """Return the bucket of a tick, opened or re-opened for it; None if the tick is too old to be added."""
        start = ts - ts % SECOND
        if self._next is not None and start < self._next:
            if start < self._next - self._reopen:
                return None
            self._mended.add(start)
        if self._first is None or start < self._first:
            self._begin(start)
        bucket = self._buckets.get(start)
        if bucket is None:
            bucket = self._buckets[start] = Bucket.at(start, price)
        self._symbol = symbol
        return bucket

    def _begin(self, start: int) -> None:
        """Note that the trades begin in this bucket; the bucket that was taken for the first is whole after all."""
        if self._next is not None and self._first in self._buckets:
            self._mended.add(self._first)
        self._first = start

    def advance(self, watermark: int) -> list[quantd.Bar]:
        if self._first is None:
            return []
        if self._next is None:
            self._next = self._first
        bars = [self._bar(bucket) for bucket in self._mend(self._next)] if self._mended else []
        while self._next + SECOND <= watermark:
            bars.append(self._bar(self._close(self._next)))
        self._forget(self._next - self._reopen - SECOND)
        return bars

    def flush(self, until: int) -> list[quantd.Bar]:
        bars = self.advance(until)
        if self._next is not None and self._next <= until:
            self._cut = self._next
            bars.append(self._bar(self._close(self._next)))
        return bars

    def forming(self) -> list[quantd.Bar]:
        return [
            self._buckets[start].bar(self._symbol, "forming")
            for start in sorted(self._buckets)
            if self._next is None or start >= self._next
        ]

    def mark_holes(self, spans: Sequence[Span]) -> None:
        if self._next is None:
            self._holes = _apart(spans)
            return
        oldest = self._next - self._reopen  # an earlier bucket is kept for its close only: its trades are no longer given here
        before, self._holes = self._holes, _apart(span for span in spans if span[1] >= oldest)
        for first, last in set(before).symmetric_difference(self._holes):
            begin = max(first, oldest)
            for start in range(begin - begin % SECOND, min(last + 1, self._next), SECOND):
                if start in self._buckets and _touches(start, before) != _touches(start, self._holes):
                    self._mended.add(start)

    def _close(self, start: int) -> Bucket:
        """Close the next bucket, flat if it has no trades."""
        self._next = start + SECOND
        bucket = self._buckets.get(start)
        if bucket is None:
            bucket = self._buckets[start] = Bucket.at(start, self._buckets[start - SECOND].close)
        return bucket

    def _mend(self, end: int) -> Iterator[Bucket]:
        """Yield the closed buckets that changed, oldest first, with the flat ones that follow a changed close."""
        mended, self._mended = self._mended, set()
        last = self._buckets.get(min(mended) - SECOND)
        for start in range(min(mended), end, SECOND):
            bucket = self._buckets.get(start)
            if bucket is None and last is not None:
                bucket = self._buckets[start] = Bucket.at(start, last.close)
            elif bucket is not None and last is not None and not bucket.trades and bucket.close != last.close:
                bucket.rest_at(last.close)
            elif start not in mended:
                last = bucket
                continue
            last = bucket
            if bucket is not None:
                yield bucket
        self._buckets = dict(sorted(self._buckets.items()))

    def _forget(self, limit: int) -> None:
        for start in list(takewhile(limit.__gt__, self._buckets)):  # iterates once, since deleted keys leave gaps in the dict
            del self._buckets[start]

    def _bar(self, bucket: Bucket) -> quantd.Bar:
        bucket.revision += 1
        bar = bucket.bar(self._symbol, self._quality(bucket))
        bucket.sums.rest(above=KEPT)
        return bar

    def _quality(self, bucket: Bucket) -> quantd.Quality:
        if _touches(bucket.ts, self._holes):
            return "gap"
        return "partial" if bucket.ts in (self._first, self._cut) else "complete"


def _apart(spans: Iterable[Span]) -> list[Span]:
    """Return the same time as sorted spans that do not overlap."""
    merged: list[Span] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return merged


def _touches(start: int, holes: list[Span]) -> bool:
    at = bisect_left(holes, start, key=lambda hole: hole[1])
    return at < len(holes) and holes[at][0] < start + SECOND


@quantd.hookimpl
def register_resamplers(register: quantd.Register[quantd.Resampler]) -> None:
    register("time", TimeBars)
