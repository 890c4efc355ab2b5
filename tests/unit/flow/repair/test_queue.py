"""Bars wait in the queue until they are rebuilt, whatever fails meanwhile."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from quantd.clock import EventClock
from quantd.errors import QuantdError
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.outbox import Outbox
from quantd.flow.exports import Exports
from quantd.flow.hub import Hub
from quantd.flow.outputs import Outputs
from quantd.flow.pair import PairStage
from quantd.flow.pairs import Inline, PairSeries, PairSpec
from quantd.flow.publish import Publisher
from quantd.flow.record import Recorder
from quantd.flow.repair.queue import RebuildQueue
from quantd.flow.symbol import SymbolStage
from quantd.flow.watermark import Watermark
from quantd.history.history import History
from quantd.model import Bar, PairPoint, Tick
from quantd.plugin.guard import Guard
from quantd.supervision.troubles import Troubles
from quantd.timeframes import HOUR, MINUTE
from quantd_plugins.regressions.ols import Ols
from quantd_plugins.resamplers.time import TimeBars
from quantd_plugins.stores.local import Local

START = 1_767_225_600_000


class Full(Local):
    """A store that takes no rows while its disk is full."""

    full: bool = False

    def append(self, ticks: list[Tick], bars: list[Bar], points: list[PairPoint]) -> None:  # type: ignore[override]
        if self.full:
            raise OSError("no space left on device")
        super().append(ticks, bars, points)


class Bench:
    """A symbol that has traded once a second for two hours, whose bars are recorded wrong; `told` are the bars that are published."""

    def __init__(self, folder: Path) -> None:
        clock = EventClock(START + 3 * HOUR)
        guard = Guard("any", "", clock)
        self.store = Full()
        self.store.open(folder)
        hub, self.told = Hub(), list[Bar]()
        hub.listen("bars", self.told.extend)
        recorder = Recorder(self.store, guard, clock, Troubles(clock))
        outputs = Outputs(History(self.store), AlertEngine(), Outbox({}), hub, recorder)
        self.stage = SymbolStage("X", TimeBars(every=("1m",)), guard, Exports([]))
        watermark = Watermark(0)
        self.queue = RebuildQueue(outputs, Publisher(outputs, Inline(), watermark, warm=False), watermark)
        ticks = [Tick("X", 1 + n, START + 1_000 * n, 0, 100.0 + n % 7, 1.0, False) for n in range(2 * 3_600)]
        self.stage.accept(ticks)
        bars = self.stage.close(START + 2 * HOUR)
        self.store.append(ticks, [replace(bar, close=1.0) for bar in bars], [])
        watermark.see(START + 3 * HOUR)


async def test_what_the_store_does_not_take_goes_on_waiting(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.queue.put(bench.stage, START + 600_000, START + 720_000)
    bench.store.full = True
    bench.queue._outputs.recorder.ticks([Tick("X", 7_201, START + 2 * HOUR, 0, 100.0, 1.0, False)])
    with pytest.raises(QuantdError, match="X: the store does not take the trades"):
        await bench.queue.work_off()
    assert bench.queue.holds(bench.stage)
    assert bench.queue.waiting(bench.stage) == [(START + 600_000, START + 720_000)]
    bench.store.full = False
    await bench.queue.work_off()
    assert not bench.queue.holds(bench.stage)
    assert [(bar.ts - START, bar.revision) for bar in bench.told] == [(600_000, 1), (660_000, 1), (720_000, 1)]
    bench.store.close()


async def test_long_stretches_are_rebuilt_in_pieces_oldest_first(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.queue.put(bench.stage, START + 5_400_000, START + 7_000_000)
    bench.queue.put(bench.stage, START + 60_000, START + 5_380_000)
    assert bench.queue.waiting(bench.stage) == [(START + 60_000, START + 7_000_000)], "those that nearly touch are one"
    await bench.queue.work_off()
    assert [bar.ts for bar in bench.told] == list(range(START + 60_000, START + 7_000_000, 60_000))
    bench.store.close()


async def test_a_stop_between_pairs_leaves_none_of_them_behind(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    guard, last = Guard("any", "", EventClock()), START + 2 * HOUR - MINUTE
    wrong = bench.store.bars("X", "1m", 0, last + 1)
    other = [replace(bar, close=100.0 + n % 5) for n, bar in enumerate(wrong)]
    pairs = []
    for name in "AB":
        series = PairSeries(PairSpec(f"X-{name}", "1m", Ols(window=3)), lambda plugin, user: guard, reopen=0)
        series.add(wrong, other)
        bench.store.append([], [replace(bar, symbol=name) for bar in other], [])
        pairs.append(PairStage(bench.stage, SymbolStage(name, TimeBars(every=("1m",)), guard, Exports([])), (series,), Exports([])))
        bench.queue._publisher.add_pair(pairs[-1])
    bench.queue.put(bench.stage, last, last)
    task = asyncio.create_task(bench.queue.work_off())

    def stop(points: Sequence[PairPoint]) -> None:
        task.cancel()

    bench.queue._outputs.hub.listen("points", stop)
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    [close] = [bar.close for bar in bench.told]
    assert [point.y for pair in pairs if (point := pair.series[0].last)] == [close, close]
    bench.store.close()
