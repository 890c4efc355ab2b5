"""The event time of one feed, which determines up to which moment bars may close.

The watermark runs behind the newest event by the allowed lateness, so that an out-of-order trade still finds its bar open. At the latest,
it stops at each whole second once event time has passed that second by the allowed lateness:

    event time  ──┬─────────┬─────────┬─────────┬───▶           a trade of ts = 3.7 s comes, allowed lateness 0.5 s:
                  1 s       2 s       3 s    ▲  4 s             `top` is 3.7 s, and the watermark may go to 3.2 s
                                        ▲    top
                                        closed                  bars that end by 3.2 s close: that of 2 s to 3 s
                  │◀──────── reopen ────┤
                                        │
        too late: its bar is      mends its bar, which is       in its bar, which is open
        rebuilt from the record   issued again, `revision`+1

Bars close at the first event that takes the watermark past a second (`due` is that event's time), however the feed cuts its batches: the
same events give the same closes. After a silence the watermark advances in steps of at most a minute, each of which closes its bars.
"""

from collections.abc import Iterator

from quantd.timeframes import MINUTE, SECOND


class Watermark:
    """Takes event times and returns the moments at which bars close. All times are in ms; `lateness` is the allowed lateness."""

    def __init__(self, lateness: int) -> None:
        self.top = 0
        """The newest time of any event, ms."""
        self.began = 0
        """The time of the first event, ms."""
        self.closed = 0
        """The watermark, ms: bars that end by it have closed."""
        self.due = 0
        """An event of this time (ms) or later closes bars."""
        self._lateness = lateness

    def see(self, ts: int) -> int:
        """Note an event of time `ts` (ms). Return how far it is ahead of all earlier events. The first event sets the watermark: nothing
        closes before it."""
        leap = ts - self.top
        if leap > 0:
            self.top = ts
            if not self.due:
                self.began, self.closed = ts, ts - self._lateness
        return leap

    def moments(self) -> Iterator[int]:
        """Yield the moments (ms) to close at now, oldest first. The watermark moves to each moment as it is yielded."""
        until = self.top - self._lateness
        while self.closed < until:
            self.closed = min(until, self.closed + MINUTE)
            yield self.closed
        self.due = self.closed - self.closed % SECOND + SECOND + self._lateness
