"""Bars close in steps: whatever happens between two of them, each pair has a point of each bar, made of the newest bars."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from quantd.clock import EventClock
from quantd.config.model import Config, PairEntry, Pipeline
from quantd.flow.pair import RebuiltPair, RebuiltPoints
from quantd.flow.pairs import PairSpec, analyse
from quantd.flow.pairs.group import WORTH
from quantd.flow.repair.queue import RebuildQueue
from quantd.model import Bar, PairPoint, Tick
from quantd.plugin.guard import Guard
from quantd.testing import fakes
from quantd.testing.bench import Bench, Venue
from quantd.timeframes import timeframe
from quantd.times import FOR_EVER
from quantd_plugins.regressions.ols import Ols
from quantd_plugins.resamplers.time import TimeBars
from quantd_plugins.stores.local import Local

NAMES = [f"S{number:02}" for number in range(30)]
EVERY = ("1s", "2s")
PIPELINE = Pipeline(name="default", feed="venue", bars=TimeBars(every=EVERY, reopen="5s"), regression=Ols(window=3))
LAST = 19
"""Number of the second whose close is interrupted."""
STEPS = 6
"""Number of steps after which the last interruption comes."""
COUNTS = [5, 12]
"""Numbers of symbols: the pairs are alone, and in tables."""


def trades(second: int) -> list[Tick]:
    return [fakes.tick(name, second + 1, 1_000 * second, 100.0 + (7 * second + 3 * at) % 11) for at, name in enumerate(NAMES)]


def bars(every: str) -> range:
    """The times (ms) of the bars that have points."""
    step = timeframe(every).step
    return range(fakes.START + 2 * step, fakes.START + 1_000 * (LAST + 3), step)


class Closing:
    """A flow that is closing the bars of the second LAST."""

    def __init__(self, steps: int, count: int, folder: Path | None = None, leap: int = 1) -> None:
        """`leap` is how many seconds pass before the next trades. Rows are recorded in `folder`, if given."""
        pairs = tuple(PairEntry(y, x, PIPELINE.name) for y, x in pairwise(NAMES[:count]))
        config = Config(pairs=pairs, feeds={"venue": Venue(lateness="0s")}, pipelines={PIPELINE.name: PIPELINE})
        self.bench = Bench(replace(config, store=Local()) if folder else config, folder)
        for second in range(LAST + 1):
            self.bench.process(trades(second))
        self.next = LAST + leap + 1
        tables = {series.table for pair in self.bench.flow.pairs for series in pair.series}
        assert (tables == {None}) == (count < WORTH)
        self.rest: Iterator[None] = self.bench.flow._process_in_steps(trades(LAST + leap))
        for _ in range(steps):
            next(self.rest, None)

    def finish(self) -> None:
        for _ in self.rest:
            pass
        for second in range(self.next, self.next + 2):
            self.bench.process(trades(second))


def newest(flow: Bench) -> dict[tuple[str, str, int], PairPoint]:
    """The points as they were exported last."""
    return {(point.pair, point.every, point.ts): replace(point, revision=0) for point in flow.kept.rows["points"]}


def of_bars(flow: Bench) -> dict[tuple[str, str, int], PairPoint]:
    """The points that the bars of the history make."""
    made: dict[tuple[str, str, int], PairPoint] = {}
    for pair, every in [(pair, every) for pair in flow.flow.pairs for every in EVERY]:
        y, x = (flow.history.bars(leg.symbol, every, 0, FOR_EVER) for leg in (pair.y, pair.x))
        points = analyse(y, x, PairSpec(pair.name, every, PIPELINE.regression), lambda plugin, user: Guard("any", user, EventClock()))
        made |= {(point.pair, point.every, point.ts): point for point in points}
    return made


def a_late_trade(flow: Closing) -> None:
    """A repair brings a trade of bars that are closing."""
    publisher, stage = flow.bench.flow._publisher, flow.bench.flow.stage("S03")
    assert stage
    last = 1_000 * (LAST + 1) - 1
    publisher.publish_trades(stage, [fakes.tick("S03", 1_000, last, 130.0)])
    publisher.publish_bars([(stage, stage.close(fakes.START + last + 1))])


def rebuilt(flow: Closing) -> Iterator[None]:
    """Publish rebuilt bars of a symbol, in steps."""
    publisher, stage = flow.bench.flow._publisher, flow.bench.flow.stage("S03")
    assert stage
    bars = [bar for every in EVERY for bar in flow.bench.history.bars("S03", every, 0, FOR_EVER, 1)]
    mended = [replace(bar, close=150.0, revision=bar.revision + 1) for bar in bars]
    pairs = [RebuiltPair(pair, dict.fromkeys(EVERY, RebuiltPoints())) for pair in publisher.pairs if stage in (pair.y, pair.x)]
    return publisher.publish_rebuilt(stage, mended, pairs)


def an_older_trade(flow: Closing) -> None:
    """A trade came too late for its bars, which are rebuilt."""
    for _ in rebuilt(flow):
        next(flow.rest, None)


def a_late_trade_while_bars_are_rebuilt(flow: Closing) -> None:
    """A repair brings a trade of bars that have been rebuilt, and of which not all pairs know yet."""
    rebuilding = rebuilt(flow)
    next(rebuilding)
    a_late_trade(flow)
    deque(rebuilding, 0)


def nothing(flow: Closing) -> None:
    """Time passes."""


def an_end(flow: Closing) -> None:
    """The task of the feed is cancelled."""
    flow.rest = iter(())


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("steps", range(STEPS))
@pytest.mark.parametrize("act", [nothing, a_late_trade, an_older_trade, a_late_trade_while_bars_are_rebuilt, an_end])
def test_points_are_made_of_the_newest_bars(act: Callable[[Closing], None], steps: int, count: int) -> None:
    flow = Closing(steps, count)
    act(flow)
    flow.finish()
    assert newest(flow.bench) == of_bars(flow.bench)


@pytest.mark.parametrize("steps", range(STEPS))
async def test_bars_are_rebuilt_only_once_they_have_closed(steps: int, tmp_path: Path) -> None:
    flow = Closing(steps, len(NAMES), tmp_path, leap=11)
    outputs, last = flow.bench.runtime.outputs, flow.bench.flow.stage(NAMES[-1])
    assert last
    assert outputs.recorder
    queue = RebuildQueue(outputs, flow.bench.flow._publisher, flow.bench.flow.watermark)
    queue.put(last, fakes.START + 1_000 * (LAST + 1), fakes.START + 1_000 * (LAST + 4))
    await queue.work_off()
    flow.finish()
    issued = [(bar.symbol, bar.every, bar.ts, bar.revision) for bar in flow.bench.kept.rows["bars"]]
    assert len(issued) == len(set(issued))
    assert newest(flow.bench) == of_bars(flow.bench)
    await outputs.recorder.close()


async def test_a_stop_leaves_no_closed_bars_without_points() -> None:
    flow = Closing(0, COUNTS[-1]).bench
    venue = flow.config.feeds["venue"]
    assert isinstance(venue, Venue)
    task = asyncio.create_task(flow.flow.run())

    def stop(bars: Sequence[Bar]) -> None:
        flow.clock.advance_to(flow.clock.now() + 1_000)  # the time slice is over
        task.cancel()

    flow.hub.listen("bars", stop)
    venue.events.put_nowait(trades(LAST + 1))
    await asyncio.gather(task, return_exceptions=True)
    assert newest(flow) == of_bars(flow)


def drop_all(flow: Closing) -> None:
    for pair in flow.bench.flow.pairs:
        flow.bench.flow.members.drop_pair(pair.name)


def drop_a_pair(flow: Closing) -> None:
    flow.bench.flow.members.drop_pair("S02-S03")


def drop_a_symbol(flow: Closing) -> None:
    flow.bench.runtime.drop_symbol("S03")


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("steps", range(STEPS))
@pytest.mark.parametrize("act", [drop_all, drop_a_pair, drop_a_symbol])
def test_pairs_may_leave_between_steps(act: Callable[[Closing], None], steps: int, count: int) -> None:
    flow = Closing(steps, count)
    act(flow)
    flow.finish()
    left = {pair.name for pair in flow.bench.flow.pairs}
    points = [(point.pair, point.every, point.ts) for point in flow.bench.kept.rows["points"] if point.pair in left]
    assert sorted(points) == sorted((pair, every, ts) for pair in left for every in EVERY for ts in bars(every))
