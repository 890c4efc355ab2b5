"""Silences without a disk: a test fires alerts."""

from itertools import count

from quantd.clock import Clock
from quantd.conditions.parse import parse_condition
from quantd.config.rules import Rule
from quantd.flow.alerts.dispatch import Dispatcher
from quantd.flow.alerts.keeper import Keeper
from quantd.flow.alerts.outbox import Outbox
from quantd.flow.alerts.rule import AlertRule
from quantd.flow.alerts.silence import Silence
from quantd.flow.alerts.table import RuleStates
from quantd.flow.hub import Hub
from quantd.model import Alert
from quantd.services.live.silences import LiveSilences
from quantd.state import Records
from quantd.supervision.troubles import Troubles


class FakeSilences(LiveSilences):
    """What a test has fired, in memory. Nobody is told."""

    def __init__(self, clock: Clock) -> None:
        self._numbers = count(1)
        outbox, keeper = Outbox({}, clock), Keeper(Records(), RuleStates(), Troubles(clock))
        outbox.attach(keeper)
        self._told = Dispatcher(outbox, Hub(), keeper.table, clock=clock)
        super().__init__(self._told, clock, _at_once, lambda: f"silence-{next(self._numbers)}")

    def keep(self, silence: Silence) -> None:
        """Have a silence as if it had been made before."""
        self._told.silence(silence)

    def take(self, alert: Alert) -> None:
        """Take an alert as if its rule had raised it."""
        rule = Rule(name=alert.rule, when=parse_condition("zscore > 2"))
        self._told.send([(alert, AlertRule(alert.alert_id, rule, alert.pair, alert.text))])


async def _at_once() -> None:
    """Return, since nothing is written."""
