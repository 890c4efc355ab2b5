"""The lines of a file that were skipped, and what there is to tell of them."""

import logging

MOST_SHOWN = 200
"""Letters of a reason, which may quote what cannot be read."""

log = logging.getLogger("quantd_plugins.feeds.replay")


class Tally:
    """Counts bad lines of one file, and remembers the first."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._count = 0
        self._first = 0
        self._why = ""

    def skip(self, number: int, error: Exception) -> None:
        """One more line, for that reason."""
        if not self._count:
            self._first = number
            self._why = "it has too few cells" if isinstance(error, IndexError) else str(error)[:MOST_SHOWN]
        self._count += 1

    @property
    def text(self) -> str:
        """A sentence, or nothing if no line was skipped."""
        if not self._count:
            return ""
        return f"skipped {self._count} bad lines, the first at {self.path}:{self._first}: {self._why}"

    def tell(self) -> None:
        """Once the file is read."""
        if self._count:
            log.warning("%s: %s", self.path, self.text)
