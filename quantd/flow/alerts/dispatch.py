"""Decides what becomes of each alert: the sinks that it goes to, and when."""

from collections.abc import Callable, Collection, Iterable
from itertools import chain

from msgspec.structs import replace

from quantd.clock import Clock
from quantd.config.routing import Routing
from quantd.flow.alerts.firing import Ack, Firing, Step, after, unacknowledged, unmuted
from quantd.flow.alerts.kept_rows import Kept, KeptRows
from quantd.flow.alerts.mutes import Mutes
from quantd.flow.alerts.outbox import Outbox
from quantd.flow.alerts.route import Groups, group_of, sinks_of
from quantd.flow.alerts.rule import AlertRule
from quantd.flow.alerts.silence import Silence, ending
from quantd.flow.hub import Hub
from quantd.model import Alert
from quantd.state import Message

_OVER = ("resolved", "withdrawn")


class Dispatcher:
    """Passes alerts to the outbox, unless they are muted, and to listeners. Without a `clock`, as in a replay, the alerts tell the time.

    `firings` holds the firing of each rule, as its receivers know it. They and the silences are kept in tables, by `table`.
    """

    def __init__(
        self, outbox: Outbox, hub: Hub, table: Callable[[str], Kept], routing: Routing | None = None, clock: Clock | None = None
    ) -> None:
        self.firings = KeptRows(table("firing"), Firing)
        self._outbox = outbox
        self._hub = hub
        self._routing = routing or Routing()
        self._mutes = Mutes(self._routing, KeptRows(table("silence"), Silence))
        self._groups = Groups(self._routing)
        self._clock = clock
        self._now = 0

    def send(self, changes: Iterable[tuple[Alert, AlertRule]]) -> None:
        """Send alerts to the sinks of their rules and routes, and to listeners. An alert may mute another one of the same call."""
        told = list(changes)
        for alert, _ in told:
            if alert.state not in _OVER:
                self._mutes.fires(alert)
        for alert, rule in told:
            self._take(alert, rule.rule.send)
            self._hub.publish("alerts", [alert])

    def advance(self, now: int) -> None:
        """Tell what is no longer muted or acknowledged at this time, and which silences end soon."""
        self._now = max(now, self._now)
        self._look()
        for rule, firing in self.firings:
            if firing.ack and firing.ack.until <= self._now and not self._is_muted(firing.alert):
                self._do(rule, firing.sinks, unacknowledged(firing, self._now))
        for name, silence in self._mutes.silences:
            if silence.wants_warning(self._now):
                self._warn(silence)
                self._mutes.silences.put(name, replace(silence, warned=True))

    def forget(self, rule_id: str) -> None:
        """Forget the firing of a deleted rule. Its receivers are told that it is over."""
        firing = self.firings.get(rule_id)
        if firing:
            self._mutes.ended(firing.alert)
            over = firing.over or replace(firing.alert, state="resolved", ts=self._time(), repeat=0, reason="the rule was deleted")
            self._do(rule_id, firing.sinks, Step(None, (over,) if firing.known else ()))
            self._look()

    def silence(self, silence: Silence) -> None:
        """Mute what matches from now on."""
        self._mutes.silences.put(silence.id, silence)

    def unsilence(self, silence_id: str) -> bool:
        """End a silence. What it muted and still fires is told. Return whether there was one."""
        known = self._mutes.silences.get(silence_id) is not None
        self._mutes.silences.put(silence_id, None)
        self._mutes.changed |= known
        self.advance(self._time())
        return known

    @property
    def silences(self) -> list[Silence]:
        """The silences, oldest first."""
        return sorted((silence for _, silence in self._mutes.silences), key=lambda each: each.since)

    def acknowledge(self, rule_id: str, ack: Ack | None) -> None:
        """Send no reminders of a rule's firing until the acknowledgement runs out; None ends it at once."""
        if firing := self.firings.get(rule_id):
            self.firings.put(rule_id, replace(firing, ack=ack))

    def why_muted(self, alert: Alert) -> str | None:
        """Return what mutes an alert now; None if nothing does."""
        return self._mutes.why(alert, self._time())

    def told_to(self, sink: str) -> list[Alert]:
        """Return the firings of which a sink was told, and which last."""
        return [firing.alert for _, firing in self.firings if firing.lasts and firing.told and sink in firing.sinks]

    def recall(self, rules: Collection[str]) -> None:
        """Take up the firings of an earlier run, once all rules are known. Those of other rules are over, and their receivers told."""
        for _, firing in self.firings:
            if firing.lasts:
                self._mutes.fires(firing.alert)
        for rule, _ in self.firings:
            if rule not in rules:
                self.forget(rule)
        lasting = {firing.alert.id for _, firing in self.firings if firing.lasts}
        for _, silence in self._mutes.silences:
            for gone in set(silence.firings or ()) - lasting:
                self._mutes.gone(gone)
        self._mutes.changed = True

    def adopt(self, alert: Alert, send: tuple[str, ...]) -> None:
        """Take up what fires though nothing is known of its receivers: an earlier version has told it, or the records were broken."""
        if self.firings.get(alert.alert_id) is None:
            self.firings.put(alert.alert_id, Firing(alert, sinks_of(alert, send, self._routing), told=True, known=True))

    def _time(self) -> int:
        if self._clock:
            self._now = max(self._now, self._clock.now())
        return self._now

    def _take(self, alert: Alert, send: tuple[str, ...]) -> None:
        self._now = self._time() if self._clock else max(self._now, alert.ts)
        known, over = self.firings.get(alert.alert_id), alert.state in _OVER
        if over:
            self._mutes.ended(known.alert if known else alert)
        else:
            self._mutes.fires(alert)
            if known and known.alert.id != alert.id:  # its end was not told by itself
                self._mutes.gone(known.alert.id)
        self._look()
        known = self.firings.get(alert.alert_id)
        follows = known is not None and (over or alert.repeat > 0)
        sinks = known.sinks if known and follows else sinks_of(alert, send, self._routing)
        muted = self._is_muted(known.alert if known and follows else alert)
        self._do(alert.alert_id, sinks, after(known, alert, sinks, muted=muted))

    def _look(self) -> None:
        """Tell what was kept and is no longer muted."""
        self._mutes.look(self._now)
        if self._mutes.changed:
            self._mutes.changed = False
            for rule, firing in self.firings:
                if firing.is_kept and not self._is_muted(firing.alert):
                    self._do(rule, firing.sinks, unmuted(firing))

    def _is_muted(self, alert: Alert) -> bool:
        return self._mutes.why(alert, self._now) is not None

    def _do(self, rule_id: str, sinks: tuple[str, ...], step: Step) -> None:
        known = self.firings.get(rule_id)
        self.firings.put(rule_id, step.firing)
        for alert in step.messages:
            self._put(alert, sinks, known.alert if known and alert.state in _OVER else alert)

    def _put(self, alert: Alert, sinks: tuple[str, ...], like: Alert) -> None:
        """Give an alert to the outbox, in the group of one that is like it: the end of a firing belongs to the group of its beginning."""
        group = group_of(like, self._routing)
        due = {sink: self._groups.due(sink, group, self._now) if group else 0 for sink in sinks}
        self._outbox.put(Message(alert.key, sink, alert.alert_id, (alert,), group, due[sink]) for sink in sinks)

    def _warn(self, silence: Silence) -> None:
        """Tell the receivers of the firings that a silence still mutes that it ends."""
        muted = [firing for _, firing in self.firings if firing.lasts and silence.mutes(firing.alert)]
        if muted:
            sinks = tuple(dict.fromkeys(chain.from_iterable(firing.sinks for firing in muted)))
            notice = ending(silence, [firing.alert for firing in muted], self._now)
            self._put(notice, sinks, notice)
