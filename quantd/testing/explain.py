"""Explanations without a running flow."""

from msgspec import Struct

from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.hub import Hub
from quantd.history.history import History
from quantd.pool import Pool
from quantd.services.live.explain import LiveExplain, Sources


class Judge(Struct, frozen=True):
    """What a test puts rules into, and rows."""

    engine: AlertEngine
    history: History


class FakeExplain(LiveExplain):
    """Explains the firings that a test publishes on the hub, of the rules that it puts into `judge.engine`."""

    def __init__(self, hub: Hub, history: History, pool: Pool) -> None:
        self.judge = Judge(AlertEngine(), history)
        super().__init__(Sources(self.judge.engine, history, "0123456789abcdef"), hub, pool, {})
