"""Fetches what is missing from the feed's past, newest first, and passes on what is not to be had there."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence

from msgspec import Struct

from quantd.clock import Clock
from quantd.errors import QuantdError
from quantd.flow.ingest.gaps import GRACE_MS
from quantd.flow.ingest.ledger import FOR_EVER, Hole, Ledger, Rung, overlapping
from quantd.model import Tick

PAGE = 1_000
TRIES = 3
"""How often ids must be missing from an answer before they are passed on: what has just been sent live, REST may not show yet."""
AGAIN_S = 1.0
LOOK_S = 0.25
_LONGEST_PAUSE_S = 60.0
_log = logging.getLogger("quantd.flow")

Fetch = Callable[[str, int, int], Awaitable[Sequence[Tick]]]
"""The trades of a symbol of first_id <= id <= last_id that are to be had, at most PAGE. Raises QuantdError."""


class Ward(Struct):
    """A symbol whose trades may be missing."""

    symbol: str
    ledger: Ledger
    take: Callable[[Sequence[Tick]], Awaitable[None]]
    """Is given what was missing."""


class Order(Struct, frozen=True):
    """Ids to be fetched, a page at most, or any number that are too old for it."""

    ward: Ward
    first: int
    last: int
    too_old: bool = False


class Repairer:
    """One at a time, so that a long repair leaves room in the feed's limits. What was traded more than `reach` ms ago is not asked for;
    `then` is where that is to be had, and all else that the feed does not tell."""

    def __init__(
        self, fetch: Fetch, wards: Callable[[], Iterable[Ward]], clock: Clock, *, reach: int = FOR_EVER, then: Rung = "none"
    ) -> None:
        self._fetch = fetch
        self._wards = wards
        self._clock = clock
        self._reach = reach
        self._then = then
        self._vain: dict[tuple[str, int], int] = {}
        self._pause = AGAIN_S

    async def run(self) -> None:
        """Repair until cancelled."""
        while True:
            order = self.newest()
            await asyncio.sleep(LOOK_S if order is None else await self.step(order))

    def newest(self) -> Order | None:
        """The newest ids that are missing, a page of them at most, in any symbol; None where nothing can be done."""
        now = self._clock.now()
        best: tuple[int, Order] | None = None
        for ward in self._wards():
            hole = next((hole for hole in reversed(ward.ledger.holes) if hole.rung == "feed" and hole.opened <= now - GRACE_MS), None)
            if hole and (best is None or hole.end > best[0]):
                best = hole.end, self._order(ward, hole, now)
        return best and best[1]

    def _order(self, ward: Ward, hole: Hole, now: int) -> Order:
        if hole.end < now - self._reach:
            return Order(ward, hole.first, hole.last, too_old=True)
        return Order(ward, max(hole.first, hole.last - PAGE + 1), hole.last)

    async def step(self, order: Order) -> float:
        """Fetch one page; how long to wait before the next, s."""
        ward = order.ward
        if order.too_old:
            self._pass_on(ward, order.first, order.last)
            return 0.0
        try:
            found = await self._fetch(ward.symbol, order.first, order.last)
            await ward.take(found)
        except Exception as error:  # whatever a feed or a store raises: repair goes on
            missing = f"{ward.symbol}: ids {order.first} to {order.last}"
            _log.warning("%s: not repaired, trying again in %.0f s: %s", missing, self._pause, error, exc_info=unforeseen(error))
            pause, self._pause = self._pause, min(2 * self._pause, _LONGEST_PAUSE_S)
            return pause
        self._pause = AGAIN_S
        return self._give_up(order, {tick.id for tick in found})

    def _give_up(self, order: Order, found: set[int]) -> float:
        """Pass on what was not in the answer, if it was not in the ones before either."""
        wait = 0.0
        for first, last in _runs(identity for identity in range(order.first, order.last + 1) if identity not in found):
            key = order.ward.symbol, first
            tries = self._vain[key] = self._vain.get(key, 0) + 1
            if tries < TRIES:
                wait = AGAIN_S
                continue
            del self._vain[key]
            self._pass_on(order.ward, self._oldest(order, first) if not found else first, last)
        return wait

    def _oldest(self, order: Order, first: int) -> int:
        """The first id of the hole of which a page is asked for: where files follow, all that is older than a page which is not told at all
        is looked for there."""
        holes = overlapping(order.ward.ledger.holes, order.first, order.last)
        return holes[0].first if holes and self._then == "file" else first

    def _pass_on(self, ward: Ward, first: int, last: int) -> None:
        ward.ledger.pass_on(first, last, self._then)
        fate = "are lost" if self._then == "none" else "are awaited in the exchange's daily file"
        _log.warning("%s: ids %d to %d %s: the exchange does not tell them", ward.symbol, first, last, fate)


def unforeseen(error: Exception) -> bool:
    """Whether it is no error that a feed or store is expected to raise, so that a traceback helps."""
    return not isinstance(error, QuantdError)


def _runs(ids: Iterable[int]) -> list[tuple[int, int]]:
    """Runs of consecutive numbers.

    >>> _runs([3, 4, 5, 9])
    [(3, 5), (9, 9)]
    """
    runs: list[tuple[int, int]] = []
    for identity in ids:
        if runs and identity == runs[-1][1] + 1:
            runs[-1] = runs[-1][0], identity
        else:
            runs.append((identity, identity))
    return runs
