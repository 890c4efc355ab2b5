"""Decides what becomes of each alert: the sinks that it goes to, and when."""

from collections.abc import Iterable

from quantd.flow.alerts.outbox import Outbox
from quantd.flow.alerts.rule import AlertRule
from quantd.flow.hub import Hub
from quantd.model import Alert
from quantd.state import Message


class Dispatcher:
    """Passes alerts to the outbox and to listeners."""

    def __init__(self, outbox: Outbox, hub: Hub) -> None:
        self._outbox = outbox
        self._hub = hub

    def send(self, changes: Iterable[tuple[Alert, AlertRule]]) -> None:
        """Send alerts to the sinks of their rules, and to listeners."""
        for alert, rule in changes:
            self._outbox.put(Message(alert.key, sink, alert.alert_id, (alert,)) for sink in rule.rule.send)
            self._hub.publish("alerts", [alert])
