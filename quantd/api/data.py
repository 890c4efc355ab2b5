"""Symbols, bars and ticks."""

from aiohttp import web

from quantd.api import checks, requests, wire
from quantd.api.context import asker, desk
from quantd.api.errors import Failure, answer
from quantd.api.health import buffer_stats
from quantd.api.params import moment, query

BARS = 100
"""Bars of a request that gives neither `from` nor `limit`."""
MOST_BARS = 2_000
TICKS = 1_000


async def symbols(request: web.Request) -> web.Response:
    """The symbols that the config names."""
    return answer(desk(request).listed())


async def bars(request: web.Request) -> web.Response:
    """Bars of `from` <= ts <= `to`, the last one forming."""
    asked = query(request, requests.RangeQuery)
    since, end = _range(asked)
    symbol = checks.symbol(desk(request), request.match_info["symbol"])
    limit, who = asked.limit or (BARS if since is None else MOST_BARS), asker(request)
    await desk(request).warm_up([symbol])
    every = asked.tf if asked.tf in desk(request).event_bars(symbol) else checks.every(asked.tf)
    found = await desk(request).bars(symbol, every, since, end, min(limit, MOST_BARS), who)
    return answer(wire.candles(found))


async def book(request: web.Request) -> web.Response:
    """Book bars of `from` <= ts <= `to`."""
    asked = query(request, requests.RangeQuery)
    since, end = _range(asked)
    symbol, every = checks.symbol(desk(request), request.match_info["symbol"]), checks.every(asked.tf)
    await desk(request).warm_up([symbol])
    found = desk(request).books(symbol, every)
    inside = [bar for bar in found if (since is None or bar.ts >= since) and (end is None or bar.ts < end)]
    return answer([wire.book(bar) for bar in inside[-min(asked.limit or BARS, MOST_BARS) :]])


async def ticks(request: web.Request) -> web.Response:
    """The newest ticks at hand."""
    asked = query(request, requests.RangeQuery)
    since, end = _range(asked)
    symbol = request.match_info["symbol"].upper()
    if symbol not in desk(request).supported():
        raise Failure(400, f"Symbol {symbol} not supported")
    limit = min(asked.limit or TICKS, desk(request).ring_size())
    await desk(request).warm_up([symbol])
    return answer(wire.trades(desk(request).ticks(symbol, since, end, limit)))


def _range(asked: requests.RangeQuery) -> tuple[int | None, int | None]:
    """Start and exclusive end: `to` itself is in the range."""
    until = moment("to", asked.until)
    return moment("from", asked.since), None if until is None else until + 1


async def stats(request: web.Request) -> web.Response:
    """How many ticks are at hand."""
    asked, flow = query(request, requests.SymbolQuery), desk(request)
    if asked.symbol is None:
        return answer(buffer_stats(flow))
    symbol = checks.symbol(flow, asked.symbol)
    last = wire.trades(tick for tick in [flow.last_tick(symbol)] if tick)
    ts, price = (last[0].ts, last[0].price) if last else (None, None)
    return answer(wire.SymbolStats(symbol, flow.tick_counts().get(symbol, 0), flow.ring_size(), ts, price))


async def clear(request: web.Request) -> web.Response:
    """Empty the ring of one symbol, or of all."""
    asked, flow = query(request, requests.SymbolQuery), desk(request)
    symbol = None if asked.symbol is None else checks.symbol(flow, asked.symbol)
    flow.clear(symbol)
    return answer(wire.Done(f"Cleared buffer for {symbol or 'all symbols'}"))


ROUTES = [
    web.get("/symbols", symbols),
    web.get("/data/stats", stats),
    web.post("/data/clear", clear),
    web.get("/data/{symbol}", bars),
    web.get("/data/{symbol}/ticks", ticks),
    web.get("/data/{symbol}/book", book),
]
