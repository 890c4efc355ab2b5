"""Where rows go."""

from collections.abc import Iterable

from msgspec import Struct

from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.outbox import Outbox
from quantd.flow.history import History
from quantd.flow.hub import Hub
from quantd.flow.record import Recorder
from quantd.model import Alert


class Outlets(Struct):
    """Everything that ticks, bars, points and alerts go to, besides exports."""

    history: History
    alerts: AlertEngine
    outbox: Outbox
    hub: Hub
    recorder: Recorder | None = None

    def tell(self, changes: Iterable[tuple[Alert, tuple[str, ...]]]) -> None:
        """Alerts to their sinks and to whoever listens."""
        for alert, sinks in changes:
            self.outbox.put(alert, sinks)
            self.hub.publish("alerts", [alert])
