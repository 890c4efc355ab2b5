"""Alerts reach their sinks; a slow or broken sink holds up nobody."""

import asyncio
from collections.abc import Sequence

import pytest

import quantd
from quantd.clock import EventClock
from quantd.flow.alerts import outbox, sender
from quantd.flow.alerts.keeper import Keeper
from quantd.flow.alerts.lanes import HELD
from quantd.flow.alerts.outbox import KEYS_KEPT_MS, Outbox
from quantd.flow.alerts.table import RuleStates
from quantd.plugin.guard import Guard
from quantd.state import Message, Records
from quantd.supervision.troubles import Troubles
from quantd.testing import fakes
from quantd.timeframes import DAY


class Box(quantd.AlertSink):
    """Keeps what it is sent, once its gate is open. It fails as told."""

    figures: bool = False

    def __post_init__(self) -> None:
        self.got: list[str] = []
        self.together: list[list[str]] = []
        self.resumed: list[str] = []
        self.faults: dict[str, list[BaseException]] = {}
        self.gate = asyncio.Event()
        self.gate.set()

    async def send(self, alert: quantd.Alert) -> None:
        await self.gate.wait()
        if faults := self.faults.get(alert.id):
            raise faults.pop(0)
        self.got.append(alert.id + alert.figure)

    async def send_many(self, alerts: Sequence[quantd.Alert]) -> None:
        self.together.append([alert.id for alert in alerts])
        await super().send_many(alerts)

    def resume(self, alerts: Sequence[quantd.Alert]) -> None:
        self.resumed += [alert.id for alert in alerts]

    @property
    def wants_figure(self) -> bool:
        return self.figures


class Broken(quantd.AlertSink):
    """Never delivers."""

    async def send(self, alert: quantd.Alert) -> None:
        raise ConnectionError


def box(records: Records | None = None, clock: EventClock | None = None, **sinks: quantd.AlertSink) -> Outbox:
    """An outbox on records in memory, or on these."""
    clock = clock or EventClock()
    made = Outbox({name: (sink, Guard("sink", name, clock, limit=1_000)) for name, sink in sinks.items()}, clock)
    made.attach(Keeper(records or Records(), RuleStates(), Troubles(clock)))
    return made


def message(number: int, sink: str = "one", lane: str = "", group: str = "", due: int = 0) -> Message:
    """A message about the alert of this number; without a lane, in one of its own."""
    alert = fakes.alert(number)
    return Message(alert.key, sink, lane or str(number), (alert,), group, due)


def put(out: Outbox, *numbers: int, sink: str = "one", lane: str = "", group: str = "", due: int = 0) -> None:
    out.put([message(number, sink, lane, group, due) for number in numbers])


