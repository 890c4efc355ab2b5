"""Where rows go."""

import asyncio
from collections.abc import Iterable, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from quantd.clock import SystemClock
from quantd.flow.ahead import Ahead
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.outbox import Outbox
from quantd.flow.hub import Hub
from quantd.flow.record import Recorder
from quantd.history.history import History
from quantd.model import Alert, Gap
from quantd.state import Records, tried_again
from quantd.supervision.losses import Losses
from quantd.supervision.supervisor import Supervisor
from quantd.supervision.troubles import Troubles


class Outputs(Struct):
    """Everything that ticks, bars, points and alerts go to, besides exports."""

    history: History
    alerts: AlertEngine
    outbox: Outbox
    hub: Hub
    recorder: Recorder | None = None
    records: Records | None = None
    """Where gaps are remembered."""
    ahead: Ahead = field(default_factory=Ahead)
    """What is told before it is recorded."""
    troubles: Troubles = field(default_factory=lambda: Troubles(SystemClock()))
    """What is wrong at present."""
    supervisor: Supervisor = None  # type: ignore[assignment]
    """Keeps the background tasks alive, and reports there."""
    losses: Losses = field(default_factory=Losses)
    """What of the state was found broken."""
    unsaved: dict[Gap, Gap] = field(default_factory=dict)
    """What the records have not taken, by the gap as it opened."""
    points_rebuilt: int = 0
    """How many recorded points of an older definition have been rebuilt."""
    rebuilding: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while recorded bars or points are rebuilt: one at a time reads what the other writes."""

    def __post_init__(self) -> None:
        self.supervisor = self.supervisor or Supervisor(self.troubles)

    def tell_losses(self) -> None:
        """Ask the store what it found broken, and tell what is new of that."""
        if self.recorder:
            self.losses.add(self.recorder.losses())

    def tell_gaps(self, gaps: Sequence[Gap]) -> None:
        """What is missing, or no longer is, of any symbols: to the records first, in one transaction, then to whoever listens."""
        if self.records and (gaps or self.unsaved):
            self._save(self.records, gaps)
        self.hub.publish("gaps", gaps)

    def save_late(self) -> None:
        """To the records what they have not taken yet, and the trades that the recorder has dropped."""
        dropped = self.recorder.take_dropped() if self.recorder else []
        if self.records and (dropped or self.unsaved):
            self._save(self.records, dropped)

    def _save(self, records: Records, gaps: Iterable[Gap]) -> None:
        """Never raises for the records' sake: the flow goes on without them."""
        for gap in gaps:
            opened = replace(gap, closed=None)
            if self.unsaved.pop(opened, None) is None or gap.closed is None:  # else the records never heard of it
                self.unsaved[opened] = gap
        with tried_again(self.troubles, "gaps"):
            records.save_gaps(self.unsaved.values())
            self.unsaved.clear()

    def tell(self, changes: Iterable[tuple[Alert, tuple[str, ...]]]) -> None:
        """Alerts to their sinks and to whoever listens."""
        for alert, sinks in changes:
            self.outbox.put(alert, sinks)
            self.hub.publish("alerts", [alert])
