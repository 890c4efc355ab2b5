"""Bars close in steps: whatever happens between two of them, each pair has a point of each bar, made of the newest bars."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from msgspec.structs import replace

from quantd.config.model import Config, PairEntry, Pipeline
from quantd.flow.pair import RebuiltPair, RebuiltPoints
from quantd.model import Tick
from quantd.testing import fakes
from quantd.testing.bench import Bench, Venue
from quantd.timeframes import timeframe
from quantd_plugins.regressions.ols import Ols
from quantd_plugins.resamplers.time import TimeBars

NAMES = [f"S{number:02}" for number in range(12)]
EVERY = ("1s", "2s")
PIPELINE = Pipeline(name="default", feed="venue", bars=TimeBars(every=EVERY, reopen="0s"), regression=Ols(window=3))
LAST = 19
"""Number of the second whose close is interrupted."""
STEPS = 12
"""Number of steps after which the last interruption comes."""


def trades(second: int) -> list[Tick]:
    return [fakes.tick(name, second + 1, 1_000 * second, 100.0 + (7 * second + 3 * at) % 11) for at, name in enumerate(NAMES)]


def bars(every: str) -> range:
    """The times (ms) of the bars that have points."""
    step = timeframe(every).step
    return range(fakes.START + 2 * step, fakes.START + 1_000 * (LAST + 3), step)


class Closing:
    """A flow that is closing the bars of the second LAST."""

    def __init__(self, steps: int) -> None:
        pairs = tuple(PairEntry(y, x, PIPELINE.name) for y, x in pairwise(NAMES))
        self.bench = Bench(Config(pairs=pairs, feeds={"venue": Venue(lateness="0s")}, pipelines={PIPELINE.name: PIPELINE}))
        for second in range(LAST + 1):
            self.bench.process(trades(second))
        self.rest: Iterator[None] = self.bench.flow._process_in_steps(trades(LAST + 1))
        for _ in range(steps):
            next(self.rest, None)

    def finish(self) -> None:
        for _ in self.rest:
            pass
        for second in (LAST + 2, LAST + 3):
            self.bench.process(trades(second))


def drop_all(flow: Closing) -> None:
    for pair in flow.bench.flow.pairs:
        flow.bench.flow.members.drop_pair(pair.name)


def drop_a_pair(flow: Closing) -> None:
    flow.bench.flow.members.drop_pair("S03-S04")


def drop_a_symbol(flow: Closing) -> None:
    flow.bench.runtime.drop_symbol("S05")


@pytest.mark.parametrize("steps", range(STEPS))
@pytest.mark.parametrize("act", [drop_all, drop_a_pair, drop_a_symbol])
def test_pairs_may_leave_between_steps(act: Callable[[Closing], None], steps: int) -> None:
    flow = Closing(steps)
    act(flow)
    flow.finish()
    left = {pair.name for pair in flow.bench.flow.pairs}
    points = [(point.pair, point.every, point.ts) for point in flow.bench.kept.rows["points"] if point.pair in left]
    assert sorted(points) == sorted((pair, every, ts) for pair in left for every in EVERY for ts in bars(every))
