"""Where rows go."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.outbox import Outbox
from quantd.flow.history import History
from quantd.flow.hub import Hub
from quantd.flow.record import Recorder
from quantd.model import Alert, Gap
from quantd.state import Records


class Outlets(Struct):
    """Everything that ticks, bars, points and alerts go to, besides exports."""

    history: History
    alerts: AlertEngine
    outbox: Outbox
    hub: Hub
    recorder: Recorder | None = None
    records: Records | None = None
    """Where gaps are remembered."""

    def tell_gaps(self, gaps: Sequence[Gap]) -> None:
        """What is missing, or no longer is: to the records first, then to whoever listens."""
        if self.records:
            for gap in gaps:
                self.records.save_gap(gap)
        self.hub.publish("gaps", gaps)

    def tell(self, changes: Iterable[tuple[Alert, tuple[str, ...]]]) -> None:
        """Alerts to their sinks and to whoever listens."""
        for alert, sinks in changes:
            self.outbox.put(alert, sinks)
            self.hub.publish("alerts", [alert])
