"""Routes for symbols, bars and ticks."""

from aiohttp import web

from quantd.api import checks, requests, wire
from quantd.api.context import asker, services
from quantd.api.errors import Failure, answer
from quantd.api.health import buffer_stats
from quantd.api.params import moment, query

BARS = 100
"""Number of bars for a request without `from` and `limit`."""
MOST_BARS = 2_000
TICKS = 1_000


async def symbols(request: web.Request) -> web.Response:
    """List the symbols that the config names."""
    return answer(services(request).symbols.listed())


async def bars(request: web.Request) -> web.Response:
    """Return the bars with `from` <= ts <= `to`; the last one may be forming."""
    asked = query(request, requests.RangeQuery)
    since, end = _range(asked)
    symbol = checks.symbol(services(request).symbols, request.match_info["symbol"])
    limit, who = asked.limit or (BARS if since is None else MOST_BARS), asker(request)
    await services(request).symbols.warm_up([symbol])
    every = asked.tf if asked.tf in services(request).market.event_bars(symbol) else checks.every(asked.tf)
    found = await services(request).market.bars(symbol, every, since, end, min(limit, MOST_BARS), who)
    return answer(wire.candles(found))


async def book(request: web.Request) -> web.Response:
    """Return the book bars with `from` <= ts <= `to`."""
    asked = query(request, requests.RangeQuery)
    since, end = _range(asked)
    symbol, every = checks.symbol(services(request).symbols, request.match_info["symbol"]), checks.every(asked.tf)
    await services(request).symbols.warm_up([symbol])
    found = services(request).market.books(symbol, every)
    inside = [bar for bar in found if (since is None or bar.ts >= since) and (end is None or bar.ts < end)]
    return answer([wire.book(bar) for bar in inside[-min(asked.limit or BARS, MOST_BARS) :]])


async def ticks(request: web.Request) -> web.Response:
    """Return the newest ticks in memory."""
    asked = query(request, requests.RangeQuery)
    since, end = _range(asked)
    symbol = request.match_info["symbol"].upper()
    if symbol not in services(request).symbols.supported():
        raise Failure(400, f"Symbol {symbol} not supported")
    limit = min(asked.limit or TICKS, services(request).market.tick_capacity())
    await services(request).symbols.warm_up([symbol])
    return answer(wire.trades(services(request).market.ticks(symbol, since, end, limit)))


def _range(asked: requests.RangeQuery) -> tuple[int | None, int | None]:
    """Return start and exclusive end; `to` itself is within the range."""
    until = moment("to", asked.until)
    return moment("from", asked.since), None if until is None else until + 1


async def stats(request: web.Request) -> web.Response:
    """Return the number of ticks in memory."""
    asked, market = query(request, requests.SymbolQuery), services(request).market
    if asked.symbol is None:
        return answer(buffer_stats(market))
    symbol = checks.symbol(services(request).symbols, asked.symbol)
    last = wire.trades(tick for tick in [market.last_tick(symbol)] if tick)
    ts, price = (last[0].ts, last[0].price) if last else (None, None)
    return answer(wire.SymbolStats(symbol, market.tick_counts().get(symbol, 0), market.tick_capacity(), ts, price))


async def clear(request: web.Request) -> web.Response:
    """Remove the ticks in memory of one symbol, or of all symbols."""
    asked = query(request, requests.SymbolQuery)
    symbol = None if asked.symbol is None else checks.symbol(services(request).symbols, asked.symbol)
    services(request).market.clear_ticks(symbol)
    return answer(wire.Done(f"Cleared buffer for {symbol or 'all symbols'}"))


ROUTES = [
    web.get("/symbols", symbols),
    web.get("/data/stats", stats),
    web.post("/data/clear", clear),
    web.get("/data/{symbol}", bars),
    web.get("/data/{symbol}/ticks", ticks),
    web.get("/data/{symbol}/book", book),
]
