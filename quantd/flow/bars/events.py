"""Stage 2, beside the bars of time: event bars, which end when enough has traded."""

from bisect import bisect_left
from collections import deque
from collections.abc import Container, Sequence
from itertools import pairwise

import msgspec

from quantd.model import Bar, Quality, Tick
from quantd.plugin import answers
from quantd.plugin.base import EventBars
from quantd.plugin.guard import Guard
from quantd.stats.decimals import TradeSums

_RECENT = 100
"""Number of closed bars that can still be marked as lacking a trade. Where ids count up by one, a bar knows at its close whether it is
complete."""


class _Open:
    """The open bar, to which trades are still added."""

    def __init__(self, ts: int, tick: Tick) -> None:
        self.ts = ts
        self.open = self.high = self.low = self.close = tick.price
        self.sums = TradeSums()
        self.first_id = self.last_id = tick.id
        self.trades = 0
        self.whole = True

    def add(self, tick: Tick) -> None:
        self.high, self.low, self.close = max(self.high, tick.price), min(self.low, tick.price), tick.price
        self.trades += 1
        self.first_id, self.last_id = min(self.first_id, tick.id), max(self.last_id, tick.id)
        self.sums.add(tick)

    def bar(self, symbol: str, label: str, quality: Quality, state: bytes | None = None) -> Bar:
        prices = (self.open, self.high, self.low, self.close)
        volume, vwap, taker_buy = self.sums.totals(self.low, self.high)
        ids = {"first_id": self.first_id, "last_id": self.last_id}
        return Bar(symbol, label, self.ts, *prices, volume, self.trades, vwap, taker_buy, quality, **ids, state=state)


class EventStage:
    """Makes the event bars of one symbol and one rule. Every trade is in exactly one bar, in the order of ids.

    A bar's time is that of its first trade, or a millisecond after the bar before it, whichever is later: times are unique. A bar has the
    quality `gap` if an id is missing from it or directly before it. When that trade is found later, the bar is not made again, since all
    bars after it would change.
    """

    def __init__(self, symbol: str, rule: EventBars, guard: Guard) -> None:
        self.label = rule.label
        self.lost = 0
        """Number of trades that arrived after their bar had closed. They are in no bar."""
        self._symbol = symbol
        self._rule = msgspec.structs.replace(rule)
        self._guard = guard
        self._open: _Open | None = None
        self._last_ts = -1
        self._last_id: int | None = None
        self._begins: int | None = None
        """The id of the first trade that its own bars hold; None if it takes every trade."""
        self.cut = -1
        """The last id in the closed bars."""
        self._closed: list[Bar] = []
        self._recent: deque[Bar] = deque(maxlen=_RECENT)

    @property
    def reached(self) -> int | None:
        """The greatest id in its bars, or before they begin; None if they begin with the first trade that arrives."""
        return self._last_id

    def resume(self, bar: Bar) -> None:
        """Continue after the last bar that an earlier run recorded."""
        if bar.last_id is not None:
            self.begin_at(bar.last_id + 1)
        self._last_ts = bar.ts
        if bar.state is not None:
            self._guard.call(self._rule.resume, bar.state)

    def begin_at(self, first_id: int) -> None:
        """Start the first bar with the trade of this id."""
        self._begins = first_id
        self._last_id = self.cut = first_id - 1

    def append(self, ticks: Sequence[Tick], broken: Container[int] | None = None) -> None:
        """Append valid new trades by ascending id. Trades that are already in its bars are skipped.

        Where ids do not count up by one, `broken` holds the ids before which a trade may be missing.
        """
        if self._last_id is not None and ticks and ticks[0].id <= self._last_id:
            ticks = [tick for tick in ticks if tick.id > self._last_id]
        self._add(ticks, broken)

    def append_unnumbered(self, ticks: Sequence[Tick], broken: Container[int]) -> None:
        """Append valid new trades of a venue without ids in the order of receipt. Only a trade from before the open bar is too late."""
        top = -1 if self._last_id is None else self._last_id
        if ticks and ticks[0].id > top and all(one.id < other.id for one, other in pairwise(ticks)):
            self._add(ticks, broken)
            return
        for tick in ticks:
            if tick.id > self.cut:
                self._add([tick], broken)
            else:
                self.mark_missing(tick)

    def mark_missing(self, tick: Tick) -> None:
        """Record that a trade came too late: the bar that lacks it is re-issued with the quality `gap`."""
        if self._begins is not None and tick.id < self._begins:
            return
        self.lost += 1
        at = bisect_left(self._recent, tick.id, key=_last_id)
        if at == len(self._recent):
            if self._open:
                self._open.whole = False
        elif self._recent[at].quality == "complete" and (at or len(self._recent) < _RECENT):
            bar = self._recent[at]
            self._recent[at] = msgspec.structs.replace(bar, quality="gap", revision=bar.revision + 1)
            self._closed.append(self._recent[at])

    def _add(self, ticks: Sequence[Tick], broken: Container[int] | None) -> None:
        if not ticks:
            return
        ends = self._guard.call(self._ends, ticks, default=[(False, None)] * len(ticks))
        for tick, (last, state) in zip(ticks, ends, strict=True):
            if self._open is None:
                self._last_ts = max(tick.ts, self._last_ts + 1)
                self._open = _Open(self._last_ts, tick)
            self._open.whole &= self._follows(tick) if broken is None else tick.id not in broken or tick.id == self._begins
            self._last_id = tick.id if self._last_id is None else max(self._last_id, tick.id)
            self._open.add(tick)
            if last:
                self._close("complete" if self._open.whole else "gap", state)

    def _follows(self, tick: Tick) -> bool:
        return self._last_id is None or tick.id == self._last_id + 1

    def _ends(self, ticks: Sequence[Tick]) -> list[tuple[bool, bytes | None]]:
        """Return for each trade whether it ends its bar, and the state that the rule then carries over to the next bar."""
        rule = self._rule
        return [(True, answers.packed(rule.state)) if rule.ends(tick) else (False, None) for tick in ticks]

    def closed(self) -> list[Bar]:
        """Return the bars that ended since the last call, and closed bars that turned out to lack a trade, with `revision` + 1."""
        closed, self._closed = self._closed, []
        return closed

    def flush(self) -> list[Bar]:
        """Close the open bar as `partial`, since the stream has ended, and return it."""
        if self._open:
            self._close("partial" if self._open.whole else "gap", None)
        return self.closed()

    def forming(self) -> list[Bar]:
        """Return the open bar, if there is one."""
        return [self._open.bar(self._symbol, self.label, "forming")] if self._open else []

    def _close(self, quality: Quality, state: bytes | None) -> None:
        assert self._open
        bar = self._open.bar(self._symbol, self.label, quality, state)
        self.cut = max(self.cut, self._open.last_id)
        self._open = None
        self._closed.append(bar)
        self._recent.append(bar)


def _last_id(bar: Bar) -> int:
    return bar.last_id or 0
