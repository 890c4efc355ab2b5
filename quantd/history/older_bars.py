"""Fetches bars from the exchange that are older than the record, or of timeframes that no pipeline records, when a reader looks that far
back."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from quantd.clock import Clock
from quantd.history.klines import LOOK_BACK, has_past, klines
from quantd.history.recent import VERSIONS
from quantd.history.streams import Venue
from quantd.model import Bar
from quantd.timeframes import timeframe

_log = logging.getLogger("quantd.live")
MOST_BARS = 10_000
"""Largest number of bars of a series that are fetched."""
_MOST_HELD = 500_000
"""Largest number of bars that are held, of all series."""
_PATIENCE_S = 5.0
_AGAIN_S = 30.0
Key = tuple[str, str]
"""Symbol and timeframe."""


class OlderBars:
    """Fetches bars from the venue of their symbol and holds them until `forget`. Newer bars are merged from recorded ones."""

    def __init__(self, venue_of: Callable[[str], Venue | None], clock: Clock) -> None:
        self._venue_of = venue_of
        self._clock = clock
        self._bars: dict[Key, Mapping[int, Bar]] = {}
        self._versions: dict[Key, int] = {}
        self._counts: dict[Key, int] = {}
        """Number of bars that were requested, by series."""
        self._fetching: dict[Key, asyncio.Task[None]] = {}
        self._failed: dict[Key, float] = {}
        """When the feed last failed to answer (monotonic, s), by series."""

    def bars(self, symbol: str, every: str) -> Mapping[int, Bar]:
        """Return the fetched bars by time. Any thread may call."""
        return self._bars.get((symbol, every), {})

    def version(self, symbol: str, every: str) -> int:
        """Return the version of the fetched bars of a series; 0 if there are none."""
        return self._versions.get((symbol, every), 0)

    def forget(self, symbol: str) -> None:
        """Drop the bars of a symbol, and those that are being fetched."""
        for key in [key for key in self._fetching if key[0] == symbol]:
            self._fetching.pop(key).cancel()
        for table in (self._bars, self._versions, self._counts, self._failed):
            for key in [key for key in table if key[0] == symbol]:
                del table[key]

    def has(self, symbol: str, every: str, count: int) -> bool:
        """Return whether `count` bars have been requested already, or a request has failed lately."""
        key = symbol, every
        if self._counts.get(key, 0) >= min(count, MOST_BARS):
            return True
        failed = self._failed.get(key)
        return failed is not None and self._clock.monotonic() - failed < _AGAIN_S

    async def fetch(self, symbol: str, every: str, count: int) -> None:
        """Fetch the last `count` bars of a timeframe, as far as the feed returns them within some seconds."""
        key = symbol, every
        if key not in self._fetching:
            task = self._fetch(symbol, every, min(max(count, LOOK_BACK), MOST_BARS))
            self._fetching[key] = asyncio.create_task(task, name=f"older bars of {symbol}")
        await asyncio.wait([self._fetching[key]], timeout=_PATIENCE_S)

    async def _fetch(self, symbol: str, every: str, count: int) -> None:
        key, frame = (symbol, every), timeframe(every)
        try:
            venue = self._venue_of(symbol)
            if venue and has_past(venue.feed):
                now = venue.clock.now()
                told = await klines(venue.feed, symbol, frame, frame.floor(now - count * frame.step), now)
                self._hold(key, {bar.ts: bar for bar in told})
            self._counts[key] = count
        except Exception as error:  # a feed may raise anything
            self._failed[key] = self._clock.monotonic()
            _log.warning("%s: past bars of %s are not to be had, which is tried again in %.0f s: %s", symbol, every, _AGAIN_S, error)
        finally:
            if self._fetching.get(key) is asyncio.current_task():
                del self._fetching[key]

    def _hold(self, key: Key, bars: Mapping[int, Bar]) -> None:
        self._bars.pop(key, None)
        self._bars[key], self._versions[key] = bars, next(VERSIONS)
        while sum(map(len, self._bars.values())) > _MOST_HELD:
            oldest = next(iter(self._bars))
            del self._bars[oldest], self._versions[oldest]
            self._counts.pop(oldest, None)