async def settled(out: Outbox) -> None:
    """Return once everything is on disk and nothing is due."""
    while True:
        await out.keeper.saved()
        for each in out._senders.values():
            await each.quiet()
        if await out.keeper.saved() and not any(each._tasks for each in out._senders.values()):
            return


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pauses be exact."""
    monkeypatch.setattr(sender, "_JITTER", 0.0)


def soon(out: Outbox, clock: EventClock, seconds: float) -> None:
    """Advance the clock, and let the timers of all lanes end now."""
    clock.advance_to(clock.now() + int(1_000 * seconds))
    for each in out._senders.values():
        for timer in list(each._timers.values()):
            if not timer.cancelled():
                timer._run()
                timer.cancel()


def states(records: Records) -> dict[str, str]:
    return {each.message.key: each.state for each in records.deliveries.listed(None, None, 100)}


async def test_messages_come_in_order_and_only_to_those_named() -> None:
    one, two = Box(), Box()
    out = box(one=one, two=two)
    put(out, 0, lane="a")
    await out.start()
    put(out, 1, 2, 3, 4, lane="a")
    put(out, 3, sink="two", lane="a")
    put(out, 5, sink="unknown")
    await out.stop()
    assert (one.got, two.got) == (["0", "1", "2", "3", "4"], ["3"])


async def test_a_message_is_on_disk_before_it_is_sent(records: Records) -> None:
    sink = Box()
    out = box(records, one=sink)
    await out.start()
    sink.gate.clear()
    put(out, 1)
    await out.keeper.saved()
    assert states(records) == {"1/firing": "waiting"}
    sink.gate.set()
    await out.stop()
    assert (sink.got, states(records)) == (["1"], {"1/firing": "sent"})


async def test_a_slow_sink_holds_up_no_other() -> None:
    slow, quick = Box(), Box()
    slow.gate.clear()
    out = box(slow=slow, quick=quick)
    await out.start()
    put(out, 1, sink="slow")
    put(out, 1, sink="quick")
    await out._senders["quick"].quiet()
    assert (slow.got, quick.got) == ([], ["1"])
    slow.gate.set()
    await out.stop()
    assert slow.got == ["1"]


async def test_a_lane_that_fails_holds_up_no_other_and_keeps_its_order(records: Records) -> None:
    clock, sink = EventClock(1_000), Box()
    out = box(records, clock, one=sink)
    sink.faults["1"] = [ConnectionError("no"), ConnectionError("no")]
    await out.start()
    put(out, 1, 2, lane="a")
    put(out, 3, 4, lane="b")
    await settled(out)
    assert sink.got == ["3", "4"]
    soon(out, clock, 0.5)
    await settled(out)
    assert sink.got == ["3", "4"]
    soon(out, clock, 0.5)
    await settled(out)
    assert sink.got == ["3", "4"]
    soon(out, clock, 0.5)
    await settled(out)
    assert sink.got == ["3", "4", "1", "2"]
    assert (out.counts()["one"].sent, out.counts()["one"].retried) == (4, 2)
    await out.stop()


def test_pauses_grow_to_a_minute() -> None:
    assert [sender.pause_after(tries) for tries in (1, 2, 3, 4, 7, 8, 9, 5_000)] == [0.5, 1, 2, 4, 32, 60, 60, 60]


async def test_more_lanes_than_may_be_sent_at_a_time_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "LANES_AT_ONCE", 2)
    sink = Box()
    out = box(one=sink)
    await out.start()
    put(out, *range(20))
    put(out, *range(20, 24), lane="3")
    await out.stop()
    assert sorted(map(int, sink.got)) == list(range(24))


async def test_a_sink_says_when_it_is_tried_again(records: Records) -> None:
    clock, sink = EventClock(1_000), Box()
    out = box(records, clock, one=sink)
    sink.faults["1"] = [quantd.Retry(30)]
    await out.start()
    put(out, 1)
    await settled(out)
    (waiting,) = records.deliveries.listed("waiting", "one", 10)
    assert (waiting.due, waiting.tries, waiting.reason) == (31_000, 1, "asked to come again in 30 s")
    soon(out, clock, 30)
    await settled(out)
    assert sink.got == ["1"]
    await out.stop()


async def test_what_is_refused_or_too_old_is_dead_and_can_be_sent_again(records: Records, caplog: pytest.LogCaptureFixture) -> None:
    clock, sink = EventClock(1_000), Box(max_age="1h")
    out = box(records, clock, one=sink)
    sink.faults |= {"1": [quantd.Refused("unknown room")], "3": [ConnectionError("no route"), ConnectionError("no route")]}
    await out.start()
    put(out, 1, 2, lane="a")
    put(out, 3, 4, lane="b")
    await settled(out)
    soon(out, clock, 3_601)
    await settled(out)
    assert sink.got == ["2"]
    assert {each.message.key: each.reason for each in records.deliveries.listed("dead", None, 10)} == {
        "1/firing": "unknown room",
        "3/firing": "not delivered within 1h: no route",
        "4/firing": "not delivered within 1h",
    }
    assert caplog.text.count("quantd alerts dead") == out.counts()["one"].dead == 3
    sink.faults.clear()
    assert out.dead() == {"one": 3}
    assert await out.resend(["4/firing", "unknown"]) == 1
    assert out.dead() == {"one": 2}
    await settled(out)
    assert sink.got == ["2", "4"]
    assert await out.resend() == 2
    await settled(out)
    assert sorted(sink.got) == ["1", "2", "3", "4"]
    assert out.dead() == {}
    assert records.deliveries.counts() == {("one", "sent"): 4}
    await out.stop()


async def test_messages_of_a_group_are_sent_together_and_the_same_again(records: Records) -> None:
    clock, sink = EventClock(1_000), Box()
    out = box(records, clock, one=sink)
    sink.faults["2"] = [ConnectionError("no")]
    await out.start()
    put(out, 1, 2, group="g", due=1_500)
    put(out, 3, group="g", due=1_500)
    put(out, 4, group="g", due=9_000)
    await settled(out)
    assert sink.together == []
    soon(out, clock, 0.5)
    await settled(out)
    assert sink.together == [["1", "2", "3"]]
    put(out, 5, group="g")
    soon(out, clock, 0.5)
    await settled(out)
    assert (sink.together, sink.got) == ([["1", "2", "3"], ["1", "2", "3"]], ["1", "1", "2", "3"])
    soon(out, clock, 7)
    await settled(out)
    assert sink.together[2:] == [["4", "5"]]
    await out.stop()


async def test_a_batch_is_the_same_after_a_restart(records: Records) -> None:
    first = Box()
    first.faults["2"] = [ConnectionError("no")]
    out = box(records, EventClock(1_000), one=first)
    await out.start()
    put(out, 1, 2, group="g")
    await out.stop()
    again = Box()
    out = box(records, EventClock(900_000), one=again)
    put(out, 3, group="g")
    await out.start()
    await settled(out)
    await out.stop()
    assert (first.together, again.together) == ([["1", "2"]], [["1", "2"]])
    assert again.got == ["1", "2", "3"]


async def test_what_waits_is_sent_after_a_restart_in_order_and_nothing_twice(records: Records) -> None:
    down = Box()
    down.faults = {"1": [ConnectionError("no")]}
    out = box(records, EventClock(1_000), one=down)
    await out.start()
    put(out, 1, 2, lane="a")
    put(out, 3, lane="b")
    await out.stop()
    assert down.got == ["3"]
    sink = Box()
    out = box(records, EventClock(5_000), one=sink)
    put(out, 4, 3, lane="a")  # a rule is judged before the sinks have started
    await out.start()
    await settled(out)
    await out.stop()
    assert sink.got == ["1", "2", "4"]


async def test_memory_is_bounded_and_the_rest_comes_from_disk(records: Records) -> None:
    sink = Box()
    out = box(records, one=sink)
    put(out, *range(HELD + 500), lane="a")
    put(out, HELD + 500, lane="b")
    await out.keeper.saved()
    assert (out._senders["one"].lanes.held, out.waiting()) == (HELD, {"one": HELD + 501})
    await out.start()
    await settled(out)
    assert [number for number in sink.got if number != str(HELD + 500)] == list(map(str, range(HELD + 500)))
    assert (len(sink.got), out.waiting()) == (HELD + 501, {"one": 0})
    await out.stop()


async def test_keys_are_remembered_for_a_week(records: Records) -> None:
    for now, got in ((1_000, ["1", "2"]), (1_000 + KEYS_KEPT_MS, []), (2_001 + KEYS_KEPT_MS, ["1"])):
        sink = Box()
        out = box(records, EventClock(now), one=sink)
        await out.start()
        put(out, 1, 2, lane="a")
        await out.stop()
        assert sink.got == got


async def test_a_sink_hears_which_firings_still_last() -> None:
    sink, other = Box(), Box()
    out = box(one=sink, other=other)
    out.lasting = lambda name: [fakes.alert(1)] if name == "one" else []
    await out.start()
    await out.stop()
    assert (sink.resumed, other.resumed) == (["1"], [])


async def test_a_sink_that_wants_it_gets_the_figure() -> None:
    plain, drawn = Box(), Box(figures=True)
    out = box(plain=plain, drawn=drawn)
    out.draw(lambda firing: f" drawn of {firing}")
    await out.start()
    for sink in ("plain", "drawn"):
        put(out, 1, sink=sink)
    await out.stop()
    assert (plain.got, drawn.got) == (["1"], ["1 drawn of 1"])


async def test_no_more_are_sent_in_a_second_than_the_rate_says(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    sink = Box(rate=2)
    out = box(one=sink)
    put(out, 1, 2, 3)
    monkeypatch.setattr("quantd.flow.alerts.sender.asyncio.sleep", sleep)
    await out.start()
    await out.stop()
    assert len(sink.got) == 3
    assert [round(wait, 1) for wait in waits] == [0.5, 1.0]


async def test_a_broken_sink_holds_up_no_other(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(outbox, "_DRAIN_S", 0.1)
    quick, broken = Box(), Broken()
    out = box(broken=broken, quick=quick)
    await out.start()
    for name in ("broken", "quick"):
        put(out, *range(9), sink=name)
    await out.stop()
    assert len(quick.got) == 9
    assert "sink broken: 9 alerts are not delivered" in caplog.text


class Hanging(quantd.AlertSink):
    """Never comes back from one of its methods."""

    at: str = "start"

    async def start(self) -> None:
        await self._hang("start")

    async def send(self, alert: quantd.Alert) -> None:
        await self._hang("send")

    async def stop(self) -> None:
        await self._hang("stop")

    async def _hang(self, at: str) -> None:
        if self.at == at:
            await asyncio.Event().wait()


@pytest.mark.parametrize("at", ["start", "send", "stop"])
async def test_a_sink_that_hangs_holds_up_no_other_and_is_named(
    at: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for limit in ("_START_S", "_DRAIN_S", "_STOP_S"):
        monkeypatch.setattr(outbox, limit, 0.1)
    quick = Box()
    out = box(hangs=Hanging(at=at), quick=quick)
    await out.start()
    put(out, 1, sink="hangs")
    put(out, 1, sink="quick")
    await out.stop()
    assert quick.got == ["1"]
    assert caplog.records
    assert {record.args[0] for record in caplog.records if isinstance(record.args, tuple)} == {"hangs"}


async def test_a_guard_tells_how_long_a_sink_has_not_come_back() -> None:
    clock, sink = EventClock(0), Box()
    sink.gate.clear()
    guard = Guard("sink", "one", clock)
    out = Outbox({"one": (sink, guard)}, clock)
    out.attach(Keeper(Records(), RuleStates(), Troubles(clock)))
    await out.start()
    put(out, 1)
    await asyncio.sleep(0)
    clock.advance_to(61_000)
    assert guard.health().busy == 61
    sink.gate.set()
    await out.stop()
    assert guard.health().busy == 0


@pytest.mark.parametrize("after", [float("nan"), float("inf"), 1e30, -5.0])
async def test_a_senseless_time_of_the_next_attempt_loses_nothing(after: float, records: Records) -> None:
    one, clock = Box(), EventClock()
    one.faults["0"] = [quantd.Retry(after)]
    out = box(records, clock, one=one)
    put(out, 0, 1, lane="a")
    await out.start()
    await settled(out)
    soon(out, clock, 3_600)
    await settled(out)
    assert one.got == ["0", "1"]
    await out.stop()
    assert set(states(records).values()) == {"sent"}


async def test_a_figure_that_cannot_be_drawn_holds_up_no_message() -> None:
    def fail(_: str) -> str:
        raise ZeroDivisionError

    one = Box(figures=True)
    out = box(one=one)
    out.draw(fail)
    put(out, 0)
    await out.start()
    await settled(out)
    assert one.got == ["0"]
    await out.stop()


async def test_a_clock_that_goes_back_holds_up_nothing(records: Records) -> None:
    one, clock = Box(), EventClock(DAY)
    one.faults["0"] = [ConnectionError()]
    out = box(records, clock, one=one)
    put(out, 0, lane="a")
    await out.start()
    await settled(out)
    clock._now = 0
    soon(out, clock, 0)
    await settled(out)
    assert one.got == ["0"]
    await out.stop()


async def test_many_lanes_that_fail_hold_few_messages_in_memory(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantd.flow.alerts.lanes.HELD", 50)
    first = box(records, one=Box())
    for lane in range(60):
        put(first, *range(lane * 20, lane * 20 + 20), lane=f"lane {lane}")
    await first.keeper.saved()
    clock = EventClock()
    out = box(records, clock, one=Broken())
    await out.start()
    await settled(out)
    assert out._senders["one"].lanes.held <= 50 + 9 * 20 + 60
    await out.stop()
