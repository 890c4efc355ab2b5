"""Looks for missing trades in the files that a venue publishes of each day, once it no longer tells them otherwise."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from msgspec import Struct

from quantd.clock import Clock
from quantd.flow.ingest.ledger import Hole
from quantd.flow.ingest.repair import Ward, unforeseen
from quantd.model import Tick
from quantd.timeframes import DAY, HOUR, MINUTE

LOOK_S = 1.0
AGAIN_MS = 30 * MINUTE
"""A file that is not there yet, or is damaged, is asked for again."""
PUBLISHED_MS = 2 * HOUR
"""How long after its end a day's file is asked for first; they come in the course of the next day."""
PATIENCE_MS = 7 * DAY
"""How long after its end a day's file is still waited for."""
_log = logging.getLogger("quantd.flow")

FetchDay = Callable[[str, int, int, int], AsyncIterator[Sequence[Tick]]]
"""Symbol, begin of the day (ms), first and last id: what of them is in the day's file. Raises QuantdError while that is not to be had."""


class Errand(Struct, frozen=True):
    """A day's file to look into for what a hole lacks."""

    ward: Ward
    hole: Hole
    day: int


class DayRepairer:
    """One file at a time, the newest first. What no file holds is passed on as lost."""

    def __init__(self, fetch: FetchDay, wards: Callable[[], Iterable[Ward]], clock: Clock) -> None:
        self._fetch = fetch
        self._wards = wards
        self._clock = clock
        self._failed: dict[tuple[str, int], int] = {}
        """When (ms) a symbol's file of a day was last asked for in vain."""
        self._read: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
        """The ids for which it has been looked through."""

    async def run(self) -> None:
        """Repair until cancelled."""
        while True:
            errand = self.next()
            if errand is None:
                await asyncio.sleep(LOOK_S)
            else:
                await self.step(errand)

    def next(self) -> Errand | None:
        """The newest file that may be asked for now; what all files lack is passed on."""
        found: list[Errand] = []
        for ward in self._wards():
            for hole in [hole for hole in ward.ledger.holes if hole.rung == "file"]:
                days = [day for day in _days(hole) if self._open(ward, hole, day)]
                if not days:
                    ward.ledger.pass_on(hole.first, hole.last, "none")
                    _log.warning("%s: ids %d to %d are lost: no file of the exchange holds them", ward.symbol, hole.first, hole.last)
                found += [Errand(ward, hole, day) for day in days if self._due(ward, day)]
        return max(found, key=lambda errand: errand.day, default=None)

    async def step(self, errand: Errand) -> None:
        """Look into one file."""
        ward, hole, day = errand.ward, errand.hole, errand.day
        key = ward.symbol, day
        count = 0
        try:
            async for ticks in self._fetch(ward.symbol, day, hole.first, hole.last):
                await ward.take(ticks)
                count += len(ticks)
        except Exception as error:  # whatever a feed or a store raises: repair goes on
            self._failed[key] = self._clock.now()
            again = f"asking again in {AGAIN_MS // MINUTE} min"
            _log.warning("%s: a day's file is not to be had, %s: %s", ward.symbol, again, error, exc_info=unforeseen(error))
            return
        self._read[key].append((hole.first, hole.last))
        _log.info("%s: a day's file had %d of ids %d to %d", ward.symbol, count, hole.first, hole.last)

    def _open(self, ward: Ward, hole: Hole, day: int) -> bool:
        """Whether the day's file may still bring something."""
        read = any(first <= hole.first and hole.last <= last for first, last in self._read[ward.symbol, day])
        return not read and self._clock.now() < day + DAY + PATIENCE_MS

    def _due(self, ward: Ward, day: int) -> bool:
        failed = self._failed.get((ward.symbol, day))
        now = self._clock.now()
        return now >= (day + DAY + PUBLISHED_MS if failed is None else failed + AGAIN_MS)


def _days(hole: Hole) -> range:
    """The beginnings (ms) of the UTC days in which it may have been traded."""
    low, high = min(hole.start, hole.end), max(hole.start, hole.end)
    return range(low - low % DAY, high + 1, DAY)
