"""The REST endpoints of the latest prices, the latest raw trades, and past funding."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from itertools import chain

from quantd.simulator.exchange import Exchange
from quantd.simulator.klines import MINUTE_MS
from quantd.simulator.listing import Listing
from quantd.simulator.marks import FUNDING_MS
from quantd.simulator.query import Query
from quantd.simulator.raw import raw_trades

TRADES_LIMIT, TRADES_MOST = 500, 1000
FUNDING_LIMIT, FUNDING_MOST = 200, 1000

Endpoint = tuple[Callable[[Query], Awaitable[str]], Callable[[Query], int]]


class PriceRest:
    """Computes the answers from the trades and the mark price. `listing` finds the symbol of a query."""

    def __init__(self, exchange: Exchange, listing: Callable[[Query], Listing]) -> None:
        self._exchange = exchange
        self._listing = listing

    def endpoints(self) -> dict[str, Endpoint]:
        """Return the handler and the weight of each path."""
        return {
            "ticker/price": (self._prices, lambda query: 1 if query.has("symbol") else 2),
            "trades": (self._trades, lambda _: 5),
            "fundingRate": (self._funding, lambda _: 0),
        }

    async def _prices(self, query: Query) -> str:
        if query.has("symbol"):
            return await self._price(self._listing(query))
        return _array([await self._price(listing) for listing in self._exchange.listings.values()])

    async def _price(self, listing: Listing) -> str:
        [minute] = await listing.bars(MINUTE_MS, None, None, 1)
        price = listing.wire.price.text(minute.candle.close)
        return f'{{"symbol":"{listing.symbol}","price":"{price}","time":{self._exchange.clock.now_ms()}}}'

    async def _trades(self, query: Query) -> str:
        listing, limit = self._listing(query), query.limit(TRADES_LIMIT, TRADES_MOST)
        newest = await asyncio.to_thread(listing.newest, None, limit)
        raws = list(chain.from_iterable(map(raw_trades, newest)))[-limit:]
        return _array(map(listing.wire.raw_trade_row, raws))

    async def _funding(self, query: Query) -> str:
        start, end = query.times()
        limit = query.limit(FUNDING_LIMIT, FUNDING_MOST)
        listings = [self._listing(query)] if query.has("symbol") else list(self._exchange.listings.values())
        times = _funding_times(start, end, limit, min(each.onboarded for each in listings), self._exchange.clock.now_ms())
        rows = [each.book_wire.funding_row(each.marks.at(time), time) for time in times for each in listings if not each.contract.ends]
        return _array(rows[-limit:] if start is None else rows[:limit])


def _funding_times(start: int | None, end: int | None, limit: int, first: int, now: int) -> range:
    """Return the times at which funding was paid: at most `limit`, the oldest after a start, otherwise the newest."""
    last = (now if end is None else min(end, now)) // FUNDING_MS * FUNDING_MS
    oldest = -(-max(first, start or 0) // FUNDING_MS) * FUNDING_MS
    if start is None:
        return range(max(oldest, last - (limit - 1) * FUNDING_MS), last + 1, FUNDING_MS)
    return range(oldest, min(last, oldest + (limit - 1) * FUNDING_MS) + 1, FUNDING_MS)


def _array(rows: Iterable[str]) -> str:
    return f"[{','.join(rows)}]"
