"""The trades of one symbol between its feed and its intake."""

import asyncio

from quantd.flow.ingest.intake import Intake
from quantd.model import Tick


class Arrivals:
    """What has come, in the order of receipt.

    While the past of a symbol is fetched, its trades wait: the intake takes the past first, so that it can tell which of them are new.
    Listeners do not wait. They are told of a trade as soon as it comes if it is valid and the first of its id among those that came live,
    which an intake of its own judges. None is told of again when the intake takes what has waited.
    """

    def __init__(self, symbol: str) -> None:
        self.ready = True
        """Whether what comes goes on at once."""
        self.fresh: list[Tick] = []
        """What came since the last call of `take` or `wait`."""
        self.waiting: list[Tick] = []
        """What waits for the past."""
        self._live = Intake(symbol)
        self._begun = asyncio.Event()
        self._begun.set()

    def hold(self) -> None:
        """What comes waits from now on."""
        self.ready = False
        self._begun.clear()

    def take(self) -> list[Tick]:
        """The fresh trades, which are no longer here."""
        fresh, self.fresh = self.fresh, []
        return fresh

    def wait(self) -> list[Tick]:
        """The fresh trades wait from now on; those of them that listeners may be told of."""
        fresh = self.take()
        self.waiting += fresh
        return self._live.take(fresh)

    def begin(self) -> list[Tick]:
        """What has waited, which is no longer here: the past is there, or is given up, and what comes goes on at once."""
        self.ready = True
        self._begun.set()
        waiting, self.waiting = self.waiting, []
        return waiting

    async def begun(self) -> None:
        """Return when nothing waits."""
        await self._begun.wait()
