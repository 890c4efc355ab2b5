"""Runs slow jobs in a thread beside the flow. Their results wait until the flow collects them."""

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
    """One thread, started with the first job. It is a daemon thread: work that runs when the process ends is abandoned."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[tuple[Work, Take]] = SimpleQueue()
        self._done: deque[tuple[Take, Metrics]] = deque()
        self._thread: threading.Thread | None = None

    def run(self, work: Work, take: Take) -> None:
        """Run `work` in the thread. The next `deliver` passes the result to `take`, in the caller's thread."""
        self._waiting.put((work, take))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="pair-jobs", daemon=True)
            self._thread.start()

    def deliver(self) -> bool:
        """Deliver the results that are ready. Return whether there were any."""
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
            except Exception:  # a plugin's error is caught further down: this one is ours
                _log.exception("a job failed: its point goes without what it finds")
                found = {}
            self._done.append((take, found))


class Inline(Background):
    """Does the work at once. In a replay event time stands still meanwhile, so the same ticks give the same rows."""

    def run(self, work: Work, take: Take) -> None:
        take(work())


class SlowRuns:
    """Runs the slow jobs of one series. Each job has one run at a time, followed by the newest of the runs requested meanwhile.

    `attach` is called with the time of the point and the result. Results for points that a mended bar has changed are discarded.
    """

    def __init__(self, background: Background, attach: Callable[[int, Metrics], None]) -> None:
        self._background = background
        self._attach = attach
        self._asked: dict[int, tuple[int, Work]] = {}
        self._running: set[int] = set()
        self._mends = 0

    def ask(self, job: int, ts: int, work: Work) -> Metrics:
        """Run job number `job` on the point of time `ts` (ms). Return its result if that is available at once, otherwise nothing."""
        if isinstance(self._background, Inline):
            return work()
        self._asked[job] = ts, work
        return {}

    def begin(self) -> None:
        """Start the newest requested runs."""
        for job in self._asked.keys() - self._running:
            ts, work = self._asked.pop(job)
            self._running.add(job)
            self._background.run(work, self._taker(job, ts))

    def mended(self) -> None:
        """Discard the results for points as they were before a mended bar changed them."""
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
