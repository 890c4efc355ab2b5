"""Stage 2, beside the bars of trades: bars of bid and ask quotes."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

from quantd.model import BookBar, Depth, Level, Mark, Quality, Quote
from quantd.timeframes import DAY, SECOND, Timeframe, timeframe

_LARGEST = 1e18


class _Top(NamedTuple):
    """The spread and imbalance of one quote."""

    spread: float
    bps: float
    imbalance: float | None
    microprice: float | None


@dataclass(slots=True)
class _Sums:
    """The sums of one bucket. Sums are of value x ms, weights in ms."""

    opened: bool = False
    """True if a quote was known at the bucket's first moment."""
    doubted: bool = False
    held: int = 0
    spread: float = 0.0
    bps: float = 0.0
    sized: int = 0
    imbalance: float = 0.0
    deep: int = 0
    depth_imbalance: float = 0.0
    quotes: int = 0
    depths: int = 0
    microprice: float | None = None
    mark: float | None = None
    index: float | None = None
    funding_rate: float | None = None

    def hold(self, top: _Top | None, ms: int) -> None:
        """Add a quote that held for `ms` milliseconds, up to the latest known moment."""
        self.microprice = top and top.microprice
        if top is None:
            return
        self.held += ms
        self.spread += top.spread * ms
        self.bps += top.bps * ms
        if top.imbalance is not None:
            self.sized += ms
            self.imbalance += top.imbalance * ms

    def add(self, later: "_Sums") -> None:
        """Add a shorter bucket that lies within this one and follows everything added so far."""
        self.doubted |= later.doubted
        for name in ("held", "spread", "bps", "sized", "imbalance", "deep", "depth_imbalance", "quotes", "depths"):
            setattr(self, name, getattr(self, name) + getattr(later, name))
        self.microprice = later.microprice
        if later.mark is not None:
            self.mark, self.index, self.funding_rate = later.mark, later.index, later.funding_rate

    def bar(self, symbol: str, frame: Timeframe, ts: int, *, whole: bool) -> BookBar:
        quality: Quality = "gap" if self.doubted else "complete" if self.opened and whole else "partial"
        return BookBar(
            symbol=symbol,
            every=frame.name,
            ts=ts,
            spread=_mean(self.spread, self.held),
            spread_bps=_mean(self.bps, self.held),
            imbalance=_mean(self.imbalance, self.sized),
            microprice=self.microprice,
            depth_imbalance=_mean(self.depth_imbalance, self.deep),
            quotes=self.quotes,
            depths=self.depths,
            mark=self.mark,
            index=self.index,
            funding_rate=self.funding_rate,
            coverage=self.held / (frame.end(ts) - ts),
            quality=quality,
        )


@dataclass(slots=True)
class _Track:
    """Up to when (ms) one kind of event has been summed, and the id of its last event."""

    upto: int = 0
    last_id: int = -1


