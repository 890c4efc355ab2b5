"""Keeps a repeated fault from filling the log."""

import logging
from typing import NamedTuple

_MOST, _WITHIN_S = 10, 60.0
_KEYS = 1_000
_EXEMPT = ("quantd.alerts",)
"""Loggers whose lines are never dropped: what is sent to a sink is not a fault."""


class _Count(NamedTuple):
    since: float
    """Start of its minute (s)."""
    lines: int
    left_out: int


class Quiet(logging.Filter):
    """Passes ten lines of a kind per minute and counts the others. Lines are of one kind if they have the same logger and message template.

    >>> quiet = Quiet()
    >>> lines = [logging.LogRecord("quantd.feed", logging.WARNING, "", 0, "%s is silent", (name,), None) for name in "ABCDEFGHIJKL"]
    >>> [quiet.filter(line) for line in lines].count(True)
    10
    """

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[tuple[str, str], _Count] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log the record. The tenth line, and the first of a later minute, say what is left out."""
        if record.levelno < logging.INFO or record.name in _EXEMPT:
            return True
        key = record.name, str(record.msg)
        count = self._counts.get(key, _Count(record.created, 0, 0))
        if record.created - count.since >= _WITHIN_S:
            if count.left_out:
                record.msg = f"{record.msg} (and {count.left_out} more like it since)"
            count = _Count(record.created, 0, 0)
        over = count.lines >= _MOST
        if count.lines == _MOST - 1:
            record.msg = f"{record.msg} (more like it are left out for a minute)"
        self._remember(key, _Count(count.since, count.lines + 1, count.left_out + over))
        return not over

    def _remember(self, key: tuple[str, str], count: _Count) -> None:
        if len(self._counts) >= _KEYS:
            self._counts.clear()
        self._counts[key] = count
