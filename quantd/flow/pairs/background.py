"""Runs jobs that take long in a thread beside the flow; what they find waits until the flow asks for it."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class Background:
    """One thread for all of a daemon's slow pair jobs, begun with the first of them."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._done: deque[Callable[[], None]] = deque()

    def run(self, work: Callable[[], Callable[[], None]]) -> None:
        """Have `work` run in the thread; what it answers is called by the next `deliver`, in the caller's thread."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="pair-jobs")
        self._pool.submit(lambda: self._done.append(work()))

    def deliver(self) -> bool:
        """Hand over what is done; whether there was anything."""
        some = bool(self._done)
        while self._done:
            self._done.popleft()()
        return some

    def close(self) -> None:
        """Begin nothing more. What runs is left to end by itself, unheard."""
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)


class Inline(Background):
    """Does the work at once: in a replay event time stands still meanwhile, so the same ticks give the same rows."""

    def run(self, work: Callable[[], Callable[[], None]]) -> None:
        work()()