class BookStage:
    """Makes the book bars of one symbol. Seconds are summed from events, all longer buckets from the sums of seconds.

    A quote holds until the next quote, and an order book snapshot until the next snapshot. The depth imbalance uses `levels` levels of each
    side. An event whose bucket has closed counts from the start of the first open bucket.
    """

    def __init__(self, symbol: str, every: Sequence[str], levels: int = 20) -> None:
        self.symbol = symbol
        self.dropped = 0
        """Number of events whose id was not greater than the last one, and of marks that were out of order or whose bucket had closed."""
        self.refused = 0
        """Number of invalid events: bad numbers, crossed sides, or a time that differs by more than a day from the time of receipt."""
        self._frames = sorted(map(timeframe, every), key=lambda frame: frame.step)
        self._levels = levels
        self._quotes, self._depths = _Track(), _Track()
        self._top: _Top | None = None
        self._deep: float | None = None
        self._doubted = False
        self._last_mark = -1
        self._next: int | None = None
        self._seconds: dict[int, _Sums] = {}
        self._open: dict[str, tuple[int, _Sums]] = {}

    def append(self, events: Sequence[Quote | Depth | Mark]) -> None:
        """Append events of this symbol, in the order of receipt."""
        for event in events:
            if abs(event.ts - event.recv) > DAY:
                self.refused += 1
            elif type(event) is Quote:
                self._append_quote(event)
            elif type(event) is Depth:
                self._append_depth(event)
            elif type(event) is Mark:
                self._append_mark(event)

    def doubt(self, since: int) -> None:
        """Assume that events may be missing from `since` (ms) on, or from the latest summed moment if that is later. No quote or snapshot
        holds until the next one arrives, whatever its id."""
        if self._next is None:
            return
        self._move_to(since)
        self._top = self._deep = None
        self._doubted = True
        self._second(self._quotes.upto).doubted = True
        self._quotes.last_id = self._depths.last_id = -1

    def close(self, watermark: int) -> list[BookBar]:
        """Close and return the bars of every timeframe that end by `watermark` (ms). Of bars with the same end, shorter ones come first."""
        bars: list[BookBar] = []
        while self._next is not None and self._next + SECOND <= watermark:
            bars += self._close(self._next, whole=True)
        return bars

    def flush(self, until: int) -> list[BookBar]:
        """Close and return all open bars, since the stream has ended at `until` (ms) or with the last event if that is later. They are
        `partial` at best."""
        end = max(until, self._quotes.upto, self._depths.upto, self._last_mark)
        bars = self.close(end)
        if self._next is not None and (self._next < end or self._next in self._seconds):
            self._move_to(end)
            self._second(self._next).microprice = self._top and self._top.microprice
            bars += self._close(self._next, whole=False)
        left = [(frame, *self._open.pop(frame.name)) for frame in self._frames if frame.name in self._open]
        return bars + [sums.bar(self.symbol, frame, start, whole=False) for frame, start, sums in left]

    def _append_quote(self, quote: Quote) -> None:
        if quote.id <= self._quotes.last_id:
            self.dropped += 1
            return
        if not _is_quote(quote.bid, quote.bid_qty, quote.ask, quote.ask_qty):
            self.refused += 1
            return
        self._begin(quote.ts)
        self._move_quotes(quote.ts)
        self._quotes.last_id = quote.id
        self._top, self._doubted = _top(quote), False
        self._second(self._quotes.upto).quotes += 1

    def _append_depth(self, depth: Depth) -> None:
        if depth.id <= self._depths.last_id:
            self.dropped += 1
            return
        bids, asks = depth.bids[: self._levels], depth.asks[: self._levels]
        if not (_is_side(bids) and _is_side(asks)) or (bids and asks and bids[0][0] > asks[0][0]):
            self.refused += 1
            return
        self._begin(depth.ts)
        self._move_depths(depth.ts)
        self._depths.last_id = depth.id
        self._deep = _imbalance(sum(qty for _, qty in bids), sum(qty for _, qty in asks))
        self._second(self._depths.upto).depths += 1

    def _append_mark(self, mark: Mark) -> None:
        late = self._next is not None and mark.ts < self._next
        if late or mark.ts <= self._last_mark:
            self.dropped += 1
            return
        if not (0 < mark.mark < _LARGEST and 0 < mark.index < _LARGEST and (mark.funding_rate is None or isfinite(mark.funding_rate))):
            self.refused += 1
            return
        self._begin(mark.ts)
        self._last_mark = mark.ts
        second = self._second(mark.ts)
        second.mark, second.index, second.funding_rate = mark.mark, mark.index, mark.funding_rate

    def _begin(self, ts: int) -> None:
        if self._next is None:
            self._next = self._quotes.upto = self._depths.upto = ts - ts % SECOND

    def _second(self, ts: int) -> _Sums:
        start = ts - ts % SECOND
        if start not in self._seconds:
            self._seconds[start] = _Sums()
        return self._seconds[start]

    def _move_to(self, ts: int) -> None:
        self._move_quotes(ts)
        self._move_depths(ts)

    def _move_quotes(self, ts: int) -> None:
        """Sum what has held up to `ts` (ms)."""
        for start, begin, end in _cut(self._quotes, ts):
            second = self._second(start)
            second.opened |= begin == start and self._top is not None
            second.doubted |= self._doubted
            second.hold(self._top, end - begin)

    def _move_depths(self, ts: int) -> None:
        for start, begin, end in _cut(self._depths, ts):
            if self._deep is not None:
                second = self._second(start)
                second.deep += end - begin
                second.depth_imbalance += self._deep * (end - begin)

    def _close(self, start: int, *, whole: bool) -> list[BookBar]:
        """Close one second and the longer buckets that end with it."""
        if whole:
            self._move_to(start + SECOND)
        second = self._second(start)
        del self._seconds[start]
        self._next = start + SECOND
        bars = []
        for frame in self._frames:
            begin, sums = self._open.pop(frame.name, (frame.floor(start), _Sums(opened=second.opened and frame.floor(start) == start)))
            sums.add(second)
            if self._next < frame.end(begin) or not whole:
                self._open[frame.name] = begin, sums
            else:
                bars.append(sums.bar(self.symbol, frame, begin, whole=True))
        return bars


def _cut(track: _Track, ts: int) -> list[tuple[int, int, int]]:
    """Split the time from the track's position up to `ts` into seconds: (start of the second, begin, end) of each piece, ms."""
    pieces = []
    while track.upto < ts:
        start = track.upto - track.upto % SECOND
        end = min(start + SECOND, ts)
        pieces.append((start, track.upto, end))
        track.upto = end
    return pieces


def _top(quote: Quote) -> _Top:
    """Summarize a quote. The microprice is the mid weighted with the sizes of the other side (Gatheral and Oomen 2010; the starting point
    of Stoikov 2018)."""
    spread, total = quote.ask - quote.bid, quote.bid_qty + quote.ask_qty
    bps = 2e4 * spread / (quote.ask + quote.bid)
    microprice = quote.bid + spread * (quote.bid_qty / total) if total else None
    return _Top(spread, bps, _imbalance(quote.bid_qty, quote.ask_qty), microprice)


def _imbalance(bids: float, asks: float) -> float | None:
    return (bids - asks) / (bids + asks) if bids + asks else None


def _is_quote(bid: float, bid_qty: float, ask: float, ask_qty: float) -> bool:
    return 0 < bid <= ask < _LARGEST and 0 <= bid_qty < _LARGEST and 0 <= ask_qty < _LARGEST


def _is_side(levels: Sequence[Level]) -> bool:
    return all(0 < price < _LARGEST and 0 <= qty < _LARGEST for price, qty in levels)


def _mean(total: float, weight: int) -> float | None:
    return total / weight if weight else None
