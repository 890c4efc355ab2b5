"""Keeps the latest firings in memory and on disk."""

from collections import deque
from collections.abc import Sequence

from quantd.flow.alerts.keeper import Keeper
from quantd.model import Alert
from quantd.state import FIRINGS_KEPT


class Journal:
    """Holds the latest firings, including those of earlier runs."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._fired: deque[Alert] = deque(keeper.records.firings(), maxlen=FIRINGS_KEPT)

    def add(self, alerts: Sequence[Alert]) -> None:
        """Add the firings among these changes. A reminder is none."""
        fired = [alert for alert in alerts if alert.state == "firing" and not alert.repeat]
        self._fired.extend(fired)
        self._keeper.fired(fired)

    def fired(self) -> list[Alert]:
        """Return the latest firings, ordered by time."""
        return sorted(self._fired, key=lambda alert: alert.ts)

    def clear(self) -> None:
        """Delete the firings. The states of rules stay."""
        self._fired.clear()
        self._keeper.clear_fired()
