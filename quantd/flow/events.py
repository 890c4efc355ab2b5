"""Stage 2, beside the bars of time: bars that end with an event, when so much has traded."""

from collections.abc import Sequence

import msgspec

from quantd.model import Bar, Quality, Tick
from quantd.plugin.base import EventBars
from quantd.plugin.guard import Guard
from quantd.stats.decimals import TradeSums


class _Open:
    """A bar that trades still go into."""

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
        self.last_id = tick.id
        self.sums.add(tick)

    def bar(self, symbol: str, label: str, quality: Quality) -> Bar:
        prices = (self.open, self.high, self.low, self.close)
        volume, vwap, taker_buy = self.sums.totals(self.low, self.high)
        ids = {"first_id": self.first_id, "last_id": self.last_id}
        return Bar(symbol, label, self.ts, *prices, volume, self.trades, vwap, taker_buy, quality, **ids)


class EventStage:
    """The event bars of one symbol and one rule. Every trade is in exactly one bar, in the order of ids.

    A bar opens at its first trade's time, or a millisecond after the bar before it, whichever is later: times are unique. One that an id
    is missing from, or from before it, is of quality `gap`; it is not cut anew when the trade is found later, since all bars after it
    would move.
    """

    def __init__(self, symbol: str, rule: EventBars, guard: Guard) -> None:
        self.label = rule.label
        self.lost = 0
        """Trades that came after one with a greater id, and are in no bar."""
        self._symbol = symbol
        self._rule = msgspec.structs.replace(rule)
        self._guard = guard
        self._open: _Open | None = None
        self._last_ts = -1
        self._last_id: int | None = None
        self._closed: list[Bar] = []

    def take(self, ticks: Sequence[Tick]) -> None:
        """Good and new trades, in the order of receipt."""
        rising = self._rising(ticks)
        self.lost += len(ticks) - len(rising)
        ends = self._guard.call(self._ends, rising, default=[False] * len(rising))
        for tick, last in zip(rising, ends, strict=True):
            if self._open is None:
                self._last_ts = max(tick.ts, self._last_ts + 1)
                self._open = _Open(self._last_ts, tick)
            self._open.whole &= self._last_id is None or tick.id == self._last_id + 1
            self._last_id = tick.id
            self._open.add(tick)
            if last:
                self._close("complete" if self._open.whole else "gap")

    def _rising(self, ticks: Sequence[Tick]) -> list[Tick]:
        """Those whose id is above all before them."""
        top, rising = -1 if self._last_id is None else self._last_id, []
        for tick in ticks:
            if tick.id > top:
                rising.append(tick)
                top = tick.id
        return rising

    def _ends(self, ticks: Sequence[Tick]) -> list[bool]:
        return [bool(self._rule.ends(tick)) for tick in ticks]

    def skip(self, ticks: Sequence[Tick]) -> None:
        """Good and new trades of which no bar is to be made."""
        self._last_id = max(tick.id for tick in ticks)

    def closed(self) -> list[Bar]:
        """The bars that ended since the last call."""
        closed, self._closed = self._closed, []
        return closed

    def flush(self) -> list[Bar]:
        """The stream has ended: what is open is closed, `partial`."""
        if self._open:
            self._close("partial" if self._open.whole else "gap")
        return self.closed()

    def forming(self) -> list[Bar]:
        """The open bar, if there is one."""
        return [self._open.bar(self._symbol, self.label, "forming")] if self._open else []

    def _close(self, quality: Quality) -> None:
        assert self._open
        self._closed.append(self._open.bar(self._symbol, self.label, quality))
        self._open = None
