"""Keeps the latest firings in memory, and writes them and the states of rules to disk."""

from collections import deque
from collections.abc import Sequence

from quantd.flow.alerts.table import RuleStates
from quantd.model import Alert
from quantd.state import FIRINGS_KEPT, Records, tried_again
from quantd.supervision.troubles import Troubles


class Journal:
    """Holds the latest firings, including those of earlier runs. Changes are written by the next `save`, since a rule may change many times
    a second."""

    def __init__(self, records: Records, states: RuleStates, troubles: Troubles) -> None:
        self._records = records
        self._states = states
        self._troubles = troubles
        self._fired: deque[Alert] = deque(records.firings(), maxlen=FIRINGS_KEPT)
        self._unsaved: deque[Alert] = deque(maxlen=FIRINGS_KEPT)
        self._cleared = False

    def add(self, alerts: Sequence[Alert]) -> None:
        """Add the firings among these changes."""
        fired = [alert for alert in alerts if alert.state == "firing"]
        self._fired.extend(fired)
        self._unsaved.extend(fired)

    def fired(self) -> list[Alert]:
        """Return the latest firings, ordered by time."""
        return sorted(self._fired, key=lambda alert: alert.ts)

    def clear(self) -> None:
        """Delete the firings. The states of rules stay."""
        self._fired.clear()
        self._unsaved.clear()
        self._cleared = True

    def save(self) -> None:
        """Write what has changed since the last call, in one transaction. Does not raise if the disk fails: the next call tries again."""
        states = self._states.unsaved
        if not (states or self._unsaved or self._cleared):
            return
        with tried_again(self._troubles, "alerts"):
            self._records.save_alerts(states, self._unsaved, cleared=self._cleared)
            self._states.saved()
            self._unsaved.clear()
            self._cleared = False
