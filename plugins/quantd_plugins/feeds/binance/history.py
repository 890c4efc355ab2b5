"""Reads the past over REST, page by page: symbols, trades and bars."""

from collections.abc import AsyncIterator, Iterable
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

import quantd
from quantd_plugins.feeds.binance.bounds import Milliseconds, Price, Size
from quantd_plugins.feeds.binance.rest import SAMPLE, Gateway, Params, Rank
from quantd_plugins.feeds.imported import imported

HOUR = 3_600_000
HORIZON = 49 * HOUR
"""Largest age (ms) of past trades that are requested; the exchange serves them for 48 hours."""
ID_HISTORY_MS = 48 * HOUR - HOUR // 6
"""Largest age up to which trades are requested by id: at the very edge of the horizon the answers would be of no use."""
TRADES_A_PAGE = 1000
TRADES_WEIGHT = 20
BARS_WEIGHTS = ((99, 1), (499, 2), (1000, 5), (1500, 10))
"""The largest number of bars that a request of each weight returns."""
BARS_A_PAGE = 499
"""The page with the most bars for its weight. Full pages and one for the rest cost the least, however many bars are requested."""
FUNDING_A_PAGE = 1000
FUNDING_WEIGHT = 12
"""The exchange limits these requests to 500 in five minutes instead of by weight; we send at most 100 a minute."""
UNORDERED = 1000
"""Time in ms by which a trade may be earlier than one with a smaller id."""
IN_SESSIONS = "TRADIFI_PERPETUAL"
"""The type of contracts on underlyings that trade elsewhere: shares, commodities, currencies."""
INTERVALS = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d")


class ServerTime(Struct):
    """The answer of /fapi/v1/time."""

    server_time: Milliseconds = msgspec.field(name="serverTime")


class Listing(Struct):
    """A symbol of the exchange."""

    symbol: str
    status: str = ""
    contract: str | None = msgspec.field(name="contractType", default=None)
    market: str | None = msgspec.field(name="underlyingType", default=None)


class ExchangeInfo(Struct):
    """The answer of /fapi/v1/exchangeInfo."""

    symbols: list[Listing]


class PastTrade(Struct, gc=False):
    """A row of /fapi/v1/aggTrades."""

    id: Annotated[int, Meta(ge=1, le=2**63 - 1)] = msgspec.field(name="a")
    price: Price = msgspec.field(name="p")
    qty: Size = msgspec.field(name="q")
    ts: Milliseconds = msgspec.field(name="T")
    buyer_maker: bool = msgspec.field(name="m")


class Kline(Struct, array_like=True, gc=False):
    """A row of /fapi/v1/klines."""

    ts: Milliseconds
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Size
    last_ms: Milliseconds
    quote_volume: Size
    trades: int
    taker_buy_volume: Size

    def bar(self, symbol: str, every: str) -> quantd.Bar:
        """Return the row as quantd's noun."""
        return imported(
            symbol,
            every,
            self.ts,
            (self.open, self.high, self.low, self.close),
            self.volume,
            quote_volume=self.quote_volume,
            trades=self.trades,
            taker_buy_volume=self.taker_buy_volume,
        )


class PastFunding(Struct, gc=False):
    """A row of /fapi/v1/fundingRate; the mark price of old rows is empty."""

    ts: Milliseconds = msgspec.field(name="fundingTime")
    rate: Annotated[float, Meta(gt=-1, lt=1)] = msgspec.field(name="fundingRate")
    mark: str = msgspec.field(name="markPrice", default="")

    def noun(self, symbol: str) -> quantd.FundingRate:
        """Return the row as quantd's noun. Raises QuantdError."""
        try:
            mark = msgspec.convert(self.mark, Price, strict=False) if self.mark else None
        except msgspec.ValidationError as error:
            raise quantd.QuantdError(f"binance-futures: /fapi/v1/fundingRate: a mark price of {self.mark[:SAMPLE]!r}: {error}") from None
        return quantd.FundingRate(symbol, self.ts, self.rate, mark)


async def server_time(gateway: Gateway) -> int:
    """Return the exchange time, ms UTC."""
    return (await gateway.get("/fapi/v1/time", {}, 1, ServerTime)).server_time


async def newest(gateway: Gateway, symbol: str) -> tuple[int, int] | None:
    """Return the id and ts of a symbol's newest trade; None if there was never one. The request has priority over all others."""
    page = await gateway.get("/fapi/v1/aggTrades", {"symbol": symbol, "limit": 1}, TRADES_WEIGHT, list[PastTrade], rank="urgent")
    return max(((trade.id, trade.ts) for trade in page), default=None)


async def listings(gateway: Gateway) -> list[Listing]:
    """Return the listings of all contracts that trade now, including those whose market is closed."""
    info = await gateway.get("/fapi/v1/exchangeInfo", {}, 1, ExchangeInfo)
    return [listing for listing in info.symbols if listing.status == "TRADING"]


def markets(listed: Iterable[Listing]) -> dict[str, str]:
    """Return the markets, by symbol, of the contracts that trade in sessions."""
    return {each.symbol: each.market for each in listed if each.contract == IN_SESSIONS and each.market}


