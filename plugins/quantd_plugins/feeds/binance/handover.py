"""The handover of connections: the new one is made before the old one is closed ("make before break"), so that no trade falls between them.

A connection is replaced when it is old (`rotate`), when the exchange says that it will close it, and when one of its streams is silent.
These are the ids of one symbol's trades:

               retire()         all confirmed: ready_at                   joined()
                  |                        |                                  |
    old    1 2 3 -+- 4 5 6 ----------------+------ 7 ------- 8 ------- 9 10 --+ closed
    new           +- turn, connect, ask ---+---- 7 --- 8 9 10 --- 11 12 ------+----------------- 13 14 ->
                                           |                                  |
    handed on    1 2 3  4 5 6              |     7 7   8     8         9 10   | 9 10 11 12       13 14 ->
    waits                                  |             9 10     11 12       | nothing

- While there are two connections, both pass on their events; the ledger of the symbol drops duplicates. But a trade of the new connection
  that is more than one id beyond the last one of the old connection waits (`Arrivals._waits`): it would look like a gap that the old
  connection is about to fill. Here 9 and the trades after it wait, since the old connection has brought only 7.
- `ready_at` is the exchange time when all wanted streams had been confirmed over the new connection: later trades arrive over it, too. Once
  the old connection has brought all data sent until then (`whole`: its `upto` has passed `ready_at` by HOLD_MS, since trades are gathered
  before they are sent), nothing can be missing between the two. The new connection passes on the waiting events
  (`Connection.take_over`), and the old one is closed.
- An old connection that is idle (IDLE_S), or that does not catch up in time (CATCH_UP_S), is not waited for: the new one takes over, and
  data sent after the old one's `upto` count as lost until the next ids show that nothing is missing (`StreamGroup._take_over`).
- A new connection that is not confirmed, or that brings no data while the old one does (`mute`), is closed; the old one continues, and
  another is tried after a wait. If the old one ends meanwhile, the new one continues alone.
"""

from quantd_plugins.feeds.binance.connection import Connection, Shared

HOLD_MS = 250
"""Distance (ms) behind the newest data read at which the tape counts as complete: trades are gathered for 100 ms before they are sent."""
DATA_S = 2.0
"""Seconds after which a confirmed successor without data takes over all the same, if the old connection brings no data either."""
CATCH_UP_S = 10.0
"""Seconds for which a confirmed successor waits for the old connection to bring earlier data."""
IDLE_S = 2.0
"""Seconds without data, or even a pong, after which an old connection is not waited for."""


class Progress:
    """The progress of a new connection that takes over from an old one."""

    def __init__(self, old: Connection, new: Connection, shared: Shared) -> None:
        self.ready_since: float | None = None
        self._old = old
        self._new = new
        self._shared = shared
        self._ready_at = 0
        self._upto = old.upto
        self._brought: tuple[dict[str, int], int] = {}, 0
        self._moved = shared.clock.monotonic()

    def joined(self) -> bool:
        """Return whether the new connection brings data, and the old one has brought all data sent before the new one was ready; or
        whether the wait for one of them has timed out.
        """
        now = self._shared.clock.monotonic()
        if self._old.upto != self._upto:
            self._upto, self._moved = self._old.upto, now
        if self.ready_since is None:
            if not self._new.ready:
                return False
            self.ready_since, self._ready_at = now, self._shared.exchange.now() or 0
            self._brought = dict(self._old.brought), self._old.channel_frames
        waited = now - self.ready_since
        self._ready_at = self._ready_at or self._shared.exchange.now() or 0
        has_data = self._new.data_since is not None or (waited > DATA_S and not self._old_brings())
        return has_data and (self.whole() or now - self._moved > IDLE_S or waited > CATCH_UP_S)

    def whole(self) -> bool:
        """Return whether the old connection has brought all data sent before the new one was ready, so that nothing is missing between
        them.
        """
        return bool(self._ready_at) and self._old.upto >= self._ready_at + HOLD_MS

    def mute(self) -> bool:
        """Return whether the new connection, though confirmed, has brought no data for long while the old one has."""
        if self.ready_since is None or self._new.data_since is not None or not self._old_brings():
            return False
        return self._shared.clock.monotonic() - self.ready_since > CATCH_UP_S

    def _old_brings(self) -> bool:
        """Return whether the old connection has brought any data since the new one was ready."""
        return (self._old.brought, self._old.channel_frames) != self._brought
