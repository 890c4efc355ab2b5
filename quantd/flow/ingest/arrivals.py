"""The trades of one symbol between its feed and its intake."""

import asyncio
from collections.abc import Sequence

from quantd.columns.ticks import TickRun
from quantd.flow.ingest.intake import Intake
from quantd.model import Tick


class Arrivals:
    """Holds the trades that have arrived, in the order of receipt.

    While the past of a symbol is fetched, its trades wait: the intake takes the past first, so that it can determine which trades are new.
    Listeners do not wait. They get a trade as soon as it arrives, if it is valid and the first one with its id among the live trades; a
    second intake checks this. No trade is published again when the intake takes the trades that have waited.
    """

    def __init__(self, symbol: str) -> None:
        self.ready = True
        """False while trades wait for the past."""
        self.turn = 0
        """Place of the symbol in its flow: symbols that have something new take turns in the order in which they joined."""
        self.fresh: list[Tick] = []
        """The trades that arrived since the last call of `take_fresh` or `queue`, except for those of `fresh_run`."""
        self.fresh_run: TickRun | None = None
        """The trades that arrived after these, as columns."""
        self.waiting: list[Tick] = []
        """The trades that wait for the past."""
        self._live = Intake(symbol)
        self._released = asyncio.Event()
        self._released.set()

    def start_queueing(self) -> None:
        """Queue trades from now on."""
        self.ready = False
        self._released.clear()

    def add_run(self, run: TickRun) -> None:
        """Add trades that have arrived."""
        if self.fresh_run:
            self.fresh += self.fresh_run
        self.fresh_run = run

    def take_fresh(self) -> Sequence[Tick]:
        """Remove and return the fresh trades."""
        run, self.fresh_run = self.fresh_run, None
        if run and not self.fresh:
            return run
        fresh, self.fresh = self.fresh, []
        return [*fresh, *run] if run else fresh

    def queue(self) -> Sequence[Tick]:
        """Queue the fresh trades. Return those that listeners may get."""
        fresh = self.take_fresh()
        self.waiting += fresh
        return self._live.accept(fresh)

    def release(self) -> list[Tick]:
        """Remove and return the waiting trades, since the past has been fetched or given up. Later trades do not wait."""
        self.ready = True
        self._released.set()
        waiting, self.waiting = self.waiting, []
        return waiting

    async def released(self) -> None:
        """Return when nothing waits any more."""
        await self._released.wait()
