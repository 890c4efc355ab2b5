"""Fetches what is missing from the feed's past, newest first, and gives up what is not to be had."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence

from msgspec import Struct

from quantd.clock import Clock
from quantd.errors import QuantdError
from quantd.flow.ingest.gaps import GRACE_MS
from quantd.flow.ingest.ledger import Ledger
from quantd.model import Tick

PAGE = 1_000
TRIES = 3
"""How often ids must be missing from an answer before they are given up: what has just been sent live, REST may not show yet."""
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
    """Ids to be fetched, a page at most."""

    ward: Ward
    first: int
    last: int


class Repairer:
    """One at a time, so that a long repair leaves room in the feed's limits."""

    def __init__(self, fetch: Fetch, wards: Callable[[], Iterable[Ward]], clock: Clock) -> None:
        self._fetch = fetch
        self._wards = wards
        self._clock = clock
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
            hole = next((hole for hole in reversed(ward.ledger.holes) if not hole.lost and hole.opened <= now - GRACE_MS), None)
            if hole and (best is None or hole.end > best[0]):
                best = hole.end, Order(ward, max(hole.first, hole.last - PAGE + 1), hole.last)
        return best and best[1]

    async def step(self, order: Order) -> float:
        """Fetch one page; how long to wait before the next, s."""
        ward = order.ward
        try:
            found = await self._fetch(ward.symbol, order.first, order.last)
            await ward.take(found)
        except Exception as error:  # whatever a feed or a store raises: repair goes on
            missing = f"{ward.symbol}: ids {order.first} to {order.last}"
            _log.warning("%s: not repaired, trying again in %.0f s: %s", missing, self._pause, error, exc_info=_unforeseen(error))
            pause, self._pause = self._pause, min(2 * self._pause, _LONGEST_PAUSE_S)
            return pause
        self._pause = AGAIN_S
        return self._give_up(order, {tick.id for tick in found})

    def _give_up(self, order: Order, found: set[int]) -> float:
        """Declare lost what was not in the answer, if it was not in the ones before either."""
        absent = _runs(identity for identity in range(order.first, order.last + 1) if identity not in found)
        wait = 0.0
        for first, last in absent:
            key = order.ward.symbol, first
            tries = self._vain[key] = self._vain.get(key, 0) + 1
            if tries < TRIES:
                wait = AGAIN_S
                continue
            del self._vain[key]
            order.ward.ledger.give_up(first, last)
            _log.warning("%s: ids %d to %d are lost: the exchange does not tell them", order.ward.symbol, first, last)
        return wait


def _unforeseen(error: Exception) -> bool:
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
