"""Adds pairs to a running flow. Each pair first gets the past bars of its legs, in time slices of the event loop."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

from quantd.clock import Clock
from quantd.columns.bars import BarColumns
from quantd.errors import unforeseen
from quantd.flow.outputs import Outputs
from quantd.flow.pair import PairStage
from quantd.flow.publish import Publisher
from quantd.flow.symbol import SymbolStage
from quantd.flow.time_slice import TimeSlice

_AT_ONCE = 50
"""Number of bars of a leg that are given together."""
Legs = dict[tuple[SymbolStage, str], BarColumns]
_log = logging.getLogger("quantd.flow")


class _Join:
    """A pair that is being added to the flow."""

    def __init__(self, make: Callable[[], PairStage], began: int) -> None:
        self.make = make
        self.began = began
        self.pair = make()
        self.name = self.pair.name


class Joining:
    """The pairs that are being added to one flow. Work of a single time slice is done at once; the rest runs in a task."""

    def __init__(self, outputs: Outputs, publisher: Publisher, clock: Clock) -> None:
        self._outputs = outputs
        self._publisher = publisher
        self._clock = clock
        self._joins: dict[str, _Join] = {}
        """Pairs that do not have all past bars yet, by name."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        """Tasks that give them the rest, by name."""

    def add(self, make: Callable[[], PairStage], began: int) -> None:
        """Add a pair once it has the past bars of its legs. Its jobs run at bars of ts >= `began` (ms). If a pair of that name is being
        added already, that one continues instead."""
        join = _Join(make, began)
        if join.name in self._joins:
            return
        self._joins[join.name] = join
        steps, time_slice = self._steps(join), TimeSlice(self._clock)
        try:
            for _ in steps:
                if time_slice.is_over:
                    break
        except Exception as error:  # a store may raise anything: the task starts over, and is reported if it fails, too
            _log.warning("%s does not join at once: %s", join.name, error, exc_info=unforeseen(error))
        if self._joins.get(join.name) is join:
            self._tasks[join.name] = self._outputs.supervisor.start(_task(join.name), partial(self._go_on, join, steps, time_slice))

    def drop(self, name: str) -> None:
        """Stop adding the pair of this name."""
        self._joins.pop(name, None)
        if task := self._tasks.pop(name, None):
            task.cancel()
        self._outputs.supervisor.forget(_task(name))

    def with_leg(self, symbol: str) -> list[str]:
        """Return the names of the pairs with this leg that are being added."""
        return [name for name, join in self._joins.items() if symbol in (join.pair.y.symbol, join.pair.x.symbol)]

    async def _go_on(self, join: _Join, steps: Iterator[None], time_slice: TimeSlice) -> None:
        """Do the remaining steps. If one has failed, no steps remain: the pair is then made again and gets all bars again."""
        for _ in steps:
            await time_slice.pause_if_over()
        while self._joins.get(join.name) is join:
            join.pair = join.make()
            for _ in self._steps(join):
                await time_slice.pause_if_over()

    def _steps(self, join: _Join) -> Iterator[None]:
        pair = join.pair
        given: dict[tuple[SymbolStage, str], dict[int, bytes]] = {(leg, e.spec.every): {} for e in pair.series for leg in (pair.y, pair.x)}
        while self._joins.get(join.name) is join:
            bars = self._next(given)
            if not bars:
                del self._joins[join.name]
                self._tasks.pop(join.name, None)
                self._publisher.add_pair(pair)
                return
            points = pair.add({leg: list(some) for leg, some in bars.items()}, lambda pair, every: join.began)
            self._outputs.history.put_points(points)
            for leg, some in bars.items():
                given[leg] |= zip(some.ts.tolist(), some.raw(), strict=True)
            if any(len(some) == _AT_ONCE for some in bars.values()):
                yield

    def _next(self, given: dict[tuple[SymbolStage, str], dict[int, bytes]]) -> Legs:
        """Return the oldest bars of each leg that have not been given yet, or have been re-issued since."""
        found: Legs = {}
        for (leg, every), known in given.items():
            bars = self._outputs.history.recent_bars(leg.symbol, every)
            fresh = (at for at, (ts, row) in enumerate(zip(bars.ts.tolist(), bars.raw(), strict=True)) if known.get(ts) != row)
            if some := list(islice(fresh, _AT_ONCE)):
                found[leg, every] = bars.take(some)
        return found


def _task(pair: str) -> str:
    return f"join {pair}"
