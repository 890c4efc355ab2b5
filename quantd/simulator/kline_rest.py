"""The REST endpoints of candles."""

from collections.abc import Awaitable, Callable

from quantd.simulator.klines import INTERVALS, MINUTE_MS
from quantd.simulator.listing import Listing
from quantd.simulator.query import Query, RestError
from quantd.simulator.sessions import KIND

LIMIT, MOST = 500, 1500
CONTRACTS = ("PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER", KIND)

Endpoint = tuple[Callable[[Query], Awaitable[str]], Callable[[Query], int]]


class KlineRest:
    """Computes the answers from the trades. `listing` finds the symbol that a parameter of a query names."""

    def __init__(self, listing: Callable[[Query, str], Listing]) -> None:
        self._listing = listing

    def endpoints(self) -> dict[str, Endpoint]:
        """Return the handler and the weight of each path."""
        return {"klines": (self._klines, _weight), "continuousKlines": (self._continuous, _weight)}

    async def _klines(self, query: Query) -> str:
        return await _rows(self._listing(query, "symbol"), query)

    async def _continuous(self, query: Query) -> str:
        listing, contract = self._listing(query, "pair"), query.text("contractType")
        if contract not in CONTRACTS:
            raise RestError(-4088, "Invalid contract type.")
        return await _rows(listing, query) if contract == (KIND if listing.sessions else CONTRACTS[0]) else "[]"


async def _rows(listing: Listing, query: Query) -> str:
    interval = query.text("interval")
    if interval not in INTERVALS:
        raise RestError(-1120, "Invalid interval.")
    start, end = query.times()
    step = INTERVALS[interval] * MINUTE_MS
    bars = await listing.bars(step, start, end, query.limit(LIMIT, MOST))
    return f"[{','.join(listing.wire.kline_row(bar, step) for bar in bars)}]"


def _weight(query: Query) -> int:
    limit = query.limit(LIMIT, MOST)
    return next(weight for below, weight in ((100, 1), (500, 2), (1001, 5), (MOST + 1, 10)) if limit < below)
