"""Handles signals in a thread of its own, so that they work whatever the event loop does."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Thread, Timer
from typing import NoReturn

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LONGEST_STOP_S = 20.0
"""Time from the first signal to the end of the process, s. systemd kills after `TimeoutStopSec`, 30 s."""
_log = logging.getLogger("quantd.daemon")


@contextmanager
def obeyed(stop: Callable[[], object], numbers: Sequence[signal.Signals] = NUMBERS) -> Iterator[None]:
    """Handle signals inside the context: the first calls `stop` in another thread; the second ends the process at once.

    The process also ends 20 s after the first signal, even outside the context, so that threads left by plugins cannot keep it alive.
    Call it in the main thread with a running loop: Python writes each signal to a pipe, even while that thread computes.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = {number: signal.signal(number, _noted) for number in numbers}
    old = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    Thread(target=_obey, args=(reader, stop, frozenset(numbers)), name="signals", daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(old)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(writer)


def _noted(number: int, frame: object) -> None:
    """Do nothing. Python writes a signal to the pipe only if it has a handler."""


def _obey(reader: int, stop: Callable[[], object], numbers: frozenset[int]) -> None:
    try:
        if not _next(reader, numbers):
            return
        stop()
        last = Timer(LONGEST_STOP_S, _give_up)
        last.daemon = True
        last.start()
        if second := _next(reader, numbers):
            os._exit(128 + second)
    finally:
        os.close(reader)


def _give_up() -> None:
    left = [thread.name for thread in threading.enumerate() if not thread.daemon and thread is not threading.main_thread()]
    named = f"; threads: {', '.join(left)}" if left else ""
    _log.error("not stopped within %g s: leaving what hangs%s", LONGEST_STOP_S, named)
    leave(1)


def leave(code: int) -> NoReturn:
    """End the process at once with this exit code, after flushing the log for at most a second."""
    for handler in logging.getLogger().handlers:
        handler.flush()
    os._exit(code)


def _next(reader: int, numbers: frozenset[int]) -> int | None:
    """Return the next of these signals; None once the pipe is closed."""
    while data := os.read(reader, 1):
        if data[0] in numbers:
            return data[0]
    return None
