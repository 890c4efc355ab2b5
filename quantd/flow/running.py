"""A mark that is kept while a flow runs: found at a start, it tells that the run before was killed."""

import logging
from collections.abc import MutableMapping

_KEY = "running"
_log = logging.getLogger("quantd.flow")


class RunMark:
    """Of one flow, in what outlives the daemon. Where that cannot be written, as on a full disk, the flow goes on without."""

    def __init__(self, kept: MutableMapping[str, bytes]) -> None:
        self._kept = kept

    def set(self) -> bool:
        """A run begins; whether the one before did not come to its end."""
        try:
            killed = _KEY in self._kept
            self._kept[_KEY] = b""
        except Exception as error:
            _log.warning("whether the run before was killed is not known: %s", error)
            return True
        return killed

    def remove(self) -> None:
        """The run has come to its end."""
        try:
            self._kept.pop(_KEY, None)
        except Exception as error:
            _log.warning("the next start takes this run for one that was killed: %s", error)
