"""What has fired of late, and where rules stand: in memory, and on disk with each `save`."""

from collections import deque
from collections.abc import Collection, Sequence

from quantd.model import Alert
from quantd.state import FIRINGS_KEPT, Records, tried_again
from quantd.supervision.troubles import Troubles


class Journal:
    """The latest firings, those of earlier runs among them. What changes is on disk after the next `save`: a rule may do so many times a
    second."""

    def __init__(self, records: Records, troubles: Troubles) -> None:
        self._records = records
        self._troubles = troubles
        self._fired: deque[Alert] = deque(records.firings(), maxlen=FIRINGS_KEPT)
        self._unsaved: deque[Alert] = deque(maxlen=FIRINGS_KEPT)
        self._changed: dict[str, Alert] = {}
        self._forgotten: set[str] = set()
        self._cleared = False

    def add(self, alerts: Sequence[Alert]) -> None:
        """Rules have changed their state."""
        fired = [alert for alert in alerts if alert.state == "firing"]
        self._fired.extend(fired)
        self._unsaved.extend(fired)
        self._changed |= {alert.alert_id: alert for alert in alerts}

    def fired(self) -> list[Alert]:
        """The latest firings, by their time."""
        return sorted(self._fired, key=lambda alert: alert.ts)

    def clear(self) -> None:
        """Forget the firings, not where rules stand."""
        self._fired.clear()
        self._unsaved.clear()
        self._cleared = True

    def forget(self, rules: Collection[str]) -> None:
        """These rules are no more: one that comes back under the same name begins anew. Their firings stay."""
        for rule in rules:
            self._changed.pop(rule, None)
            self._forgotten.add(rule)

    def save(self) -> None:
        """Put on disk what has changed since the last call. Never raises for the disk's sake: it is tried again with the next call."""
        if not (self._changed or self._unsaved or self._forgotten or self._cleared):
            return
        with tried_again(self._troubles, "alerts"):
            self._records.save_alerts(self._changed.values(), self._unsaved, self._forgotten, cleared=self._cleared)
            self._changed, self._forgotten, self._cleared = {}, set(), False
            self._unsaved.clear()
