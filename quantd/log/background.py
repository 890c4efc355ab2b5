"""Writes the log in a thread of its own, so that a stopped terminal or a hanging collector delays only that thread."""

import logging
import os
from queue import Full, Queue
from threading import Lock, Thread

_MOST_WAITING = 10_000
_END_S = 1.0


class BackgroundHandler(logging.Handler):
    """Formats lines at once and writes them in order. If more than `most` lines wait, further ones are dropped and counted, and the count
    is written later.

    It writes to the file descriptor and not to `sys.stderr`, because a thread that waits in the latter holds a lock that the process needs
    to exit.
    """

    def __init__(self, descriptor: int, most: int = _MOST_WAITING) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._lines: Queue[bytes] = Queue(most)
        self._lost = 0
        self._counting = Lock()
        Thread(target=self._write, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.put_nowait(self._line(record))
        except Full:
            self._lose(1)
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """Wait until all lines are written, for at most one second. Called at process exit."""
        with self._lines.all_tasks_done:
            self._lines.all_tasks_done.wait_for(lambda: not self._lines.unfinished_tasks, _END_S)

    def _line(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode(errors="backslashreplace")

    def _write(self) -> None:
        while True:
            line = self._lines.get()
            lost = 1
            try:
                self._put(line)
                lost = self._taken()
                if lost:
                    self._put(self._line(self._told(lost)))
                    lost = 0
            except OSError:  # closed, or the disk is full
                self._lose(lost)
            finally:
                self._lines.task_done()

    def _lose(self, lines: int) -> None:
        with self._counting:
            self._lost += lines

    def _taken(self) -> int:
        with self._counting:
            lost, self._lost = self._lost, 0
        return lost

    def _put(self, line: bytes) -> None:
        while line:
            line = line[os.write(self._descriptor, line) :]

    @staticmethod
    def _told(lost: int) -> logging.LogRecord:
        text = f"{lost} lines of the log were left out: stderr did not take them"
        return logging.LogRecord("quantd.log", logging.WARNING, __file__, 0, text, None, None)