async def ticks(gateway: Gateway, clock: quantd.Clock, symbol: str, start: int, end: int, now: int | None = None) -> list[quantd.Tick]:
    """Return the trades of start <= ts < end by id, as far back as the exchange serves them (48 h). `now` is the exchange time, ms UTC, if
    it is known. Trades that are made meanwhile may be left out."""
    if now is None:
        now = await server_time(gateway)
    first, whole_until = await _first_page(gateway, symbol, max(start, now - HORIZON), min(end, now + HOUR))
    found = {trade.id: trade for trade in first}
    if first and not (whole_until > now + UNORDERED and _contiguous_end(first) > first[-1].id):
        async for page in _pages(gateway, symbol, _contiguous_end(first)):
            found |= {trade.id: trade for trade in page}
            if page[-1].ts >= end + UNORDERED:
                break
    recv = clock.now()
    inside = (found[number] for number in sorted(found) if start <= found[number].ts < end)
    return [quantd.Tick(symbol, each.id, each.ts, recv, each.price, each.qty, each.buyer_maker) for each in inside]


async def of_ids(gateway: Gateway, clock: quantd.Clock, symbol: str, first: int, last: int) -> list[quantd.Tick]:
    """Return the trades of first <= id <= last, at most a page, that the exchange still serves: for ids older than 48 h it may return
    later ones.
    """
    page = await _trades(gateway, {"symbol": symbol, "fromId": first, "limit": min(last - first + 1, TRADES_A_PAGE)})
    found = {trade.id: trade for trade in page if first <= trade.id <= last}
    recv = clock.now()
    return [quantd.Tick(symbol, each.id, each.ts, recv, each.price, each.qty, each.buyer_maker) for each in found.values()]


async def bars(gateway: Gateway, symbol: str, every: str, start: int, end: int, now: int | None = None) -> list[quantd.Bar]:
    """Return the closed bars that open in start <= ts < end; none for a timeframe that the exchange does not keep. `now` is the exchange
    time, ms UTC, if it is known; it must not be ahead of it."""
    if every not in INTERVALS:
        return []
    step = quantd.timeframe(every).step
    if now is None:
        now = await server_time(gateway)
    found: list[quantd.Bar] = []
    while start < min(end, now):
        limit = min(BARS_A_PAGE, (end - 1 - start) // step + 1)
        rows = await _klines(gateway, {"symbol": symbol, "interval": every, "startTime": start, "endTime": end - 1, "limit": limit})
        rows = [row for row in rows if start <= row.ts < end]
        if not rows:
            break
        found += [row.bar(symbol, every) for row in rows if row.last_ms < now]
        start = rows[-1].ts + step
    return found


async def funding(gateway: Gateway, symbol: str, start: int, end: int) -> list[quantd.FundingRate]:
    """Return the funding paid in start <= ts < end."""
    found: list[quantd.FundingRate] = []
    while start < end:
        params: Params = {"symbol": symbol, "startTime": start, "endTime": end - 1, "limit": FUNDING_A_PAGE}
        page = await gateway.get("/fapi/v1/fundingRate", params, FUNDING_WEIGHT, list[PastFunding])
        rows = [row.noun(symbol) for row in page if start <= row.ts < end]
        if not rows:
            break
        found += rows
        start = max(row.ts for row in rows) + 1
        if len(page) < FUNDING_A_PAGE:
            break
    return found


async def _klines(gateway: Gateway, params: dict[str, str | int]) -> list[Kline]:
    limit = int(params["limit"])
    weight = next(weight for most, weight in BARS_WEIGHTS if limit <= most)
    return await gateway.get("/fapi/v1/klines", params, weight, list[Kline], rank="bulk")


async def _first_page(gateway: Gateway, symbol: str, start: int, end: int) -> tuple[list[PastTrade], int]:
    """Return the first trades of start <= ts < end, and the time (ms) until which none is left out because a page is full. A request by
    time may span an hour at most.

    Beyond its horizon the exchange returns other trades than those requested: they are left out.
    """
    for since in range(start, end, HOUR):
        last = min(since + HOUR, end) - 1
        page = await _trades(gateway, {"symbol": symbol, "startTime": since, "endTime": last, "limit": TRADES_A_PAGE}, "bulk")
        inside = [trade for trade in page if since <= trade.ts <= last]
        if inside:
            return inside, last + 1 if len(page) < TRADES_A_PAGE else 0
    return [], 0


async def _pages(gateway: Gateway, symbol: str, first_id: int) -> AsyncIterator[list[PastTrade]]:
    """Yield all trades from an id on, a page at a time."""
    while page := await _trades(gateway, {"symbol": symbol, "fromId": first_id, "limit": TRADES_A_PAGE}, "bulk"):
        if page[-1].id < first_id:
            raise quantd.QuantdError(f"binance-futures: /fapi/v1/aggTrades: asked for {symbol} from id {first_id}, got up to {page[-1].id}")
        yield page
        if len(page) < TRADES_A_PAGE:  # these are the newest: more requests would follow the live trades, a page for each few of them
            return
        first_id = page[-1].id + 1


async def _trades(gateway: Gateway, params: Params, rank: Rank = "usual") -> list[PastTrade]:
    page = await gateway.get("/fapi/v1/aggTrades", params, TRADES_WEIGHT, list[PastTrade], rank=rank)
    return sorted(page, key=lambda trade: trade.id)


def _contiguous_end(page: list[PastTrade]) -> int:
    """Return the first missing id: ids and times are not quite in the same order, so a request by time may leave some out."""
    number = page[0].id
    for trade in page:
        if trade.id != number:
            break
        number += 1
    return number
