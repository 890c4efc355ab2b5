"""The values that conditions name: of a point, of a bar, of a trade, of the legs of a pair, and of bars before."""

from collections.abc import Callable

from quantd.conditions.model import Term
from quantd.conditions.verdict import Values
from quantd.flow.alerts.rule import sized, value_of
from quantd.history.history import History
from quantd.model import WHOLE, Bar, Metric, PairPoint, Tick
from quantd.timeframes import timeframe

_PRICE = ("price", "close")


def back(every: str, ts: int, bars: int) -> int:
    """Return the open time (ms) of the bucket that is so many buckets before the one that opens at `ts`.

    >>> from quantd.timeframes import DAY
    >>> back("1m", 300_000, 2), back("14h", DAY, 1) == DAY - 10 * 3_600_000
    (180000, True)
    """
    frame = timeframe(every)
    if frame.field % frame.step == 0:
        return ts - bars * frame.step
    for _ in range(bars):
        ts = frame.floor(ts - 1)
    return ts


def moved(now: Metric, then: Metric) -> float | None:
    """Return by how many percent of its absolute value a number has changed.

    >>> moved(103.0, 100.0), moved(-1.5, -1.0), moved(1.0, 0.0)
    (3.0, -50.0, None)
    """
    if not isinstance(now, int | float) or not isinstance(then, int | float) or not then:
        return None
    return 100.0 * (now - then) / abs(then)


class Inputs:
    """Reads what a condition names besides the value that is judged, from memory: the record is never read."""

    def __init__(self, history: History | None = None) -> None:
        self._history = history

    def of_point(self, point: PairPoint) -> Values:
        """Return the values of a pair at a closed bar."""
        legs = point.pair.split(" ")[0].split("-")

        def at(term: Term, ts: int) -> Metric:
            if term.of:
                return self._of_bar(_leg(term.of, legs), point.every, term.metric, ts)
            other = point if ts == point.ts else self._point(point.pair, point.every, ts)
            return value_of(term.metric, other) if other else None

        return _values(at, point.ts, point.every)

    def of_nowcast(self, point: PairPoint) -> Values:
        """Return the values of a pair at its last trades. The bars before are closed ones."""
        legs, opened = point.pair.split("-"), timeframe(point.every).floor(point.ts)

        def at(term: Term, ts: int) -> Metric:
            if ts == opened:
                return self._last(_leg(term.of, legs), term.metric, point.every) if term.of else value_of(term.metric, point)
            if term.of:
                return self._of_bar(_leg(term.of, legs), point.every, term.metric, ts)
            other = self._point(point.pair, point.every, ts)
            return value_of(term.metric, other) if other else None

        return _values(at, opened, point.every)

    def of_bar(self, bar: Bar) -> Values:
        """Return the values of a symbol at a closed bar."""

        def at(term: Term, ts: int) -> Metric:
            if ts == bar.ts:
                return self._metric(bar, term.metric)
            return self._of_bar(bar.symbol, bar.every, term.metric, ts)

        return _values(at, bar.ts, bar.every)

    def of_tick(self, tick: Tick, every: str) -> Values:
        """Return the values of a symbol at a trade: its price; the other numbers are those of the last closed bar of `every`."""
        if not every:
            return lambda term: sized(term, tick.price if term.metric in _PRICE and not term.bars else None)
        opened = timeframe(every).floor(tick.ts)

        def at(term: Term, ts: int) -> Metric:
            if ts < opened:
                return self._of_bar(tick.symbol, every, term.metric, ts)
            if term.metric in _PRICE:
                return tick.price
            return tick.recv - tick.ts if term.metric == "latency" else self._last(tick.symbol, term.metric, every)

        return _values(at, opened, every)

    def points(self, pair: str, every: str, start: int, end: int) -> list[PairPoint]:
        """Return the points in memory of start <= ts <= end (ms), ascending."""
        if self._history is None:
            return []
        held = self._history.recent_points(pair, every, start)
        return list(held.take(held.ts <= end))

    def bars(self, symbol: str, every: str, start: int, end: int) -> list[Bar]:
        """Return the bars in memory of start <= ts <= end (ms), ascending."""
        if self._history is None:
            return []
        held = self._history.recent_bars(symbol, every)
        first, last = held.ts.searchsorted(start), held.ts.searchsorted(end, "right")
        return list(held.take(slice(int(first), int(last))))

    def _point(self, pair: str, every: str, ts: int) -> PairPoint | None:
        return self._history.recent_point(pair, every, ts) if self._history else None

    def _of_bar(self, symbol: str, every: str, metric: str, ts: int) -> Metric:
        bar = self._history.recent_bar(symbol, every, ts) if self._history else None
        return self._metric(bar, metric) if bar and bar.quality != "gap" else None

    def _last(self, symbol: str, metric: str, every: str) -> Metric:
        """Return the newest value of a symbol: its last price, or a number of its last closed bar."""
        last = self._history.last_tick(symbol) if self._history else None
        if last is None:
            return None
        if metric in _PRICE:
            return last.price
        return self._of_bar(symbol, every, metric, back(every, timeframe(every).floor(last.ts), 1))

    def _metric(self, bar: Bar, metric: str) -> Metric:
        if metric in _PRICE:
            return bar.close
        if metric == "coverage":
            return 1.0 if bar.quality in WHOLE else 0.0
        if metric == "latency":
            last = self._history.last_tick(bar.symbol) if self._history else None
            return last.recv - last.ts if last else None
        if metric == "funding":
            return self._history.last_funding(bar.symbol, bar.every) if self._history else None
        found: Metric = getattr(bar, metric, None) if metric in _OF_BAR else None
        return found


_OF_BAR = frozenset({"open", "high", "low", "volume", "trades", "vwap", "taker_buy_volume", "quality"})


def _leg(of: str, legs: list[str]) -> str:
    """Return the symbol that `of` names: `y`, `x`, or a symbol."""
    return {"y": legs[0], "x": legs[-1]}.get(of, of)


def _values(at: Callable[[Term, int], Metric], ts: int, every: str) -> Values:
    """Return the values of terms, given the value of a term's metric at the bar that opens at a time (ms)."""

    def value(term: Term) -> Metric:
        now = at(term, ts)
        if term.bars:
            now = moved(now, at(term, back(every, ts, term.bars)))
        return sized(term, now)

    return value
