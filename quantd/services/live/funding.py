"""Fetches past funding rates from a symbol's feed for backtests."""

import asyncio
import logging
from collections.abc import Sequence

import msgspec

from quantd.clock import Clock
from quantd.errors import unforeseen
from quantd.flow.feed import FeedFlow
from quantd.services.analytics import PairPast
from quantd.stats.funding import Rates, as_rates
from quantd.timeframes import DAY, MINUTE, timeframe

_log = logging.getLogger("quantd.live")
_EARLIER = 2 * DAY
"""Rates are also fetched for this long before the range, to find the interval at which they are paid."""
_PATIENCE_S = 5.0
_AGAIN_S = 30.0
_MOST_KEPT = 64
Key = tuple[str, int, int]
"""Symbol, and the range in minutes."""


class PastFunding:
    """Fetches funding rates and caches the last answers, since the same question may come every second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[Key, Rates | None] = {}
        self._failed: dict[str, float] = {}
        """When the feed last failed to answer (monotonic, s), by symbol."""

    async def beside(self, past: PairPast, flows: Sequence[FeedFlow | None]) -> PairPast:
        """Return `past` with the rates paid during its bars, as far as the feeds of its legs answer within some seconds."""
        if not (past.y_bars and past.x_bars):
            return past
        start, last = past.y_bars[0], past.y_bars[-1]
        end = timeframe(last.every).end(last.ts)
        asked = [(bars[0].symbol, flow) for bars, flow in zip((past.y_bars, past.x_bars), flows, strict=True) if flow]
        told = await asyncio.gather(*(self._rates(symbol, flow, start.ts, end) for symbol, flow in asked))
        funding = {symbol: rates for (symbol, _), rates in zip(asked, told, strict=True) if rates}
        return msgspec.structs.replace(past, funding=funding)

    async def _rates(self, symbol: str, flow: FeedFlow, start: int, end: int) -> Rates | None:
        key = symbol, start // MINUTE, end // MINUTE
        if key in self._known:
            return self._known[key]
        if self._clock.monotonic() - self._failed.get(symbol, float("-inf")) < _AGAIN_S:
            return None
        try:
            async with asyncio.timeout(_PATIENCE_S):
                paid = await flow.feed.fetch_funding(symbol, start - _EARLIER, end)
            rates = as_rates((row.ts, row.rate, row.mark) for row in paid)
        except Exception as error:  # a feed may raise or return anything
            self._failed[symbol] = self._clock.monotonic()
            why = str(error) or "no answer in time"
            text = "%s: funding rates are not to be had, which is tried again in %.0f s: %s"
            _log.warning(text, symbol, _AGAIN_S, why, exc_info=unforeseen(error))
            return None
        return self._keep(key, rates)

    def _keep(self, key: Key, rates: Rates | None) -> Rates | None:
        while len(self._known) >= _MOST_KEPT:
            del self._known[next(iter(self._known))]
        self._known[key] = rates
        return rates
