"""Explanations without a running flow."""

from msgspec import Struct

from quantd.clock import EventClock
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.keeper import Keeper, KeptTable
from quantd.flow.alerts.table import RuleStates
from quantd.flow.hub import Hub
from quantd.history.history import History
from quantd.pool import Pool
from quantd.services.live.explain import LiveExplain, Sources
from quantd.state import Records
from quantd.supervision.troubles import Troubles


class Judge(Struct, frozen=True):
    """What a test puts rules into, and rows."""

    engine: AlertEngine
    history: History


def table() -> KeptTable:
    """Return a table in memory."""
    return Keeper(Records(), RuleStates(), Troubles(EventClock(0))).table("explained")


class FakeExplain(LiveExplain):
    """Explains the firings that a test publishes on the hub, of the rules that it puts into `judge.engine`."""

    def __init__(self, hub: Hub, history: History, pool: Pool) -> None:
        self.judge = Judge(AlertEngine(), history)
        super().__init__(Sources(self.judge.engine, history, "0123456789abcdef"), hub, pool, table())
