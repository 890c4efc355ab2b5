"""The order book of one symbol, a pure function of (seed, symbol, time) with a resolution of a millisecond.

Every tick on either side holds something, `LEVELS` deep. A level's quantity is drawn anew after one to eight seconds, levels come and go
as the best prices move. Update ids count milliseconds, so the state at any id can be asked for. At midnight the engine restarts: ids jump,
and no change tells what is before it, so that clients must begin anew.
"""

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zlib import crc32

import numpy as np

from quantd.simulator.market import DAY_MS
from quantd.simulator.quotes import ASK, BID, SECOND_MS, Ints, Quotes, key, mixed
from quantd.simulator.scenario import Symbol
from quantd.simulator.trades import ORIGIN

LEVELS = 1000
IDS_PER_MS = 40
IDS_PER_DAY = DAY_MS * IDS_PER_MS
JUMP = 1_000_000
LONGEST_LIFE_S = 8
TRADES_PER_LEVEL = 8
KEPT_STATES = 12


class Sides(NamedTuple):
    """Levels of both sides, best first: price in ticks and quantity in steps, shape (n, 2). In a change, a quantity of 0 removes a
    level."""

    bids: Ints
    asks: Ints


class Column(NamedTuple):
    """One side at one moment: the quantities of the prices `low`, `low` + 1, …, all above 0."""

    low: int
    quantity: Ints


class Book:
    """The order book of one symbol at every past and future time."""

    def __init__(self, symbol: str, spec: Symbol, seed: int, quotes: Quotes) -> None:
        self.quotes = quotes
        self._first_id = 1 + crc32(symbol.encode()) % 1_000_000_000
        self._unit = max(4, round(TRADES_PER_LEVEL * spec.notional / spec.level / float(spec.step)))
        self._life = key(seed, symbol, "life")
        self._keys = [key(seed, symbol, "quantity", side) for side in (BID, ASK)]
        self._column = lru_cache(maxsize=2 * KEPT_STATES)(self._column_at)

    def id_at(self, time_ms: int) -> int:
        """Return the id of the last update at or before a time."""
        since = time_ms - ORIGIN
        return self._first_id + since * IDS_PER_MS + since // DAY_MS * JUMP

    def time_of(self, update_id: int) -> int:
        """Return the millisecond of an update; the last one of the day for an id that was skipped."""
        days, rest = divmod(update_id - self._first_id, IDS_PER_DAY + JUMP)
        return ORIGIN + days * DAY_MS + min(rest, IDS_PER_DAY - 1) // IDS_PER_MS

    def link(self, since: int, until: int) -> tuple[int, int, int]:
        """Return three ids for the changes after `since` and up to `until`: the id before them, the first and the last."""
        last = self.id_at(until)
        before = last - (until - since) * IDS_PER_MS
        return before, before + IDS_PER_MS, last

    def top(self, times: Ints) -> Ints:
        """Return best bid, its quantity, best ask and its quantity at `times` (ms UTC), shape (n, 4)."""
        bid, ask = self.quotes.best(times)
        return np.stack([bid, self._quantities(BID, bid, times), ask, self._quantities(ASK, ask, times)], axis=1)

    def at(self, time_ms: int, levels: int = LEVELS) -> Sides:
        """Return the best `levels` of each side at a time."""
        bids, asks = (_rows(column.low, column.quantity) for column in (self._column(BID, time_ms), self._column(ASK, time_ms)))
        return Sides(bids[::-1][:levels], asks[:levels])

    def changes(self, since: int, until: int) -> Sides:
        """Return the levels that changed after `since` and up to `until` (at most 500 ms of one second), as they are at `until`.

        Within a second prices do not turn, and no quantity is drawn twice, so what was touched differs between the ends. Only at the
        turn of the second may something be touched that is then as it was before.
        """
        knots = [since, until - 1, until] if until % SECOND_MS == 0 else [since, until]
        bids, asks = (_touched([self._column(side, knot) for knot in knots]) for side in (BID, ASK))
        return Sides(bids[::-1], asks)

    def _column_at(self, side: int, time_ms: int) -> Column:
        best = int(self.quotes.best(np.array([time_ms]))[side][0])
        low = max(1, best - LEVELS + 1) if side == BID else best
        high = best if side == BID else best + LEVELS - 1
        prices = np.arange(low, high + 1)
        return Column(low, self._quantities(side, prices, np.int64(time_ms)))

    def _quantities(self, side: int, prices: Ints, times: Ints | np.int64) -> Ints:
        """Return quantities, uniform on one of four scales. A price keeps its number for a whole life, whether or not it is in the book."""
        words = prices.astype(np.uint64)
        lives = mixed(words ^ self._life).astype(np.int64) & 0xFFFF
        length = (1 + lives % LONGEST_LIFE_S) * SECOND_MS
        number = (times + lives) // length
        drawn = mixed(mixed(words ^ self._keys[side]) ^ number.astype(np.uint64)).astype(np.int64)
        return np.asarray(1 + ((drawn >> 8 & 0xFFFFFF) % self._unit << (drawn & 3)))


def _rows(low: int, quantity: Ints) -> Ints:
    return np.stack([np.arange(low, low + len(quantity)), quantity], axis=1)


def _touched(columns: list[Column]) -> Ints:
    """Return the levels that differ between any two consecutive columns, ascending, with their quantity in the last."""
    low = min(column.low for column in columns)
    width = max(column.low + len(column.quantity) for column in columns) - low
    wide = np.zeros((len(columns), width), np.int64)
    for row, column in zip(wide, columns, strict=True):
        row[column.low - low :][: len(column.quantity)] = column.quantity
    touched = np.zeros(width, np.bool_)
    for before, after in pairwise(wide):
        touched |= before != after
    return _rows(low, wide[-1])[touched]
