"""Event time of one feed: up to which moment its bars may close.

The watermark runs behind the newest event by the allowed lateness, so that a trade which is out of order still finds its bar open. It stops
at each whole second on the way at the latest when event time has passed that by the allowed lateness:

    event time  ──┬─────────┬─────────┬─────────┬───▶           a trade of ts = 3.7 s comes, allowed lateness 0.5 s:
                  1 s       2 s       3 s    ▲  4 s             `top` is 3.7 s, and the watermark may go to 3.2 s
                                        ▲    top
                                        closed                  bars that end by 3.2 s close: that of 2 s to 3 s
                  │◀──────── reopen ────┤
                                        │
        too late: its bar is      mends its bar, which is       in its bar, which is open
        rebuilt from the record   issued again, `revision`+1

Bars close at the first event that takes the watermark past a second (`due` is that event's time), wherever the feed cuts its batches: the
same events give the same closes. After a silence the watermark goes on in hops of at most a minute, each of which closes what it passes.
"""

from collections.abc import Iterator

from quantd.timeframes import MINUTE, SECOND


class Watermark:
    """Takes what has happened, and answers which moments to close at. All times are in ms; `lateness` is the allowed lateness."""

    def __init__(self, lateness: int) -> None:
        self.top = 0
        """The newest time of any event."""
        self.began = 0
        """That of the first event."""
        self.closed = 0
        """The watermark: bars that end by it have closed."""
        self.due = 0
        """An event of this time, or a later one, closes bars."""
        self._lateness = lateness

    def see(self, ts: int) -> int:
        """An event of this time has come; how far it is ahead of all before. The first one sets the watermark: nothing closes before."""
        leap = ts - self.top
        if leap > 0:
            self.top = ts
            if not self.due:
                self.began, self.closed = ts, ts - self._lateness
        return leap

    def moments(self) -> Iterator[int]:
        """The moments to close at now, oldest first. The watermark moves to each as it is handed out."""
        until = self.top - self._lateness
        while self.closed < until:
            self.closed = min(until, self.closed + MINUTE)
            yield self.closed
        self.due = self.closed - self.closed % SECOND + SECOND + self._lateness
