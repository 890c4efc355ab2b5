"""Alerts reach their sinks; a slow or broken sink holds up nobody."""

import asyncio
import logging

import pytest

import quantd
from quantd.clock import EventClock
from quantd.flow.alerts import outbox
from quantd.flow.alerts.outbox import Outbox
from quantd.plugin.guard import Guard
from quantd.testing import fakes


class Box(quantd.AlertSink):
    """Keeps what it is sent, once its gate is open."""

    def __post_init__(self) -> None:
        self.got: list[str] = []
        self.gate = asyncio.Event()
        self.got_one = asyncio.Event()
        self.gate.set()

    async def send(self, alert: quantd.Alert) -> None:
        await self.gate.wait()
        self.got.append(alert.id)
        self.got_one.set()


class Broken(quantd.AlertSink):
    """Never delivers."""

    async def send(self, alert: quantd.Alert) -> None:
        raise ConnectionError


def box(**sinks: quantd.AlertSink) -> Outbox:
    return Outbox({name: (sink, Guard("sink", name, EventClock())) for name, sink in sinks.items()})


async def test_alerts_come_in_order_and_only_to_those_named() -> None:
    one, two = Box(), Box()
    out = box(one=one, two=two)
    out.put(fakes.alert(0), ("one",))
    await out.start()
    for number in range(1, 5):
        out.put(fakes.alert(number), ("one", "two") if number == 3 else ("one",))
    await out.stop()
    assert (one.got, two.got) == (["0", "1", "2", "3", "4"], ["3"])


async def test_a_slow_sink_holds_up_no_other() -> None:
    slow, quick = Box(), Box()
    slow.gate.clear()
    out = box(slow=slow, quick=quick)
    await out.start()
    out.put(fakes.alert(1), ("slow", "quick"))
    await quick.got_one.wait()
    assert (slow.got, quick.got) == ([], ["1"])
    slow.gate.set()
    await out.stop()
    assert slow.got == ["1"]


async def test_a_broken_sink_holds_up_no_other() -> None:
    quick = Box()
    out = box(broken=Broken(), quick=quick)
    await out.start()
    for number in range(9):
        out.put(fakes.alert(number), ("broken", "quick"))
    await out.stop()
    assert len(quick.got) == 9


async def test_a_full_queue_drops_the_newest_counts_it_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outbox, "_CAPACITY", 2)
    sink = Box()
    out = box(one=sink)
    with caplog.at_level(logging.ERROR, "quantd.alerts"):
        for number in range(5):
            out.put(fakes.alert(number), ("one",))
    await out.start()
    await out.stop()
    assert (sink.got, out.dropped, len(caplog.records)) == (["0", "1"], 3, 3)


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
    out.put(fakes.alert(1), ("hangs", "quick"))
    await out.stop()
    assert quick.got == ["1"]
    assert caplog.records
    assert {record.args[0] for record in caplog.records if isinstance(record.args, tuple)} == {"hangs"}


async def test_a_guard_tells_how_long_a_sink_has_not_come_back() -> None:
    clock, sink = EventClock(0), Box()
    sink.gate.clear()
    guard = Guard("sink", "one", clock)
    out = Outbox({"one": (sink, guard)})
    await out.start()
    out.put(fakes.alert(1), ("one",))
    await asyncio.sleep(0)
    clock.advance_to(61_000)
    assert guard.health().busy == 61
    sink.gate.set()
    await out.stop()
    assert guard.health().busy == 0
