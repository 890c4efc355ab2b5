"""Routes for symbols, bars and ticks."""

from aiohttp import web

from quantd.api.context import asker, services
from quantd.api.routes import checks
from quantd.api.schema import requests, rows, wire
from quantd.api.schema.status import buffer_stats
from quantd.api.server.errors import Failure, answer
from quantd.api.server.kept import KEPT, Body, encoded, send
from quantd.api.server.paging import before, cut, onward
from quantd.api.server.params import moment
from quantd.services.symbols import Symbols

BARS = 100
"""Number of bars for a request without `from` and `limit`."""
MOST_BARS = 2_000
TICKS = 1_000


async def symbols(request: web.Request) -> web.Response:
    """List the symbols that the config names."""
    return answer(services(request).symbols.listed())


async def bars(request: web.Request, asked: requests.RangeQuery) -> web.Response:
    """Return the bars with `from` <= ts <= `to`; the last one may be forming."""
    symbols, market, kept, who = services(request).symbols, services(request).market, request.app[KEPT], asker(request)
    named, supported = request.match_info["symbol"], symbols.supported()
    symbol, tf, since, end, limit = kept.reading(("bars", named, asked), supported, lambda: _asked_bars(symbols, named, asked))
    await symbols.warm_up([symbol])
    every = tf if tf in market.event_bars(symbol) else checks.every(tf)
    wanted = symbol, every, since, end, limit + 1
    question = "bars", *wanted

    def find() -> Body | None:
        good = symbols.is_warm([symbol]) and symbols.supported() == supported
        return kept.find(question, market.version(*wanted)) if good and (every == tf or tf not in market.event_bars(symbol)) else None

    version = market.version(*wanted)
    if version is None:
        await market.prepare(*wanted, who)
        version = market.version(*wanted)
    body = kept.find(question, version)
    if body is None:
        found = await market.bars(*wanted, who)
        body = await encoded(request, question, version, len(found), lambda: wire.candles(found[-limit:]), before(found, limit))
    return send(request, body, find, kept.reading(("older", request.rel_url.raw_query_string), None, lambda: onward(request, "to")))


def _asked_bars(symbols: Symbols, named: str, asked: requests.RangeQuery) -> tuple[str, str, int | None, int | None, int]:
    """Return the symbol, the timeframe as it is written, start, exclusive end and number of the bars that a request asks for."""
    since, end = span(asked)
    symbol = checks.symbol(symbols, named)
    limit = asked.limit or (BARS if since is None else MOST_BARS)
    return symbol, asked.tf, since, end, min(limit, MOST_BARS)


async def book(request: web.Request, asked: requests.RangeQuery) -> web.Response:
    """Return the book bars with `from` <= ts <= `to`."""
    since, end = span(asked)
    symbol, every = checks.symbol(services(request).symbols, request.match_info["symbol"]), checks.every(asked.tf)
    await services(request).symbols.warm_up([symbol])
    found = services(request).market.books(symbol, every)
    inside = [bar for bar in found if (since is None or bar.ts >= since) and (end is None or bar.ts < end)]
    limit = min(asked.limit or BARS, MOST_BARS)
    response = answer([rows.book(bar) for bar in inside[-limit:]])
    response.headers.update(cut(onward(request, "to"), before(inside, limit)))
    return response


async def ticks(request: web.Request, asked: requests.TicksQuery) -> web.Response:
    """Return the newest ticks in memory, by id."""
    since, end = span(asked)
    symbol = request.match_info["symbol"].upper()
    if symbol not in services(request).symbols.supported():
        raise Failure(400, f"Symbol {symbol} not supported")
    limit = min(asked.limit or TICKS, services(request).market.tick_capacity())
    await services(request).symbols.warm_up([symbol])
    found = services(request).market.ticks(symbol, since, end, limit + 1, asked.before_id)
    response = answer(wire.trades(found[-limit:]))
    response.headers.update(cut(onward(request, "before_id"), found[-limit].id if len(found) > limit else None))
    return response


def span(asked: requests.RangeQuery | requests.OhlcvQuery | requests.ChartQuery) -> tuple[int | None, int | None]:
    """Return start and exclusive end; `to` itself is within the range."""
    until = moment("to", asked.until)
    return moment("from", asked.since), None if until is None else until + 1


async def stats(request: web.Request, asked: requests.SymbolQuery) -> web.Response:
    """Return the number of ticks in memory."""
    market = services(request).market
    if asked.symbol is None:
        return answer(buffer_stats(market))
    symbol = checks.symbol(services(request).symbols, asked.symbol)
    last = wire.trades(tick for tick in [market.last_tick(symbol)] if tick)
    ts, price = (last[0].ts, last[0].price) if last else (None, None)
    return answer(wire.SymbolStats(symbol, market.tick_counts().get(symbol, 0), market.tick_capacity(), ts, price))


async def clear(request: web.Request, asked: requests.SymbolQuery) -> web.Response:
    """Remove the ticks in memory of one symbol, or of all symbols."""
    symbol = None if asked.symbol is None else checks.symbol(services(request).symbols, asked.symbol)
    services(request).market.clear_ticks(symbol)
    return answer(wire.Done(f"Cleared buffer for {symbol or 'all symbols'}"))
