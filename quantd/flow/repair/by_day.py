"""Searches for missing trades in the daily files of a venue, once it no longer returns them by id."""

import asyncio
import logging
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence

from msgspec import Struct

from quantd.clock import Clock
from quantd.errors import unforeseen
from quantd.flow.ingest.ledger import Hole, Span, overlapping
from quantd.flow.repair.missing import ListMissing, MissingTrades
from quantd.model import Tick
from quantd.timeframes import DAY, HOUR

POLL_S = 1.0
RETRY_S = 1_800.0
"""Time (s) until a file is requested again if it is not published yet or is damaged."""
PUBLISHED_AFTER_MS = 2 * HOUR
"""Time (ms) after the day's end at which its file is first requested. Files are published in the course of the next day."""
GIVE_UP_AFTER_MS = 7 * DAY
"""Time (ms) after the day's end until which its file is requested."""
REACH_MS = GIVE_UP_AFTER_MS + DAY
"""Greatest age (ms) of a trade that can be repaired."""
_log = logging.getLogger("quantd.flow")

FetchDay = Callable[[str, int, int, int], AsyncIterator[Sequence[Tick]]]
"""Takes the symbol, the beginning of the day (ms), and the first and last id. Yields the trades of these ids in the day's file. Raises
QuantdError while there is no file."""


class DayFile(Struct, frozen=True):
    """The file of the day that begins at `day` (ms), in which the missing ids among first..last are searched."""

    missing: MissingTrades
    day: int
    first: int
    last: int

    @property
    def key(self) -> tuple[str, int]:
        """Symbol and day."""
        return self.missing.symbol, self.day


class DayRepairer:
    """Reads one file at a time, the newest first. Trades that are in no file are lost."""

    def __init__(self, fetch: FetchDay, list_missing: ListMissing, clock: Clock) -> None:
        self._fetch = fetch
        self._list_missing = list_missing
        self._clock = clock
        self._failed: dict[tuple[str, int], float] = {}
        """When (monotonic, s) the file of a symbol and day was last requested without success."""
        self._read: dict[tuple[str, int], list[Span]] = {}
        """The ids that were searched in the file of a symbol and day. Both dicts hold only days in which trades are still missing."""

    def forget(self, symbol: str) -> None:
        """Remove a symbol that has left."""
        self._failed = {key: at for key, at in self._failed.items() if key[0] != symbol}
        self._read = {key: spans for key, spans in self._read.items() if key[0] != symbol}

    async def run(self) -> None:
        """Repair until cancelled."""
        while True:
            file = self.next()
            if file is None:
                await asyncio.sleep(POLL_S)
            else:
                await self.repair(file)

    def next(self) -> DayFile | None:
        """Return the newest file that may be requested now. Ids that no file can hold any more are given up."""
        files: list[DayFile] = []
        awaited: set[tuple[str, int]] = set()
        for missing in self._list_missing():
            days = self._days(missing)
            awaited |= {(missing.symbol, day) for day in days}
            for day, holes in days.items():
                unread = [hole for hole in holes if not self._has_read(missing.symbol, hole, day)]
                if unread and self._is_due(missing.symbol, day):
                    files.append(DayFile(missing, day, unread[0].first, unread[-1].last))
        self._failed = {key: at for key, at in self._failed.items() if key in awaited}
        self._read = {key: spans for key, spans in self._read.items() if key in awaited}
        return max(files, key=lambda file: file.day, default=None)

    def _days(self, missing: MissingTrades) -> dict[int, list[Hole]]:
        """Return the days whose files are awaited or were read, each with the holes that it may fill, by id. Holes without such a day are
        marked as lost."""
        found: dict[int, list[Hole]] = {}
        for hole in [hole for hole in missing.ledger.holes if hole.source == "file"]:
            days = [day for day in _days(hole) if self._clock.now() < day + DAY + GIVE_UP_AFTER_MS]
            if all(self._has_read(missing.symbol, hole, day) for day in days):
                missing.set_source(hole.first, hole.last, "none")
                _log.warning("%s: ids %d to %d are lost: no file of the exchange holds them", missing.symbol, hole.first, hole.last)
                continue
            for day in days:
                found.setdefault(day, []).append(hole)
        return found

    async def repair(self, file: DayFile) -> None:
        """Read one file and insert the missing trades."""
        missing, count = file.missing, 0
        try:
            async for ticks in self._fetch(missing.symbol, file.day, file.first, file.last):
                found = list(_in_holes(ticks, missing.ledger.holes))
                if found:
                    await missing.insert(found)
                    count += len(found)
        except Exception as error:  # a feed or a store may raise anything: repair continues
            self._failed[file.key] = self._clock.monotonic()
            text = "%s: a day's file is not to be had, asking again in %.0f min: %s"
            _log.warning(text, missing.symbol, RETRY_S / 60, error, exc_info=unforeseen(error))
            return
        self._failed.pop(file.key, None)
        others = [span for span in self._read.get(file.key, ()) if not file.first <= span[0] <= span[1] <= file.last]
        self._read[file.key] = [*others, (file.first, file.last)]
        _log.info("%s: a day's file had %d of what is missing of ids %d to %d", missing.symbol, count, file.first, file.last)

    def _has_read(self, symbol: str, hole: Hole, day: int) -> bool:
        return any(first <= hole.first and hole.last <= last for first, last in self._read.get((symbol, day), ()))

    def _is_due(self, symbol: str, day: int) -> bool:
        failed = self._failed.get((symbol, day))
        if failed is not None:
            return self._clock.monotonic() >= failed + RETRY_S
        return self._clock.now() >= day + DAY + PUBLISHED_AFTER_MS


def _days(hole: Hole) -> Iterable[int]:
    """Return the beginnings (ms) of the UTC days in which the trades of a hole may have been made."""
    low, high = min(hole.start, hole.end), max(hole.start, hole.end)
    return range(low - low % DAY, high + 1, DAY)


def _in_holes(ticks: Sequence[Tick], holes: list[Hole]) -> Iterator[Tick]:
    """Yield the trades that are in a hole."""
    ids = [tick.id for tick in ticks]
    inside = overlapping(holes, min(ids), max(ids)) if ids else []
    lasts = [hole.last for hole in inside]
    for tick in ticks if inside else ():
        at = bisect_left(lasts, tick.id)
        if at < len(inside) and inside[at].first <= tick.id:
            yield tick
