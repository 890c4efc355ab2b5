"""Fetches missing trades by their ids, the newest first. Ids that the feed does not have move on to the next source."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from quantd.clock import Clock
from quantd.errors import unforeseen
from quantd.flow.ingest.gaps import is_fresh
from quantd.flow.ingest.ledger import STOPPED, Hole, Source, overlapping
from quantd.flow.repair.missing import ListMissing, MissingTrades
from quantd.model import Tick
from quantd.times import FOR_EVER

PAGE = 1_000
RETRIES_S = (1.0, 5.0, 15.0, 60.0)
"""Times (s) after which ids that are absent from an answer are requested again: REST, or one of its servers, may lag a little."""
POLL_S = 0.25
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_MOST_ATTEMPTS = 10_000
_log = logging.getLogger("quantd.flow")

FetchIds = Callable[[str, int, int], Awaitable[Sequence[Tick]]]
"""Takes a symbol and the first and last id, at most a page. Returns the trades of these ids that the feed has. Raises QuantdError."""


class IdRange(Struct, frozen=True):
    """Ids to fetch, at most a page; or any number of ids that are `too_old` to be requested."""

    missing: MissingTrades
    first: int
    last: int
    too_old: bool = False


class Attempts(Struct, frozen=True):
    """How often an id was absent from an answer, and when (monotonic, s) it may be requested again."""

    count: int = 0
    again: float = 0.0


class Pause(Struct, frozen=True):
    """Until when (monotonic, s) a symbol is paused after an error, and the length of the pause, s."""

    until: float = 0.0
    length: float = 0.0


class IdRepairer:
    """Fetches one page at a time, so that a long repair leaves room in the feed's rate limits.

    Trades that are older than `max_age` (ms) are not requested. Trades that the feed does not have move on to `next_source`. While
    `is_starting` returns true, trades that were missed before the start wait: the start needs the feed's rate limits.
    """

    def __init__(
        self,
        fetch: FetchIds,
        list_missing: ListMissing,
        clock: Clock,
        *,
        max_age: int = FOR_EVER,
        next_source: Source = "none",
        is_starting: Callable[[], bool] = lambda: False,
    ) -> None:
        self._fetch = fetch
        self._list_missing = list_missing
        self._clock = clock
        self._max_age = max_age
        self._next_source = next_source
        self._is_starting = is_starting
        self._starting = False
        self._attempts: dict[tuple[str, int], Attempts] = {}
        """Attempts by symbol and last id of an absent range."""
        self._pauses: dict[str, Pause] = {}

    def forget(self, symbol: str) -> None:
        """Remove a symbol that has left."""
        self._pauses.pop(symbol, None)
        self._attempts = {key: attempts for key, attempts in self._attempts.items() if key[0] != symbol}

    async def run(self) -> None:
        """Repair until cancelled."""
        while True:
            wanted = self.next()
            if wanted:
                await self.repair(wanted)
            await asyncio.sleep(0.0 if wanted else POLL_S)

    def next(self) -> IdRange | None:
        """Return the newest missing ids of any symbol, at most a page; None if nothing may be requested now."""
        newest: tuple[int, IdRange] | None = None
        self._starting = self._is_starting()
        now = self._clock.monotonic()
        for missing in [each for each in self._list_missing() if self._pauses.get(each.symbol, Pause()).until <= now]:
            hole = next((hole for hole in reversed(missing.ledger.holes) if self._is_due(missing, hole)), None)
            if hole and (newest is None or hole.end > newest[0]):
                newest = hole.end, self._page(missing, hole)
        return newest and newest[1]

    def _page(self, missing: MissingTrades, hole: Hole) -> IdRange:
        """Return the page that ends with a hole. Older holes are requested with it, as far as the page reaches."""
        if hole.end < self._clock.now() - self._max_age:
            return IdRange(missing, hole.first, hole.last, too_old=True)
        lowest = hole.last - PAGE + 1
        first = next(each.first for each in overlapping(missing.ledger.holes, lowest, hole.last) if self._is_due(missing, each))
        return IdRange(missing, max(first, lowest), hole.last)

    def _is_wanted(self, hole: Hole) -> bool:
        if hole.source != "feed" or is_fresh(hole, self._clock.now()):
            return False
        return hole.cause != STOPPED or not self._starting

    def _is_due(self, missing: MissingTrades, hole: Hole) -> bool:
        attempts = self._attempts.get((missing.symbol, hole.last), Attempts())
        return self._is_wanted(hole) and attempts.again <= self._clock.monotonic()

    async def repair(self, wanted: IdRange) -> None:
        """Fetch one page and insert its trades. After an error the symbol pauses for a while; others continue."""
        missing = wanted.missing
        if wanted.too_old:
            self._give_up(missing, wanted.first, wanted.last)
            return
        try:
            answer = await self._fetch(missing.symbol, wanted.first, wanted.last)
            await missing.insert([tick for tick in answer if overlapping(missing.ledger.holes, tick.id, tick.id)])
        except Exception as error:  # a feed or a store may raise anything: repair continues
            if self._is_there(missing):
                self._pause(wanted, error)
            return
        self._pauses.pop(missing.symbol, None)
        if self._is_there(missing):
            self._count_absent(wanted, answered=bool(answer))

    def _is_there(self, missing: MissingTrades) -> bool:
        """Return whether the symbol is still present, and still misses trades."""
        return any(each.ledger is missing.ledger for each in self._list_missing())

    def _pause(self, wanted: IdRange, error: Exception) -> None:
        symbol = wanted.missing.symbol
        length = min(2 * self._pauses[symbol].length, _LONGEST_PAUSE_S) if symbol in self._pauses else _FIRST_PAUSE_S
        self._pauses[symbol] = Pause(self._clock.monotonic() + length, length)
        text = "%s: ids %d to %d: not repaired, trying again in %.0f s: %s"
        _log.warning(text, symbol, wanted.first, wanted.last, length, error, exc_info=unforeseen(error))

    def _count_absent(self, wanted: IdRange, *, answered: bool) -> None:
        """Count the ids that are absent from the answer, and give up those that earlier answers lacked too. If daily files follow and the
        answer is empty, all older ids of the same hole move on to the files."""
        if len(self._attempts) > _MOST_ATTEMPTS:
            self._attempts.clear()
        missing = wanted.missing
        for hole in [hole for hole in overlapping(missing.ledger.holes, wanted.first, wanted.last) if self._is_wanted(hole)]:
            first, last = max(hole.first, wanted.first), min(hole.last, wanted.last)
            key = missing.symbol, last
            count = self._attempts.get(key, Attempts()).count
            if count < len(RETRIES_S):
                self._attempts[key] = Attempts(count + 1, self._clock.monotonic() + RETRIES_S[count])
                continue
            del self._attempts[key]
            self._give_up(missing, first if answered or self._next_source != "file" else hole.first, last)

    def _give_up(self, missing: MissingTrades, first: int, last: int) -> None:
        missing.set_source(first, last, self._next_source)
        fate = "are lost" if self._next_source == "none" else "are awaited in the exchange's daily file"
        _log.warning("%s: ids %d to %d %s: the exchange does not tell them", missing.symbol, first, last, fate)
