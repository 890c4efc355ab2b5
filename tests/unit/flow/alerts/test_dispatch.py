"""What becomes of alerts: who is told, when, and what a restart keeps."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from quantd.clock import EventClock
from quantd.conditions.parse import parse_condition
from quantd.config.matchers import as_matchers
from quantd.config.node import Node
from quantd.config.reader import Reader
from quantd.config.routing import Routing
from quantd.config.rules import Rule
from quantd.config.sections import read_section
from quantd.config.yaml12 import parse
from quantd.flow.alerts.dispatch import Dispatcher
from quantd.flow.alerts.firing import Ack
from quantd.flow.alerts.outbox import Outbox
from quantd.flow.alerts.rule import AlertRule, of_pipeline
from quantd.flow.alerts.silence import Silence
from quantd.flow.hub import Hub
from quantd.model import Alert
from quantd.plugin.registry import Registry
from quantd.state import Message
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.timeframes import HOUR, MINUTE
from tests.unit.flow.alerts.tables import MemoryTable

NIGHT = "mute: [{name: night, hours: '00:00-01:00'}]"
HEALTH = "inhibit: [{when: 'metric=health, value=broken', mute: metric=zscore}]"


class Sent(Outbox):
    """An outbox that keeps what is put."""

    def __init__(self) -> None:
        super().__init__({}, EventClock(START))
        self.messages: list[tuple[str, Alert]] = []
        self.put_at: list[tuple[str, int]] = []

    def put(self, messages: Iterable[Message]) -> None:
        new = list(messages)
        self.put_at += [(message.group, message.due) for message in new]
        self.messages += [(message.sink, alert) for message in new for alert in message.alerts]


class Bench:
    """A dispatcher on an outbox that keeps everything."""

    def __init__(self, routing: str = "", tables: dict[str, MemoryTable] | None = None) -> None:
        self.outbox, self.hub = Sent(), Hub()
        self.clock = EventClock(START)
        self.tables = tables or {"firing": MemoryTable(), "silence": MemoryTable()}
        self.dispatcher = Dispatcher(self.outbox, self.hub, self.tables.__getitem__, settings(routing), self.clock)

    def tell(self, *alerts: Alert, send: Sequence[str] = ("log",)) -> None:
        self.dispatcher.send((alert, rule(alert, tuple(send))) for alert in alerts)

    def at(self, ts: int) -> None:
        self.clock.advance_to(ts)
        self.dispatcher.advance(ts)

    def told(self) -> list[str]:
        """Return what was sent since the last call, as state and number of the firing."""
        messages = [f"{alert.state} {alert.id}" + (f" {alert.repeat}" if alert.repeat else "") for _, alert in self.outbox.messages]
        self.outbox.messages.clear()
        return messages

    def restarted(self, routing: str = "") -> "Bench":
        other = Bench(routing, self.tables)
        other.clock.advance_to(self.clock.now())
        other.dispatcher.recall(["Y-X/stretched", "Y-X/broken"])
        return other


def settings(text: str) -> Routing:
    reader, node = Reader(Registry()), parse(text, "f") if text else Node({}, "f")
    found = read_section(reader, node, "routing", Routing).value
    assert reader.mistakes == []
    return msgspec.convert(found, Routing)


def rule(alert: Alert, send: tuple[str, ...]) -> AlertRule:
    return of_pipeline(Rule(name=alert.rule, when=parse_condition("zscore > 2"), send=send), alert.pair)


def alert(state: Any = "firing", number: int = 1, name: str = "stretched", **more: Any) -> Alert:
    made = fakes.alert(pair="Y-X", ts=START)
    return replace(made, id=f"{name}@{number}", alert_id=f"Y-X/{name}", rule=name, state=state, **more)


def broken(state: Any = "firing") -> Alert:
    return alert(state, name="broken", metric="health", value="broken" if state == "firing" else "healthy", threshold="broken")


def silence(text: str = "rule=stretched", minutes: int | None = 30, firings: tuple[str, ...] | None = None) -> Silence:
    return Silence("s1", as_matchers(text), START, None if minutes is None else START + minutes * MINUTE, firings, "maintenance", "ann")


def test_by_default_each_alert_goes_to_the_sinks_of_its_rule_and_to_listeners() -> None:
    bench = Bench()
    heard: list[Alert] = []
    bench.hub.listen("alerts", heard.extend)
    bench.tell(alert(), alert("resolved"), send=("log", "mail"))
    assert [(sink, each.state) for sink, each in bench.outbox.messages] == [
        ("log", "firing"),
        ("mail", "firing"),
        ("log", "resolved"),
        ("mail", "resolved"),
    ]
    assert [each.state for each in heard] == ["firing", "resolved"]


def test_every_route_that_matches_adds_its_sinks_once() -> None:
    bench = Bench("routes: [{match: severity=page, send: [phone, log]}, {match: 'team=night', send: [mail]}, {match: rule=x, send: [x]}]")
    bench.tell(alert(severity="page", labels={"team": "night"}))
    assert [sink for sink, _ in bench.outbox.messages] == ["log", "phone", "mail"]
    bench.tell(alert("resolved", severity="page", labels={"team": "night"}))
    assert [sink for sink, _ in bench.outbox.messages[3:]] == ["log", "phone", "mail"]


def test_alerts_of_a_group_are_due_together() -> None:
    bench = Bench("{group_by: [metric], group_wait: 10s, group_interval: 1m}")
    bench.tell(alert(), replace(alert(), id="2", alert_id="2", pair="A-B"))
    bench.at(START + 10_000)
    bench.tell(alert("resolved", metric="corr"))
    assert bench.outbox.put_at == [("metric=zscore", START + 10_000)] * 2 + [("metric=zscore", START + 70_000)]
    bench = Bench()
    bench.tell(alert())
    assert bench.outbox.put_at == [("", 0)]


def test_what_fires_while_it_is_silenced_is_told_at_the_end_if_it_still_fires() -> None:
    bench = Bench()
    bench.dispatcher.silence(silence())
    bench.tell(alert(), alert("resolved"), alert(number=2))
    assert bench.dispatcher.why_muted(alert()) == "silence s1"
    assert bench.told() == []
    bench.at(START + 30 * MINUTE)
    assert bench.told() == ["firing stretched@2"]
    bench.tell(alert("resolved", 2))
    assert bench.told() == ["resolved stretched@2"]
    assert bench.dispatcher.silences == []


def test_what_ends_while_it_is_silenced_is_told_at_the_end_if_the_firing_was_told() -> None:
    bench = Bench()
    bench.tell(alert())
    bench.dispatcher.silence(silence())
    bench.tell(alert(repeat=1), alert("resolved"), alert(number=2), alert("resolved", 2), alert(number=3))
    assert bench.told() == ["firing stretched@1"]
    assert bench.dispatcher.unsilence("s1")
    assert bench.told() == ["resolved stretched@1", "firing stretched@3"]
    assert not bench.dispatcher.unsilence("s1")


def test_a_warning_comes_five_minutes_before_a_silence_ends_that_still_mutes_something() -> None:
    bench = Bench()
    bench.dispatcher.silence(silence())
    bench.at(START + 25 * MINUTE - 1)
    bench.tell(alert())
    assert bench.told() == []
    bench.at(START + 25 * MINUTE)
    (notice,) = [each for _, each in bench.outbox.messages]
    assert notice.text == ('the silence rule="stretched" (maintenance) ends at 2026-01-01T00:30:00.000Z and still mutes 1: Y-X stretched')
    bench.told()
    bench.at(START + 26 * MINUTE)
    assert bench.told() == []


def test_no_warning_of_a_silence_that_mutes_nothing() -> None:
    bench = Bench()
    bench.dispatcher.silence(silence())
    bench.tell(alert(), alert("resolved"))
    bench.at(START + 29 * MINUTE)
    bench.at(START + 30 * MINUTE)
    assert bench.told() == []


def test_a_silence_until_resolved_ends_with_the_firings_it_was_made_for() -> None:
    bench = Bench()
    bench.tell(alert())
    bench.dispatcher.silence(silence(minutes=None, firings=("stretched@1",)))
    bench.tell(alert(repeat=1), alert("resolved"), alert(number=2))
    assert bench.told() == ["firing stretched@1", "resolved stretched@1", "firing stretched@2"]
    assert bench.dispatcher.silences == []


def test_a_window_mutes_until_it_ends() -> None:
    bench = Bench(NIGHT)
    bench.at(START - START % (24 * HOUR) + 24 * HOUR + 10 * MINUTE)
    bench.tell(alert())
    assert bench.dispatcher.why_muted(alert()) == "mute window night"
    bench.at(bench.clock.now() + 49 * MINUTE)
    assert bench.told() == []
    bench.at(bench.clock.now() + MINUTE)
    assert bench.told() == ["firing stretched@1"]


def test_an_alert_that_fires_mutes_those_of_its_pair_whatever_their_order() -> None:
    bench = Bench(HEALTH)
    bench.tell(alert(), broken())
    assert bench.told() == ["firing broken@1"]
    other = replace(alert(), pair="A-B", alert_id="A-B/stretched")
    bench.tell(other)
    assert bench.told() == ["firing stretched@1"]
    bench.tell(broken("resolved"))
    assert bench.told() == ["firing stretched@1", "resolved broken@1"]


def test_an_alert_mutes_nobody_unless_it_matches() -> None:
    bench = Bench(HEALTH)
    bench.tell(replace(broken(), value="degraded"), alert())
    assert bench.told() == ["firing broken@1", "firing stretched@1"]


def test_an_alert_does_not_mute_itself() -> None:
    bench = Bench("inhibit: [{when: 'rule=~.*', mute: 'rule=~.*'}]")
    bench.tell(alert())
    bench.tell(alert(repeat=1))
    assert bench.told() == ["firing stretched@1", "firing stretched@1 1"]


def test_nobody_is_reminded_of_what_is_acknowledged_until_that_runs_out() -> None:
    bench = Bench()
    bench.tell(alert())
    bench.dispatcher.acknowledge("Y-X/stretched", Ack(START + HOUR, "ann"))
    bench.tell(alert(repeat=1))
    bench.at(START + HOUR - 1)
    assert bench.told() == ["firing stretched@1"]
    bench.at(START + HOUR)
    (reminder,) = [each for _, each in bench.outbox.messages]
    assert (reminder.repeat, reminder.reason, reminder.ts) == (1, "the acknowledgement by ann has run out", START + HOUR)
    bench.told()
    bench.at(START + 2 * HOUR)
    bench.tell(alert(repeat=2))
    assert bench.told() == ["firing stretched@1 2"]


def test_an_acknowledged_firing_resolves_and_the_next_one_is_not_acknowledged() -> None:
    bench = Bench()
    bench.tell(alert())
    bench.dispatcher.acknowledge("Y-X/stretched", Ack(START + HOUR))
    bench.tell(alert("resolved"), alert(number=2), alert(number=2, repeat=1))
    assert bench.told() == ["firing stretched@1", "resolved stretched@1", "firing stretched@2", "firing stretched@2 1"]


@pytest.mark.parametrize("state", ["told", "acknowledged", "silenced", "inhibited"])
def test_a_restart_changes_nothing(state: str) -> None:
    bench = Bench(HEALTH)
    if state == "silenced":
        bench.dispatcher.silence(silence())
    bench.tell(*([broken()] if state == "inhibited" else []), alert())
    if state == "acknowledged":
        bench.dispatcher.acknowledge("Y-X/stretched", Ack(START + HOUR, "ann"))
    for _ in range(3):
        bench = bench.restarted(HEALTH)
        bench.tell(alert())  # a stretch of data is judged again
        bench.tell(alert(repeat=1), *([] if state == "told" else [alert(repeat=2)]))
        if state == "told":
            bench.told()
    assert bench.told() == []
    if state == "silenced":
        bench.at(START + HOUR)
        assert bench.told() == ["firing stretched@1"]
    if state == "inhibited":
        bench.tell(broken("resolved"))
        assert bench.told() == ["firing stretched@1", "resolved broken@1"]
    bench.tell(alert("resolved"))
    assert bench.told() == ["resolved stretched@1"]
    assert "Y-X/stretched" not in bench.tables["firing"]


def test_the_receivers_of_a_rule_that_is_no_more_are_told() -> None:
    bench = Bench()
    bench.tell(alert(), broken())
    bench.told()
    bench.dispatcher.forget("Y-X/stretched")
    (over,) = [each for _, each in bench.outbox.messages]
    assert (over.state, over.reason) == ("resolved", "the rule was deleted")
    bench.dispatcher.forget("Y-X/stretched")
    bench.dispatcher.silence(silence("rule=broken"))
    gone = Bench("", bench.tables)
    gone.dispatcher.recall([])
    assert gone.told() == ["resolved broken@1"]


def test_what_a_sink_was_told_and_lasts() -> None:
    bench = Bench()
    bench.tell(alert())
    bench.tell(broken(), send=("mail",))
    assert [each.id for each in bench.dispatcher.told_to("mail")] == ["broken@1"]
    bench.tell(broken("resolved"), send=("mail",))
    assert bench.dispatcher.told_to("mail") == []


def test_without_a_clock_the_alerts_tell_the_time() -> None:
    outbox = Sent()
    dispatcher = Dispatcher(outbox, Hub(), lambda name: MemoryTable())
    dispatcher.silence(silence("rule=stretched"))
    dispatcher.send([(alert(), rule(alert(), ("log",)))])
    assert outbox.messages == []
    late = replace(broken(), ts=START + 30 * MINUTE)
    dispatcher.send([(late, rule(late, ("log",)))])
    assert [each.rule for _, each in outbox.messages] == ["stretched", "broken"]


def test_a_silence_until_resolved_ends_though_the_end_was_not_told_one_by_one() -> None:
    bench = Bench()
    bench.tell(alert("flapping"))
    bench.dispatcher.silence(silence(minutes=None, firings=("stretched@1",)))
    bench.told()
    bench.tell(alert(number=2))  # no longer flapping: it is about a later firing
    bench.tell(alert("resolved", 2), alert(number=3))
    assert bench.told()[-1] == "firing stretched@3"
    assert bench.dispatcher.silences == []


def test_a_silence_for_firings_that_nobody_knows_any_more_ends_at_the_next_start() -> None:
    bench = Bench()
    bench.tell(alert())
    bench.dispatcher.silence(silence(minutes=None, firings=("stretched@1", "stretched@0")))
    again = Bench(tables={"firing": MemoryTable(), "silence": bench.tables["silence"]})
    again.dispatcher.recall(["Y-X/stretched"])
    again.tell(alert(number=2))
    assert again.told() == ["firing stretched@2"]


def test_the_end_that_was_kept_is_told_when_the_rule_is_deleted() -> None:
    bench = Bench()
    bench.tell(alert())
    bench.dispatcher.silence(silence())
    bench.tell(alert("resolved"), alert(number=2))
    bench.told()
    bench.dispatcher.forget("Y-X/stretched")
    assert bench.told() == ["resolved stretched@1"]


def test_an_alert_that_has_other_words_when_it_ends_mutes_no_longer() -> None:
    bench = Bench("inhibit: [{when: 'rule=broken', mute: metric=zscore, equal: [pair, value]}]")
    bench.tell(replace(broken("flapping"), value="broken"))
    bench.tell(replace(broken(), id="later", value="gap"))
    bench.tell(replace(broken("resolved"), id="later", value="healthy"))
    inhibitor = bench.dispatcher._mutes._inhibitors[0]
    assert inhibitor._sources == {}
