"""The background thread that works on a `hot.db` beside its writer."""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import quantd

_AGAIN_S = 10.0
_log = logging.getLogger("quantd.store")


class BesideThread:
    """Checks the file with `look_through`, which must return when its argument returns true, then runs the `steps` of the rescues at
    half of a core. If one fails, the thread tries again after a while.
    """

    def __init__(self, path: Path, look_through: Callable[[Callable[[], bool]], None], steps: Callable[[], Iterator[None]]) -> None:
        self._path = path
        self._look_through = look_through
        self._steps = steps
        self._clock = quantd.SystemClock()
        self._closing = Event()
        self._thread: Thread | None = None

    def start(self, *, check: bool = False) -> None:
        """Start, unless the thread is running; without `check` the file is not checked."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._work, args=(check,), name="rescue", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop after the current step."""
        self._closing.set()
        if self._thread:
            self._thread.join()

    def _work(self, check: bool) -> None:
        while not self._closing.is_set():
            try:
                if check:
                    self._look_through(self._closing.is_set)
                self._take_steps()
                return
            except (sqlite3.Error, OSError) as error:
                if self._closing.is_set():
                    return
                _log.warning("%s: it is not looked through, or not all taken over, trying again in %.0f s: %s", self._path, _AGAIN_S, error)
            self._closing.wait(_AGAIN_S)

    def _take_steps(self) -> None:
        began = self._clock.monotonic()
        for _ in self._steps():
            if self._closing.wait(self._clock.monotonic() - began):
                return
            began = self._clock.monotonic()
