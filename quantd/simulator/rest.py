"""The REST service: routes, weights, headers and errors of `/fapi`."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from email.utils import formatdate

from aiohttp import web
from aiohttp.typedefs import Handler

from quantd.simulator.book_rest import BookRest
from quantd.simulator.exchange import Exchange
from quantd.simulator.faults.active import ActiveFaults
from quantd.simulator.faults.market import SHIFT
from quantd.simulator.faults.middleware import fault_middleware
from quantd.simulator.info import exchange_info
from quantd.simulator.kline_rest import KlineRest
from quantd.simulator.listing import HOUR_MS, Listing
from quantd.simulator.price_rest import PriceRest
from quantd.simulator.query import JSON, Query, RestError
from quantd.simulator.rate_limits import RateLimits
from quantd.simulator.sessions import trading_schedule
from quantd.simulator.trades import Trade

Endpoint = Callable[[Query], Awaitable[str]]
BEGAN = "began"
AGG_TRADES_WEIGHT, AGG_TRADES_LIMIT, AGG_TRADES_MOST = 20, 500, 1000
SCHEDULE_WEIGHT = 5
ONE_TICKER_WEIGHT, ALL_TICKERS_WEIGHT = 1, 40
VERSIONS = {"ticker/price": ("v1", "v2")}


class Rest:
    """The endpoints of `/fapi`. `answers` counts the answers by path and status."""

    def __init__(self, exchange: Exchange, rate_limits: RateLimits, faults: ActiveFaults) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()
        self._exchange = exchange
        self._rate_limits = rate_limits
        self._faults = faults

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._clocked, fault_middleware(self._faults, "rest")])
        app.on_response_prepare.append(self._dress)
        endpoints: dict[str, tuple[Endpoint, Callable[[Query], int]]] = {
            "ping": (self._ping, _one),
            "time": (self._time, _one),
            "exchangeInfo": (self._info, _one),
            "tradingSchedule": (self._schedule, lambda _: SCHEDULE_WEIGHT),
            "aggTrades": (self._agg_trades, lambda _: AGG_TRADES_WEIGHT),
            "ticker/24hr": (self._ticker, _ticker_weight),
        }
        for more in (BookRest(self._exchange, self._listing), KlineRest(self._listing), PriceRest(self._exchange, self._listing)):
            endpoints |= more.endpoints()
        for path, (endpoint, weight) in endpoints.items():
            for version in VERSIONS.get(path, ("v1",)):
                app.router.add_get(f"/fapi/{version}/{path}", self._handler(endpoint, weight))
        return app

    def _handler(self, endpoint: Endpoint, weight: Callable[[Query], int]) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            query = Query(request.query)
            try:
                self._rate_limits.charge(request.remote or "", weight(query))
                return web.Response(body=(await endpoint(query)).encode(), headers={"Content-Type": JSON})
            except RestError as error:
                return error.response()

        return handle

    @web.middleware
    async def _clocked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        request[BEGAN] = self._exchange.clock.now_ms()
        return await handler(request)

    async def _dress(self, request: web.Request, response: web.StreamResponse) -> None:
        """Set the headers of every answer, including those of faults and of unknown paths."""
        now = self._exchange.clock.now_ms()
        response.headers["X-MBX-USED-WEIGHT-1M"] = str(self._rate_limits.used(request.remote or ""))
        response.headers["Date"] = formatdate((now + request.get(SHIFT, 0)) / 1000, usegmt=True)
        response.headers["x-response-time"] = f"{now - request.get(BEGAN, now)}ms"
        self.answers[request.path, response.status] += 1

    async def _ping(self, _: Query) -> str:
        return "{}"

    async def _time(self, _: Query) -> str:
        return f'{{"serverTime":{self._exchange.clock.now_ms()}}}'

    async def _info(self, _: Query) -> str:
        return exchange_info(self._exchange)

    async def _schedule(self, _: Query) -> str:
        return trading_schedule((each.sessions for each in self._exchange.listings.values()), self._exchange.clock.now_ms())

    async def _agg_trades(self, query: Query) -> str:
        listing = self._listing(query)
        first_id, limit = query.integer("fromId"), query.limit(AGG_TRADES_LIMIT, AGG_TRADES_MOST)
        start, end = query.times()
        if first_id is not None and (start is not None or end is not None):
            await asyncio.sleep(self._exchange.scenario.limits.backend_timeout_s)
            raise RestError(-1007, "Timeout waiting for response from backend server.", 408)
        if start is not None and end is not None and end - start >= HOUR_MS:
            raise RestError(-1127, "More than 1 hours between startTime and endTime.")
        trades = await asyncio.to_thread(_select, listing, first_id, start, end, limit)
        return _array(map(listing.wire.agg_trade_row, trades))

    async def _ticker(self, query: Query) -> str:
        if query.has("symbol"):
            return await self._ticker_row(self._listing(query))
        return _array([await self._ticker_row(listing) for listing in self._exchange.listings.values()])

    async def _ticker_row(self, listing: Listing) -> str:
        day = await listing.rolling_day()
        return listing.wire.ticker_row(day, self._exchange.clock.now_ms())

    def _listing(self, query: Query, name: str = "symbol") -> Listing:
        listing = self._exchange.listings.get(query.text(name))
        if listing is None or not listing.status:
            raise RestError(-1121, "Invalid symbol.")
        return listing


def _select(listing: Listing, first_id: int | None, start: int | None, end: int | None, limit: int) -> list[Trade]:
    if first_id is not None:
        return listing.from_id(first_id, limit)
    return listing.newest(end, limit) if start is None else listing.since(start, end, limit)


def _one(_: Query) -> int:
    return 1


def _ticker_weight(query: Query) -> int:
    return ONE_TICKER_WEIGHT if query.has("symbol") else ALL_TICKERS_WEIGHT


def _array(rows: Iterable[str]) -> str:
    return f"[{','.join(rows)}]"
