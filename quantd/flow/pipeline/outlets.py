"""Where rows go."""

import asyncio
import logging
import sqlite3
from collections.abc import Iterable, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.outbox import Outbox
from quantd.flow.history import History
from quantd.flow.hub import Hub
from quantd.flow.record import Recorder
from quantd.model import Alert, Gap
from quantd.state import Records

_UNSAVED = (
    "gaps are not saved, trying again with the next: %s: see to the disk of state.dir; after a restart what is older may be forgotten"
)
_log = logging.getLogger("quantd.flow")


class Outlets(Struct):
    """Everything that ticks, bars, points and alerts go to, besides exports."""

    history: History
    alerts: AlertEngine
    outbox: Outbox
    hub: Hub
    recorder: Recorder | None = None
    records: Records | None = None
    """Where gaps are remembered."""
    unsaved: dict[Gap, Gap] = field(default_factory=dict)
    """What the records have not taken, by the gap as it opened."""
    made_anew: int = 0
    """How many recorded points of an older definition have been made anew."""
    remaking: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while recorded bars or points are made anew: one at a time reads what the other writes."""

    def tell_gaps(self, gaps: Sequence[Gap]) -> None:
        """What is missing, or no longer is, of any symbols: to the records first, in one transaction, then to whoever listens."""
        if self.records and (gaps or self.unsaved):
            self._save(self.records, gaps)
        self.hub.publish("gaps", gaps)

    def _save(self, records: Records, gaps: Iterable[Gap]) -> None:
        """Never raises for the records' sake: the flow goes on without them."""
        failing = bool(self.unsaved)
        for gap in gaps:
            opened = replace(gap, closed=None)
            if self.unsaved.pop(opened, None) is None or gap.closed is None:  # else the records never heard of it
                self.unsaved[opened] = gap
        try:
            records.save_gaps(self.unsaved.values())
        except sqlite3.Error as error:
            if not failing:
                _log.error(_UNSAVED, error)
            return
        self.unsaved.clear()
        if failing:
            _log.info("gaps are saved again")

    def tell(self, changes: Iterable[tuple[Alert, tuple[str, ...]]]) -> None:
        """Alerts to their sinks and to whoever listens."""
        for alert, sinks in changes:
            self.outbox.put(alert, sinks)
            self.hub.publish("alerts", [alert])
