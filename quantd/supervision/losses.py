"""Records which parts of the state were found broken in this run. Each is logged once, and shown in `/health` and `/quality` until the
daemon ends."""

import logging
from collections.abc import Iterable

from quantd.clock import Clock, SystemClock
from quantd.model import Loss
from quantd.supervision.troubles import Troubles

_log = logging.getLogger("quantd.state")


class Losses:
    """The last loss of each file, as last reported. Any thread may call.

    >>> losses = Losses()
    >>> losses.add([Loss("kept", "it was broken", 0, record=False)])
    True
    >>> [loss.file for loss in losses.present()], losses.incomplete_from()
    (['kept'], None)
    """

    def __init__(self, troubles: Troubles | None = None, clock: Clock | None = None) -> None:
        self._troubles = troubles
        self._clock = clock or SystemClock()
        self._found: dict[str, Loss] = {}

    def found(self, file: str, text: str, *, record: bool = True) -> None:
        """Add a loss that is found now."""
        self.add([Loss(file, text, self._clock.now(), record)])

    def add(self, losses: Iterable[Loss]) -> bool:
        """Add losses. A loss that was reported before is not reported again. Return whether any is new, or is told of differently."""
        found = False
        for loss in losses:
            known = self._found.get(loss.file)
            if loss == known:
                continue
            self._found[loss.file], found = loss, True
            if known is None or known.since != loss.since:
                _log.error("%s: %s", loss.file, loss.text)
            else:
                _log.warning("%s: %s", loss.file, loss.text)
            if self._troubles:
                self._troubles.begin("store", loss.file, loss.text)
        return found

    def present(self) -> list[Loss]:
        """Return the losses in the order in which they were found."""
        return list(self._found.values())

    def incomplete_from(self) -> int | None:
        """Return the time (ms) from which on the record must be searched for missing rows; None if no part of it is lost."""
        return max((loss.read_from for loss in self.present() if loss.record), default=None)
