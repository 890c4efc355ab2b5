"""Rows reach the store, in order, in batches; a store that fails loses none."""

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from quantd.clock import EventClock
from quantd.flow.ahead import Ahead
from quantd.flow.ingest.ledger import NOT_RECORDED
from quantd.flow.record import Recorder
from quantd.history.history import History
from quantd.model import Bar, PairPoint, Tick
from quantd.plugin.base import RowKind
from quantd.plugin.guard import Guard
from quantd.supervision.troubles import Troubles
from quantd.testing import fakes
from quantd.times import FOR_EVER
from quantd_plugins.stores.local import Local
from tests.waiting import PATIENCE_S, until


class Memory(Local):
    """Keeps the batches it is given; refuses the first `sick` ones."""

    sick: int = 0

    def __post_init__(self) -> None:
        self.batches: list[tuple[int, int, int]] = []
        self.ids: list[int] = []
        self.refused = 0

    def append(self, ticks: Sequence[Tick], bars: Sequence[Bar], points: Sequence[PairPoint]) -> None:
        if self.refused < self.sick:
            self.refused += 1
            raise OSError("disk full")
        self.batches.append((len(ticks), len(bars), len(points)))
        self.ids += [tick.id for tick in ticks]

    def close(self) -> None: ...


class Slow(Memory):
    """Takes nothing in before it `works`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.works = threading.Event()

    def append(self, ticks: Sequence[Tick], bars: Sequence[Bar], points: Sequence[PairPoint]) -> None:
        assert self.works.wait(PATIENCE_S)
        super().append(ticks, bars, points)


def recorder(store: Memory, clock: EventClock) -> Recorder:
    return Recorder(store, Guard("store", "memory", clock), clock, Troubles(clock))


async def test_a_batch_is_written_once_a_second() -> None:
    store, clock = Memory(), EventClock(1_000)
    record = recorder(store, clock)
    record.ticks(fakes.ticks(3))
    record.bars(fakes.bars(2))
    await record.write_if_due()
    clock.advance_to(2_000)
    record.points(fakes.points(1))
    await record.write_if_due()
    record.points(fakes.points(2))
    await record.write_if_due()
    await record.close()
    assert store.batches == [(3, 2, 1), (0, 0, 2)]


async def test_who_brings_rows_does_not_wait_for_a_slow_store_until_a_whole_batch_waits() -> None:
    store, clock = Slow(), EventClock(1_000)
    record = recorder(store, clock)
    clock.advance_to(2_000)
    record.ticks(fakes.ticks(1))
    await record.write_if_due()
    clock.advance_to(3_000)
    record.ticks(fakes.ticks(2))
    await record.write_if_due()
    record.ticks(fakes.ticks(50_000))
    waiting = asyncio.create_task(record.write_if_due())
    await asyncio.sleep(0)
    assert not waiting.done()
    store.works.set()
    await waiting
    await record.close()
    assert store.batches == [(1, 0, 0), (50_002, 0, 0)]


async def test_much_at_once_is_written_sooner_and_the_rest_at_the_end() -> None:
    store = Memory()
    record = recorder(store, EventClock())
    record.ticks(fakes.ticks(50_000))
    await record.write_if_due()
    record.bars(fakes.bars(1))
    await record.close()
    assert store.batches == [(50_000, 0, 0), (0, 1, 0)]


async def test_what_the_store_refuses_is_kept_in_order_and_tried_again() -> None:
    store = Memory(sick=2)
    record = recorder(store, EventClock())
    ticks = fakes.ticks(6)
    for start in (0, 2, 4):
        record.ticks(ticks[start : start + 2])
        await record.write()
    assert store.batches == [(6, 0, 0)]
    assert store.ids == [tick.id for tick in ticks]
    await record.close()


async def test_a_series_has_a_new_version_once_a_row_is_recorded_that_memory_does_not_have(tmp_path: Path) -> None:
    store, clock, rows = Local(), EventClock(1_000), fakes.bars(9)
    store.open(tmp_path)
    history = History(store)
    record = Recorder(store, Guard("store", "local", clock), clock, Troubles(clock), history=history)
    history.put_bars(rows[5:])
    seen = history.version("bars", "BTCUSDT", "1m")
    record.bars(rows[5:])
    record.points(fakes.points(2))
    await record.write()
    assert history.version("bars", "BTCUSDT", "1m") == seen, "it reads the same"
    for late in rows[:2]:
        history.amend([late])
        record.bars([late])
        before, read = history.version("bars", "BTCUSDT", "1m"), history.bars("BTCUSDT", "1m", 0, FOR_EVER)
        await record.write()
        assert history.bars("BTCUSDT", "1m", 0, FOR_EVER) != read
        assert history.version("bars", "BTCUSDT", "1m") > before
    unheld = history.version("points", "BTCUSDT-ETHUSDT", "1m")
    record.points(fakes.points(3))
    await record.write()
    assert history.version("points", "BTCUSDT-ETHUSDT", "1m") > unheld
    await record.close()


async def test_what_a_store_refuses_is_told_and_written_at_the_stop_however_often_it_has_failed() -> None:
    store, clock = Memory(sick=9), EventClock(1_000)
    troubles = Troubles(clock)
    record = Recorder(store, Guard("store", "memory", clock, limit=100), clock, troubles)
    ticks = fakes.ticks(20)
    for number in range(9):
        record.ticks(ticks[2 * number : 2 * number + 2])
        clock.advance_to(clock.now() + 20_000)
        await record.write_if_due()
        await asyncio.sleep(0)
    while len(troubles.present()) < 1 or store.refused < 9:
        await record.write()
    (trouble,) = troubles.present()
    assert (trouble.what, "OSError: disk full" in trouble.text, "18 wait" in trouble.text) == ("store", True, True)
    record.ticks(ticks[18:])
    await record.close()
    assert store.ids == [tick.id for tick in ticks]
    assert troubles.present() == []


async def test_a_store_that_fails_is_left_alone_for_a_while() -> None:
    store, clock = Memory(sick=2), EventClock(1_000)
    record = recorder(store, clock)
    record.ticks(fakes.ticks(160_000))
    await record.write()
    assert store.refused == 1
    await record.write_if_due()
    assert store.refused == 1
    clock.advance_to(2_000)
    await record.write_if_due()
    await record.close()
    assert (store.refused, len(store.ids)) == (2, 160_000)


async def test_trades_that_are_dropped_are_gaps_by_run_of_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantd.flow.record._MOST_TICKS", 20)
    store, clock = Memory(sick=1), EventClock(1_000)
    record = recorder(store, clock)
    ticks = fakes.ticks(21)
    other = [msgspec.structs.replace(tick, symbol="ETHUSDT") for tick in ticks[:1]]
    record.ticks([*other, ticks[0], *ticks[2:]])
    await record.write()
    gaps = [(gap.symbol, gap.first_id, gap.last_id, gap.cause) for gap in record.take_dropped()]
    runs = [("BTCUSDT", ticks[0].id), ("BTCUSDT", ticks[2].id), ("ETHUSDT", ticks[0].id)]
    assert gaps == [(symbol, each, each, NOT_RECORDED) for symbol, each in runs]
    assert (record.dropped, record.take_dropped()) == (3, [])
    await record.close()
    assert store.ids == [tick.id for tick in ticks[3:]]


async def test_so_much_waits_at_most_however_much_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantd.flow.record._MOST_TICKS", 20)
    store, clock = Memory(sick=3), EventClock(1_000)
    record = Recorder(store, Guard("store", "memory", clock, limit=100), clock, Troubles(clock))
    ticks = fakes.ticks(300)
    for start in (0, 100, 200):
        record.ticks(ticks[start : start + 100])
        await record.write()
    await record.close()
    assert record.dropped == 282
    assert store.ids == [tick.id for tick in ticks[282:]]


async def test_a_write_that_does_not_end_is_told_until_it_does() -> None:
    store, clock = Slow(), EventClock(1_000)
    troubles = Troubles(clock)
    record = Recorder(store, Guard("store", "memory", clock), clock, troubles)
    record.ticks(fakes.ticks(1))
    for seconds, told in [(1, False), (60, False), (61, True), (90, True)]:
        clock.advance_to(1_000 + 1_000 * seconds)
        record.begin_if_due()
        await asyncio.sleep(0)
        assert bool(troubles.present()) is told
    assert "a write has not ended" in troubles.present()[0].text
    store.works.set()
    await record.close()
    assert troubles.present() == []


async def test_what_is_told_before_is_noted_until_its_rows_are_durable(tmp_path: Path) -> None:
    store, clock, ahead = Memory(sick=1), EventClock(1_000), Ahead(tmp_path / "told")
    record = Recorder(store, Guard("store", "memory", clock), clock, Troubles(clock), ahead)
    again = [msgspec.structs.replace(bar, revision=1) for bar in fakes.bars(1)]
    for durable in (False, True):
        ahead.note("bars", again)
        record.bars(again)
        assert await record.write() is durable
        assert bool(Ahead(tmp_path / "told").left) is not durable
    await record.close()


class Emptying(Memory):
    """Deletes three slices of a row of each kind, the first one once it `may`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.may = threading.Event()
        self.removed: list[RowKind] = []

    def remove(self, kind: RowKind, before: int, most: int) -> int:
        assert self.may.wait(PATIENCE_S)
        if self.removed.count(kind) == 3:
            return 0
        self.removed.append(kind)
        return 1


async def test_writes_go_on_amid_a_deletion() -> None:
    store, clock = Emptying(), EventClock(1_000)
    history = History(store)
    record = Recorder(store, Guard("store", "memory", clock), clock, Troubles(clock), history=history)
    version = history.version("bars", "X", "1s")
    record.ticks(fakes.ticks(1))
    removing = asyncio.create_task(record.remove(0))
    await until(lambda: store.batches)
    record.ticks(fakes.ticks(2))
    writing = asyncio.create_task(record.write())
    await asyncio.sleep(0)
    store.may.set()
    assert await writing
    assert store.batches == [(1, 0, 0), (2, 0, 0)], "what waited before the deletion is written before it"
    assert len(store.removed) < 9
    assert await removing == 9
    assert store.removed == ["points"] * 3 + ["bars"] * 3 + ["ticks"] * 3
    assert history.version("bars", "X", "1s") != version
    await record.close()
