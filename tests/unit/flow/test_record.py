"""Rows reach the store, in order, in batches; a store that fails loses none."""

import asyncio
import threading
from collections.abc import Sequence

from quantd.clock import EventClock
from quantd.flow.record import Recorder
from quantd.model import Bar, PairPoint, Tick
from quantd.plugin.guard import Guard
from quantd.testing import fakes
from quantd_plugins.stores.local import Local


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
        assert self.works.wait(10)
        super().append(ticks, bars, points)


def recorder(store: Memory, clock: EventClock) -> Recorder:
    return Recorder(store, Guard("store", "memory", clock), clock)


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
