"""The lines of the daemon's log, for those who subscribe to them."""

import asyncio
import logging
from contextlib import suppress
from threading import Lock

from quantd.api.schema.rows import LogRow
from quantd.api.ws.v1.topic import Put, Stop
from quantd.times import iso

_MOST = 200
"""Maximum number of lines a second. Others are left out, and counted in a line of their own."""
_LONGEST = 4_000
"""Maximum number of characters of a line."""


class _Tap(logging.Handler):
    """Passes lines, which any thread may log, to the event loop. It logs nothing itself."""

    def __init__(self, put: Put) -> None:
        super().__init__()
        self._put = put
        self._loop = asyncio.get_running_loop()
        self._waiting: list[LogRow] = []
        self._of_waiting = Lock()
        self._second = 0
        self._lines = 0
        """Number of lines in this second."""

    def emit(self, record: logging.LogRecord) -> None:
        """Let a line wait for the event loop. A line that cannot be formatted, or that comes after the end of the loop, is left out."""
        with suppress(Exception):
            self._take(record)

    def _take(self, record: logging.LogRecord) -> None:
        if int(record.created) != self._second:
            self._let_wait(self._left_out())
            self._second, self._lines = int(record.created), 0
        self._lines += 1
        if self._lines <= _MOST:
            self._let_wait([row_of(record)])

    def _left_out(self) -> list[LogRow]:
        left = self._lines - _MOST
        return [LogRow(iso(self._second * 1000), "warning", "quantd.log", f"{left} lines of this second were left out")] if left > 0 else []

    def _let_wait(self, lines: list[LogRow]) -> None:
        with self._of_waiting:
            first, self._waiting = not self._waiting, self._waiting + lines
        if first and lines:
            self._loop.call_soon_threadsafe(self._pass_on)

    def _pass_on(self) -> None:
        with self._of_waiting:
            lines, self._waiting = self._waiting, []
        self._put(lines)


def row_of(record: logging.LogRecord) -> LogRow:
    """Return a line of the log as a row, with the error in one line if there is one. What is no text, as in some names of files, is
    escaped."""
    text = record.getMessage()
    if record.exc_info and record.exc_info[1] is not None:
        text += f" ({record.exc_info[1]!r})"
    return LogRow(
        iso(int(record.created * 1000)), record.levelname.lower(), record.name, text[:_LONGEST].encode(errors="backslashreplace").decode()
    )


def tap(put: Put) -> Stop:
    """Pass each line of the log on, from now until the returned function is called."""
    handler = _Tap(put)
    logging.getLogger().addHandler(handler)
    return lambda: logging.getLogger().removeHandler(handler)
