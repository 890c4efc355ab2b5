"""Writes the log in a thread of its own: a terminal that is stopped, or a collector that hangs, holds up only that."""

import logging
import os
from queue import Full, Queue
from threading import Thread

_MOST_WAITING = 10_000
_END_S = 1.0


class Scribe(logging.Handler):
    """Lines are formatted at once and written in order. Beyond `most` that wait they are left out, and told of once some were written.

    It writes to the descriptor, not to `sys.stderr`: who waits in there holds a lock that the end of the process needs."""

    def __init__(self, descriptor: int, most: int = _MOST_WAITING) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._lines: Queue[bytes] = Queue(most)
        self._lost = 0
        Thread(target=self._write, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.put_nowait(self._line(record))
        except Full:
            self._lost += 1
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """Wait until all is written, for at most a second. The end of the process does."""
        with self._lines.all_tasks_done:
            self._lines.all_tasks_done.wait_for(lambda: not self._lines.unfinished_tasks, _END_S)

    def _line(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode(errors="backslashreplace")

    def _write(self) -> None:
        while True:
            line = self._lines.get()
            try:
                self._put(line)
                if self._lost:
                    self._put(self._line(self._told()))
                    self._lost = 0
            except OSError:  # it is closed, or its disk is full
                self._lost += 1
            finally:
                self._lines.task_done()

    def _put(self, line: bytes) -> None:
        while line:
            line = line[os.write(self._descriptor, line) :]

    def _told(self) -> logging.LogRecord:
        text = f"{self._lost} lines of the log were left out: stderr did not take them"
        return logging.LogRecord("quantd.log", logging.WARNING, __file__, 0, text, None, None)
