"""Looks for missing trades in the files that a venue publishes of each day, once it no longer tells them otherwise."""

import asyncio
import logging
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence

from msgspec import Struct

from quantd.clock import Clock
from quantd.errors import unforeseen
from quantd.flow.ingest.ledger import Hole, Span, overlapping
from quantd.flow.repair.by_id import Ward
from quantd.model import Tick
from quantd.timeframes import DAY, HOUR

LOOK_S = 1.0
AGAIN_S = 1_800.0
"""A file that is not there yet, or is damaged, is asked for again."""
PUBLISHED_MS = 2 * HOUR
"""How long after its end a day's file is asked for first; they come in the course of the next day."""
PATIENCE_MS = 7 * DAY
"""How long after its end a day's file is still waited for."""
_log = logging.getLogger("quantd.flow")

FetchDay = Callable[[str, int, int, int], AsyncIterator[Sequence[Tick]]]
"""Symbol, begin of the day (ms), first and last id: what of them is in the day's file. Raises QuantdError while that is not to be had."""


class Errand(Struct, frozen=True):
    """A day's file to look into for what is missing of ids first..last."""

    ward: Ward
    day: int
    first: int
    last: int


class DayRepairer:
    """One file at a time, the newest first. What no file holds is passed on as lost."""

    def __init__(self, fetch: FetchDay, wards: Callable[[], Iterable[Ward]], clock: Clock) -> None:
        self._fetch = fetch
        self._wards = wards
        self._clock = clock
        self._failed: dict[tuple[str, int], float] = {}
        """When (s) a symbol's file of a day was last asked for in vain."""
        self._read: dict[tuple[str, int], list[Span]] = {}
        """The ids for which it has been looked through. Both know only of days in which trades are looked for."""

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
        looked_for: set[tuple[str, int]] = set()
        for ward in self._wards():
            days = self._days(ward)
            looked_for |= {(ward.symbol, day) for day in days}
            for day, holes in days.items():
                unread = [hole for hole in holes if not self._has_read(ward, hole, day)]
                if unread and self._due(ward, day):
                    found.append(Errand(ward, day, unread[0].first, unread[-1].last))
        self._failed = {key: at for key, at in self._failed.items() if key in looked_for}
        self._read = {key: spans for key, spans in self._read.items() if key in looked_for}
        return max(found, key=lambda errand: errand.day, default=None)

    def _days(self, ward: Ward) -> dict[int, list[Hole]]:
        """The days whose files are waited for or were read, and what they may hold: by id. What no file may bring any more is passed on."""
        found: dict[int, list[Hole]] = {}
        for hole in [hole for hole in ward.ledger.holes if hole.rung == "file"]:
            days = [day for day in _days(hole) if self._clock.now() < day + DAY + PATIENCE_MS]
            if all(self._has_read(ward, hole, day) for day in days):
                ward.ledger.pass_on(hole.first, hole.last, "none")
                _log.warning("%s: ids %d to %d are lost: no file of the exchange holds them", ward.symbol, hole.first, hole.last)
                continue
            for day in days:
                found.setdefault(day, []).append(hole)
        return found

    async def step(self, errand: Errand) -> None:
        """Look into one file."""
        ward, day, first, last = errand.ward, errand.day, errand.first, errand.last
        key = ward.symbol, day
        count = 0
        try:
            async for ticks in self._fetch(ward.symbol, day, first, last):
                missing = list(_missing(ticks, ward.ledger.holes))
                if missing:
                    await ward.take(missing)
                    count += len(missing)
        except Exception as error:  # whatever a feed or a store raises: repair goes on
            self._failed[key] = self._clock.monotonic()
            again = f"asking again in {AGAIN_S / 60:.0f} min"
            _log.warning("%s: a day's file is not to be had, %s: %s", ward.symbol, again, error, exc_info=unforeseen(error))
            return
        self._failed.pop(key, None)
        others = [span for span in self._read.get(key, ()) if not first <= span[0] <= span[1] <= last]
        self._read[key] = [*others, (first, last)]
        _log.info("%s: a day's file had %d of what is missing of ids %d to %d", ward.symbol, count, first, last)

    def _has_read(self, ward: Ward, hole: Hole, day: int) -> bool:
        return any(first <= hole.first and hole.last <= last for first, last in self._read.get((ward.symbol, day), ()))

    def _due(self, ward: Ward, day: int) -> bool:
        failed = self._failed.get((ward.symbol, day))
        if failed is not None:
            return self._clock.monotonic() >= failed + AGAIN_S
        return self._clock.now() >= day + DAY + PUBLISHED_MS


def _days(hole: Hole) -> range:
    """The beginnings (ms) of the UTC days in which it may have been traded."""
    low, high = min(hole.start, hole.end), max(hole.start, hole.end)
    return range(low - low % DAY, high + 1, DAY)


def _missing(ticks: Sequence[Tick], holes: list[Hole]) -> Iterator[Tick]:
    """Those of some trades that are in a hole."""
    ids = [tick.id for tick in ticks]
    inside = overlapping(holes, min(ids), max(ids)) if ids else []
    lasts = [hole.last for hole in inside]
    for tick in ticks if inside else ():
        at = bisect_left(lasts, tick.id)
        if at < len(inside) and inside[at].first <= tick.id:
            yield tick
