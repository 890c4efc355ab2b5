"""Counts the skipped lines of a file."""

import logging

MOST_SHOWN = 200
"""Largest length of a reason, which may quote unreadable text."""

log = logging.getLogger("quantd_plugins.feeds.replay")


class Tally:
    """Counts bad lines of one file, and remembers the first."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._count = 0
        self._first = 0
        self._why = ""

    def skip(self, number: int, error: Exception) -> None:
        """Count a skipped line, with the reason."""
        if not self._count:
            self._first = number
            self._why = "it has too few cells" if isinstance(error, IndexError) else str(error)[:MOST_SHOWN]
        self._count += 1

    @property
    def text(self) -> str:
        """Return a sentence, or an empty text if no line was skipped."""
        if not self._count:
            return ""
        return f"skipped {self._count} bad lines, the first at {self.path}:{self._first}: {self._why}"

    def tell(self) -> None:
        """Log the sentence, once the file is read."""
        if self._count:
            log.warning("%s: %s", self.path, self.text)
