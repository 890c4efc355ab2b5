"""The destinations of rows."""

import asyncio
from collections.abc import Iterable, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from quantd.clock import Clock, SystemClock
from quantd.config.routing import Routing
from quantd.flow.ahead import Ahead
from quantd.flow.alerts.dispatch import Dispatcher
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.keeper import Keeper
from quantd.flow.alerts.outbox import Outbox
from quantd.flow.alerts.rule import AlertRule
from quantd.flow.hub import Hub
from quantd.flow.record import Recorder
from quantd.history.history import History
from quantd.model import Alert, Gap
from quantd.state import Records, tried_again
from quantd.supervision.losses import Losses
from quantd.supervision.supervisor import Supervisor
from quantd.supervision.troubles import Troubles


class Outputs(Struct):
    """The destinations of ticks, bars, points and alerts, except exports."""

    history: History
    alerts: AlertEngine
    outbox: Outbox
    hub: Hub
    recorder: Recorder | None = None
    records: Records | None = None
    """The records that hold gaps."""
    ahead: Ahead = field(default_factory=Ahead)
    """Notes of rows that are published before they are recorded."""
    troubles: Troubles = field(default_factory=lambda: Troubles(SystemClock()))
    """The present troubles."""
    supervisor: Supervisor = None  # type: ignore[assignment]
    """Keeps the background tasks alive, and reports those that fail to `troubles`."""
    losses: Losses = field(default_factory=Losses)
    """The parts of the state that were found broken."""
    unsaved: dict[Gap, Gap] = field(default_factory=dict)
    """Gaps that the records have not stored, by the gap as it opened."""
    points_rebuilt: int = 0
    """Number of recorded points of an older definition that have been rebuilt."""
    nowcasts_made: int = 0
    """Number of now-casts made for rules and listeners."""
    keeper: Keeper = None  # type: ignore[assignment]
    """Writes what alerts change to the records, or holds it in memory without any."""
    dispatcher: Dispatcher = None  # type: ignore[assignment]
    """Passes alerts to the outbox and the hub."""
    routing: Routing = Routing()
    """Where alerts go, and when they are muted."""
    clock: Clock | None = None
    """The venue's clock; None in a replay."""
    rebuilding: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while recorded bars or points are rebuilt, since one task reads what the other writes."""

    def __post_init__(self) -> None:
        self.supervisor = self.supervisor or Supervisor(self.troubles)
        self.keeper = self.keeper or Keeper(self.records or Records(), self.alerts.states, self.troubles)
        self.outbox.attach(self.keeper)
        self.dispatcher = self.dispatcher or Dispatcher(self.outbox, self.hub, self.keeper.table, self.routing, self.clock)
        self.outbox.lasting = self.dispatcher.told_to

    def tell_losses(self) -> None:
        """Ask the store which files it found broken, and report the new ones."""
        if self.recorder and self.losses.add(self.recorder.losses()):
            self.history.store_changed()

    def tell_gaps(self, gaps: Sequence[Gap]) -> None:
        """Save gaps that opened or closed to the records, in one transaction, then publish them to listeners."""
        if self.records and (gaps or self.unsaved):
            self._save(self.records, gaps)
        self.alerts.note_gaps(gaps)
        self.hub.publish("gaps", gaps)

    def save_late(self) -> None:
        """Save the gaps that the records have not stored yet, and the trades that the recorder has dropped."""
        dropped = self.recorder.take_dropped() if self.recorder else []
        if self.records and (dropped or self.unsaved):
            self._save(self.records, dropped)

    def _save(self, records: Records, gaps: Iterable[Gap]) -> None:
        """Save gaps. If the records fail, the flow continues without them: this never raises."""
        for gap in gaps:
            opened = replace(gap, closed=None)
            if self.unsaved.pop(opened, None) is None or gap.closed is None:  # otherwise the records never stored it
                self.unsaved[opened] = gap
        with tried_again(self.troubles, "gaps"):
            records.save_gaps(self.unsaved.values())
            self.unsaved.clear()

    def tell(self, changes: Iterable[tuple[Alert, AlertRule]]) -> None:
        """Send alerts to their sinks and to listeners."""
        self.dispatcher.send(changes)
