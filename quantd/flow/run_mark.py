"""A mark that is stored while a flow runs. If a start finds one, the previous run was killed."""

import logging
from collections.abc import MutableMapping

_KEY = "running"
_log = logging.getLogger("quantd.flow")


class RunMark:
    """The mark of one flow, in storage that survives a restart. If it cannot be written, as on a full disk, the flow continues without
    it."""

    def __init__(self, kept: MutableMapping[str, bytes]) -> None:
        self._kept = kept

    def set(self) -> bool:
        """Set the mark. Return whether the previous run was killed."""
        try:
            killed = _KEY in self._kept
            self._kept[_KEY] = b""
        except Exception as error:
            _log.warning("whether the run before was killed is not known: %s", error)
            return True
        return killed

    def remove(self) -> None:
        """Remove the mark, since the run ends properly."""
        try:
            self._kept.pop(_KEY, None)
        except Exception as error:
            _log.warning("the next start takes this run for one that was killed: %s", error)
