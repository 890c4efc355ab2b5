"""Runs jobs that take long in a thread beside the flow; what they find waits until the flow asks for it."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from queue import SimpleQueue

from quantd.model import Metric

Metrics = Mapping[str, Metric]
Work = Callable[[], Metrics]
Take = Callable[[Metrics], None]
_log = logging.getLogger("quantd.flow")


class Background:
    """One thread, begun with the first job. It is a daemon thread: what runs when the process ends is let go."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[tuple[Work, Take]] = SimpleQueue()
        self._done: deque[tuple[Take, Metrics]] = deque()
        self._thread: threading.Thread | None = None

    def run(self, work: Work, take: Take) -> None:
        """Have `work` run in the thread; what it finds is given to `take` by the next `deliver`, in the caller's thread."""
        self._waiting.put((work, take))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="pair-jobs", daemon=True)
            self._thread.start()

    def deliver(self) -> bool:
        """Hand over what was found; whether there was anything."""
        some = bool(self._done)
        while self._done:
            take, found = self._done.popleft()
            take(found)
        return some

    def _work(self) -> None:
        while True:
            work, take = self._waiting.get()
            try:
                found = work()
            except Exception:  # of a plugin it is caught before: this is ours
                _log.exception("a job failed: its point goes without what it finds")
                found = {}
            self._done.append((take, found))


class Inline(Background):
    """Does the work at once: in a replay event time stands still meanwhile, so the same ticks give the same rows."""

    def run(self, work: Work, take: Take) -> None:
        take(work())


class SlowRuns:
    """The slow jobs of one series: of each one run at a time, and after it the newest of those that were asked for meanwhile.

    `attach` is told the time of the point and what was found of it. What was found of points that a mend has changed is let go."""

    def __init__(self, background: Background, attach: Callable[[int, Metrics], None]) -> None:
        self._background = background
        self._attach = attach
        self._asked: dict[int, tuple[int, Work]] = {}
        self._running: set[int] = set()
        self._mends = 0

    def ask(self, job: int, ts: int, work: Work) -> Metrics:
        """Have job number `job` work on the point of that time: what it finds if that is known at once, else nothing yet."""
        if isinstance(self._background, Inline):
            return work()
        self._asked[job] = ts, work
        return {}

    def begin(self) -> None:
        """Begin what was asked for last."""
        for job in self._asked.keys() - self._running:
            ts, work = self._asked.pop(job)
            self._running.add(job)
            self._background.run(work, self._taker(job, ts))

    def mended(self) -> None:
        """Points have changed: let go of what is found of them as they were."""
        self._mends += 1
        self._asked.clear()

    def _taker(self, job: int, ts: int) -> Take:
        mends = self._mends

        def take(found: Metrics) -> None:
            self._running.discard(job)
            if mends == self._mends:
                self._attach(ts, found)
            self.begin()

        return take
