"""Fetches what is missing from the feed's past, newest first, and passes on what is not to be had there."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence

from msgspec import Struct

from quantd.clock import Clock
from quantd.errors import unforeseen
from quantd.flow.ingest.gaps import is_fresh
from quantd.flow.ingest.ledger import FOR_EVER, Hole, Ledger, Rung, overlapping
from quantd.model import Tick

PAGE = 1_000
WAITS_S = (1.0, 5.0, 15.0, 60.0)
"""After how long ids that were missing from an answer are asked for again before they are passed on: REST may be a little behind, or one
of the servers that answer."""
AGAIN_S = 1.0
LOOK_S = 0.25
_LONGEST_PAUSE_S = 60.0
_MOST_VAIN = 10_000
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
        self._vain: dict[tuple[str, int], tuple[int, float]] = {}
        """How often the ids from one on were asked for in vain, and when they may be again (s)."""
        self._pauses: dict[str, tuple[float, float]] = {}
        """Of symbols that cannot be repaired now: until when they are left alone, and for how long (s)."""

    async def run(self) -> None:
        """Repair until cancelled."""
        while True:
            if order := self.newest():
                await self.step(order)
            await asyncio.sleep(0.0 if order else LOOK_S)

    def newest(self) -> Order | None:
        """The newest ids that are missing, within a page, in any symbol; None where nothing can be done."""
        best: tuple[int, Order] | None = None
        now = self._clock.monotonic()
        for ward in [ward for ward in self._wards() if self._pauses.get(ward.symbol, (0.0, 0.0))[0] <= now]:
            hole = next((hole for hole in reversed(ward.ledger.holes) if self._is_due(ward, hole)), None)
            if hole and (best is None or hole.end > best[0]):
                best = hole.end, self._order(ward, hole)
        return best and best[1]

    def _order(self, ward: Ward, hole: Hole) -> Order:
        """What is missing further down is asked for with it, as far as the page reaches."""
        if hole.end < self._clock.now() - self._reach:
            return Order(ward, hole.first, hole.last, too_old=True)
        lowest = hole.last - PAGE + 1
        first = next(each.first for each in overlapping(ward.ledger.holes, lowest, hole.last) if self._is_due(ward, each))
        return Order(ward, max(first, lowest), hole.last)

    def _concerns(self, hole: Hole) -> bool:
        return hole.rung == "feed" and not is_fresh(hole, self._clock.now())

    def _is_due(self, ward: Ward, hole: Hole) -> bool:
        return self._concerns(hole) and self._vain.get((ward.symbol, hole.last), (0, 0.0))[1] <= self._clock.monotonic()

    async def step(self, order: Order) -> None:
        """Fetch one page. What cannot be had now is left alone for a while; other symbols go on."""
        ward = order.ward
        if order.too_old:
            self._pass_on(ward, order.first, order.last)
            return
        try:
            told = await self._fetch(ward.symbol, order.first, order.last)
            found = [tick for tick in told if overlapping(ward.ledger.holes, tick.id, tick.id)]
            await ward.take(found)
        except Exception as error:  # whatever a feed or a store raises: repair goes on
            pause = min(2 * self._pauses.get(ward.symbol, (0.0, AGAIN_S / 2))[1], _LONGEST_PAUSE_S)
            self._pauses[ward.symbol] = self._clock.monotonic() + pause, pause
            missing = f"{ward.symbol}: ids {order.first} to {order.last}"
            _log.warning("%s: not repaired, trying again in %.0f s: %s", missing, pause, error, exc_info=unforeseen(error))
            return
        self._pauses.pop(ward.symbol, None)
        self._give_up(order, none_told=not told)

    def _give_up(self, order: Order, *, none_told: bool) -> None:
        """Pass on what is still missing, if it was not in the answers before either. Where files follow, all that is older than a page
        which is not told at all is looked for there."""
        if len(self._vain) > _MOST_VAIN:
            self._vain.clear()
        for hole in [hole for hole in overlapping(order.ward.ledger.holes, order.first, order.last) if self._concerns(hole)]:
            first, last = max(hole.first, order.first), min(hole.last, order.last)
            key = order.ward.symbol, last
            tries = self._vain.get(key, (0, 0.0))[0]
            if tries < len(WAITS_S):
                self._vain[key] = tries + 1, self._clock.monotonic() + WAITS_S[tries]
                continue
            del self._vain[key]
            self._pass_on(order.ward, hole.first if none_told and self._then == "file" else first, last)

    def _pass_on(self, ward: Ward, first: int, last: int) -> None:
        ward.ledger.pass_on(first, last, self._then)
        fate = "are lost" if self._then == "none" else "are awaited in the exchange's daily file"
        _log.warning("%s: ids %d to %d %s: the exchange does not tell them", ward.symbol, first, last, fate)
