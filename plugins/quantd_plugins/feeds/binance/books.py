"""The order books of the symbols whose depth is wanted. A book starts again from a snapshot whenever changes are missing."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable

from msgspec import Struct

import quantd
from quantd.net import Backoff, Budget
from quantd_plugins.feeds.binance.book_frames import DepthSnapshot, DepthUpdate
from quantd_plugins.feeds.binance.local_book import LocalBook
from quantd_plugins.feeds.binance.rest import Gateway

log = logging.getLogger(__name__)

Fetch = Callable[[str], Awaitable[DepthSnapshot]]
"""Fetches LIMIT levels of each side of a symbol's book over REST. Raises QuantdError."""

LIMIT, WEIGHT = 1000, 20
AHEAD = 100
"""A new snapshot is fetched when fewer levels than this are known beyond the published ones, so that there is no break."""
MOST_LEVELS = LIMIT // 2
AT_ONCE = 2
FETCHES_PER_S, FETCHES_AT_ONCE = 0.5, 10
"""Snapshots a second, and at once: they use half of our own weight limit, since requests for past trades need the rest."""
SETTLE_S = 0.5
"""Wait before a request after a break: an earlier snapshot would be older than the first change after the break."""
SHORTEST_S, LONGEST_S = 0.5, 60.0
STEADY_S = 10.0
"""Time for which a book must have been whole before the waits between tries start again with the shortest."""


async def snapshot(gateway: Gateway, symbol: str) -> DepthSnapshot:
    """Return the current book of a symbol, up to about a second old. Raises QuantdError."""
    return await gateway.get("/fapi/v1/depth", {"symbol": symbol, "limit": LIMIT}, WEIGHT, DepthSnapshot)


class Kept(Struct, eq=False):
    """A book, and the state of its repair."""

    book: LocalBook
    backoff: Backoff
    whole_since: float | None = None
    task: asyncio.Task[None] | None = None
    told: bool = False
    """Whether it was reported that REST does not answer."""


class Books:
    """The local books. Pass every change to `take`, from whatever connection. It returns `levels` of each side, at most MOST_LEVELS."""

    def __init__(self, fetch: Fetch, levels: int, clock: quantd.Clock, rng: random.Random) -> None:
        self.resyncs = 0
        """How often a whole book started again because changes were missing."""
        self._fetch = fetch
        self._levels = levels
        self._clock = clock
        self._rng = rng
        self._kept: dict[str, Kept] = {}
        self._seats = asyncio.Semaphore(AT_ONCE)
        self._budget = Budget(FETCHES_PER_S, FETCHES_AT_ONCE, clock)
        self._tasks: set[asyncio.Task[None]] = set()

    def want(self, symbols: Iterable[str]) -> None:
        """Keep the books of exactly these symbols from now on."""
        wanted = frozenset(symbols)
        for symbol in self._kept.keys() - wanted:
            task = self._kept.pop(symbol).task
            if task:
                task.cancel()
        for symbol in wanted - self._kept.keys():
            self._kept[symbol] = Kept(LocalBook(symbol), Backoff(SHORTEST_S, LONGEST_S, self._rng))

    def awaits(self, diff: DepthUpdate) -> bool:
        """Return whether earlier changes than these are still to come."""
        kept = self._kept.get(diff.symbol)
        return kept is not None and kept.book.awaits(diff)

    def take(self, diff: DepthUpdate, recv: int) -> quantd.Depth | None:
        """Return the best levels if these changes have updated a whole book. Needs a running loop."""
        kept = self._kept.get(diff.symbol)
        if kept is None:
            return None
        moved = kept.book.update(diff)
        if kept.task is None and self._is_short(kept):
            task = kept.task = asyncio.create_task(self._mend(kept), name=f"binance-futures-book-{diff.symbol}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return kept.book.depth(self._levels, recv) if moved and kept.book.reaches(self._levels) else None

    async def close(self) -> None:
        """Drop all books."""
        self.want(())
        await self.settle()

    async def settle(self) -> None:
        """Wait for the snapshots under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _is_short(self, kept: Kept) -> bool:
        """Return whether a snapshot is needed, now or soon."""
        return not kept.book.reaches(self._levels + AHEAD)

    async def _mend(self, kept: Kept) -> None:
        """Fetch snapshots until one makes the book whole."""
        if kept.whole_since is not None and self._clock.monotonic() - kept.whole_since >= STEADY_S:
            kept.backoff.reset()
        reason = kept.book.broken
        try:
            while self._is_short(kept):
                await asyncio.sleep(SETTLE_S + kept.backoff.delay())
                await self._budget.take()
                async with self._seats:
                    await self._load(kept, reason)
        finally:
            kept.task = None

    async def _load(self, kept: Kept, reason: str | None) -> None:
        """Fetch one snapshot. The book is broken, or it is whole but does not reach far enough."""
        book, symbol = kept.book, kept.book.symbol
        try:
            fetched = await self._fetch(symbol)
            reason = reason or book.broken
            if not book.load(fetched, LIMIT):
                log.info("binance-futures: %s: book: %s; trying again", symbol, book.broken or f"the snapshot {fetched.id} is too old")
                return
        except quantd.QuantdError as error:
            if not kept.told:
                log.warning("binance-futures: %s: there is no depth before REST tells a snapshot: %s", symbol, error)
            kept.told = True
        except Exception:
            log.exception("binance-futures: %s: the book could not be begun anew; trying again", symbol)
        else:
            self._loaded(kept, reason)

    def _loaded(self, kept: Kept, reason: str | None) -> None:
        if reason and kept.whole_since is not None:
            self.resyncs += 1
        why = reason or "the last one did not reach far enough"
        log.info("binance-futures: %s: book: begun anew from a snapshot: %s", kept.book.symbol, why)
        kept.told = False
        kept.whole_since = self._clock.monotonic()
