"""A local order book of a symbol: a REST snapshot and the stream of changes since, by the procedure that the exchange documents."""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable

import quantd
from quantd_plugins.feeds.binance.book_frames import DepthSnapshot, DepthUpdate

MOST_WAITING = 1_000
MOST_RECENT = 20
"""Number of applied changes that are kept: a snapshot lags behind them by up to about a second."""
MOST_LEVELS = 5_000
"""Number of levels to which a side is trimmed when it has grown to twice as many."""


class LocalBook:
    """The local book. Pass every change to `update`, and a snapshot to `load` whenever `broken` says why one is needed."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.broken: str | None = "no snapshot yet"
        self.id = 0
        """The id of the last applied update."""
        self.ts = 0
        """The exchange time of the last applied update, ms."""
        self.stale = 0
        """Number of changes that were already applied when they arrived."""
        self._fresh = True
        self._recent: deque[DepthUpdate] = deque(maxlen=MOST_WAITING)
        self._bids, self._asks = _Side(1), _Side(-1)

    def update(self, diff: DepthUpdate) -> bool:
        """Apply changes, and return whether the book was updated. It breaks if earlier changes are missing, or if the changes cross it."""
        if not self._keep(diff) or (not self.broken and diff.id < self.id and diff.ts <= self.ts):
            self.stale += 1
            return False
        if self.broken:
            return False
        while len(self._recent) > MOST_RECENT:
            self._recent.popleft()
        if not self._follows(diff):
            self._break(f"changes are missing: {diff.previous_id} is not {self.id}")
            return False
        return self._apply(diff)

    def awaits(self, diff: DepthUpdate) -> bool:
        """Return whether changes between the newest known ones and these are still to come."""
        return bool(self._recent) and diff.previous_id > self._recent[-1].id

    def load(self, snapshot: DepthSnapshot, limit: int) -> bool:
        """Start again from a snapshot that was requested with `limit`. Return False if that does not make a whole book, or if the snapshot
        is older than all changes that are kept: it is useless then, and a whole book stays as it is.
        """
        since = [diff for diff in self._recent if diff.id >= snapshot.id]
        if since and since[0].previous_id > snapshot.id:
            if self.broken:
                self.broken = f"the snapshot {snapshot.id} is older than the changes since {since[0].previous_id}"
            return False
        self.broken, self._fresh = None, True
        self.id, self.ts = snapshot.id, snapshot.ts
        self._bids, self._asks = _Side(1), _Side(-1)
        self._bids.begin(snapshot.bids, limit)
        self._asks.begin(snapshot.asks, limit)
        if self._crossed():
            self._break(f"the snapshot {snapshot.id} is crossed")
        return self.broken is None and all(map(self._apply, since))

    def top(self, count: int) -> tuple[tuple[quantd.Level, ...], tuple[quantd.Level, ...]]:
        """Return the best bids and asks, best first, at most `count` each."""
        return self._bids.top(count), self._asks.top(count)

    def depth(self, count: int, recv: int) -> quantd.Depth | None:
        """Return the best levels as quantd's noun; None while the book is broken."""
        return None if self.broken else quantd.Depth(self.symbol, self.ts, recv, self.id, *self.top(count))

    def reaches(self, count: int) -> bool:
        """Return whether the best `count` levels of each side are within the snapshot's range. Beyond it, levels that have not changed
        since are unknown: load a new snapshot.
        """
        return self.broken is None and self._bids.reaches(count) and self._asks.reaches(count)

    def _follows(self, diff: DepthUpdate) -> bool:
        """Return whether the changes follow the snapshot. The documented first event has U <= id <= u. As nothing changed between pu and
        U, one with pu <= id is sufficient.
        """
        return diff.previous_id <= self.id <= diff.id if self._fresh else diff.previous_id == self.id

    def _apply(self, diff: DepthUpdate) -> bool:
        self._bids.put(diff.bids)
        self._asks.put(diff.asks)
        self.id, self.ts, self._fresh = diff.id, diff.ts, False
        if self._crossed():
            self._break(f"update {diff.id} crosses the book")
        return self.broken is None

    def _crossed(self) -> bool:
        bid, ask = self._bids.best, self._asks.best
        return bid is not None and ask is not None and bid >= ask

    def _break(self, reason: str) -> None:
        self.broken = reason
        self._bids, self._asks = _Side(1), _Side(-1)

    def _keep(self, diff: DepthUpdate) -> bool:
        """Keep the changes, and return whether they are new: ids may start again, time does not. Only consecutive changes are useful
        later.
        """
        recent = self._recent
        if recent and diff.id <= recent[-1].id and diff.ts <= recent[-1].ts:
            return False
        if recent and diff.previous_id != recent[-1].id:
            recent.clear()
        recent.append(diff)
        return True


class _Side:
    """The levels of one side. Keys are prices times `sign`, ascending, so that the best level is the last."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._keys: list[float] = []
        self._quantity: dict[float, float] = {}
        self._known_from = float("-inf")

    @property
    def best(self) -> float | None:
        return self._sign * self._keys[-1] if self._keys else None

    def begin(self, levels: Iterable[quantd.Level], limit: int) -> None:
        self.put(levels)
        if len(self._keys) >= limit:
            self._known_from = self._keys[0]

    def put(self, levels: Iterable[quantd.Level]) -> None:
        """Set a level. Quantities are absolute, 0 removes a level; removing an unknown level is allowed."""
        keys, quantities, sign = self._keys, self._quantity, self._sign
        for price, quantity in levels:
            key = sign * price
            if quantity:
                if key not in quantities:
                    insort(keys, key)
                quantities[key] = quantity
            elif quantities.pop(key, None) is not None:
                del keys[bisect_left(keys, key)]
        if len(keys) >= 2 * MOST_LEVELS:
            self._trim()

    def top(self, count: int) -> tuple[quantd.Level, ...]:
        best = self._keys[: -count - 1 : -1]
        return tuple([(self._sign * key, self._quantity[key]) for key in best])

    def reaches(self, count: int) -> bool:
        if self._known_from == float("-inf"):
            return True
        return len(self._keys) >= count and self._keys[-count] >= self._known_from

    def _trim(self) -> None:
        for key in self._keys[:-MOST_LEVELS]:
            del self._quantity[key]
        del self._keys[:-MOST_LEVELS]
        self._known_from = max(self._known_from, self._keys[0])
