"""The REST endpoints of quotes, books and mark prices."""

from collections.abc import Callable, Coroutine, Iterable

import numpy as np

from quantd.simulator.exchange import Exchange
from quantd.simulator.listing import Listing
from quantd.simulator.market import uniform
from quantd.simulator.query import Query, RestError

DEPTH_LIMIT = 500
DEPTH_WEIGHTS = {5: 2, 10: 2, 20: 2, 50: 2, 100: 5, 500: 10, 1000: 20}
LEAST_LAG_MS, MOST_LAG_MS = 50, 500

Endpoint = tuple[Callable[[Query], Coroutine[None, None, str]], Callable[[Query], int]]


class BookRest:
    """Computes the answers from the books. `listing` finds the symbol of a query."""

    def __init__(self, exchange: Exchange, listing: Callable[[Query], Listing]) -> None:
        self._exchange = exchange
        self._listing = listing

    def endpoints(self) -> dict[str, Endpoint]:
        """Return the handler and the weight of each path."""
        return {
            "depth": (self._depth, lambda query: DEPTH_WEIGHTS[_depth_limit(query)]),
            "premiumIndex": (self._marks, _one_or_all(1, 10)),
            "ticker/bookTicker": (self._quotes, _one_or_all(2, 5)),
        }

    async def _depth(self, query: Query) -> str:
        listing, now = self._listing(query), self._exchange.clock.now_ms()
        lag = LEAST_LAG_MS + int((MOST_LAG_MS - LEAST_LAG_MS + 1) * uniform(self._exchange.seed, listing.symbol, "lag", now))
        return listing.book_wire.depth_row(listing.book.at(now - lag, _depth_limit(query)), now - lag, now)

    async def _marks(self, query: Query) -> str:
        now = self._exchange.clock.now_ms()
        return self._rows(query, lambda listing: listing.book_wire.mark_row(listing.marks.at(now), now))

    async def _quotes(self, query: Query) -> str:
        now = self._exchange.clock.now_ms()
        return self._rows(query, lambda listing: listing.book_wire.book_ticker_row(listing.book.top(np.array([now]))[0].tolist(), now))

    def _rows(self, query: Query, row: Callable[[Listing], str]) -> str:
        if query.has("symbol"):
            return row(self._listing(query))
        rows: Iterable[str] = map(row, self._exchange.listings.values())
        return f"[{','.join(rows)}]"


def _depth_limit(query: Query) -> int:
    limit = query.integer("limit")
    if limit is not None and limit not in DEPTH_WEIGHTS:
        raise RestError(-4021, f"{limit} is not a valid depth limit.")
    return limit or DEPTH_LIMIT


def _one_or_all(one: int, everything: int) -> Callable[[Query], int]:
    return lambda query: one if query.has("symbol") else everything
