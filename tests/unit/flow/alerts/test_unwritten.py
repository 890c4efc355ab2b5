"""A disk that fails keeps no alert from a sink, and makes none come twice once it is back."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from quantd.clock import EventClock
from quantd.flow.alerts import unwritten
from quantd.flow.alerts.outbox import Outbox
from quantd.state import Records
from tests.unit.flow.alerts.test_outbox import Box, box, message, put, settled
from tests.waiting import until


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a sink that failed be tried again without a pause."""
    monkeypatch.setattr(unwritten, "_PAUSE_S", 0.0)


@contextmanager
def failing(path: Path) -> Iterator[None]:
    """The records take no message within the block."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("alter table deliveries rename to hidden")
        yield
        db.execute("alter table hidden rename to deliveries")


async def test_alerts_are_sent_from_memory_in_order_and_once(records: Records, path: Path) -> None:
    sink = Box()
    out = box(records, one=sink)
    await out.start()
    with failing(path):
        put(out, 1, 2, lane="rule")
        await told(out, sink, 2)
        put(out, 3, lane="rule")
        await told(out, sink, 3)
    put(out, 4, lane="rule")
    await settled(out)
    assert sink.got == [str(number) for number in (1, 2, 3, 4)]
    assert [each.state for each in records.deliveries.listed("sent", None, 9)] == ["sent"] * 4
    await out.stop()


async def told(out: Outbox, sink: Box, count: int) -> None:
    """Write again and again, as the daemon does, until the sink has so many alerts."""

    def written() -> bool:
        out.keeper.save()
        return len(sink.got) >= count

    await until(written)


async def test_a_lane_that_fails_keeps_its_order_and_holds_up_no_other(records: Records, path: Path) -> None:
    sink = Box()
    sink.faults["1"] = [ConnectionError(), ConnectionError()]
    out = box(records, one=sink)
    await out.start()
    with failing(path):
        put(out, 1, 2, lane="a")
        put(out, 3, lane="b")
        await told(out, sink, 3)
    await settled(out)
    assert sink.got == ["3", "1", "2"]
    await out.stop()


async def test_what_is_not_due_waits(records: Records, path: Path) -> None:
    sink, clock = Box(), EventClock(1_000)
    out = box(records, clock, one=sink)
    await out.start()
    with failing(path):
        out.put([message(1, group="pair", due=2_000)])
        put(out, 2)
        await told(out, sink, 1)
        assert sink.got == ["2"]
        clock.advance_to(2_000)
        await told(out, sink, 2)
    await settled(out)
    assert sink.got == ["2", "1"]
    await out.stop()


async def test_alerts_from_memory_obey_the_rate(records: Records, path: Path) -> None:
    sink = Box(rate=1_000)
    out = box(records, one=sink)
    await out.start()
    with failing(path):
        put(out, 1, 2, lane="rule")
        await told(out, sink, 2)
        assert out._senders["one"]._free_at > 0
    await out.stop()
