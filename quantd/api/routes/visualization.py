"""Routes for charts."""

from aiohttp import web

from quantd.api.context import asker, respond, services
from quantd.api.routes import checks
from quantd.api.routes.data import MOST_BARS
from quantd.api.schema import chart, requests, wire
from quantd.api.server.errors import Failure, answer
from quantd.api.server.params import moment
from quantd.timeframes import timeframe

BARS = 200
"""Number of bars for a request without `from` and `limit`."""
MOST_LINES = 10


async def candles(request: web.Request, asked: requests.ChartQuery) -> web.Response:
    """Return the bars with `from` <= ts <= `to` as a figure of Plotly."""
    symbol = checks.symbol(services(request).symbols, request.match_info["symbol"])
    every, windows, who = checks.every(asked.tf), _windows(asked.ma), asker(request)
    since, until = moment("from", asked.since), moment("to", asked.until)
    limit = asked.limit or (BARS if since is None else MOST_BARS)
    await services(request).symbols.warm_up([symbol])
    found = await services(request).market.bars(symbol, every, since, None if until is None else until + 1, limit, who)
    bars = wire.drawable(found)
    if not bars:
        raise Failure(404, "No OHLCV data available")
    return await respond(request, len(bars), lambda: answer(chart.figure(symbol, timeframe(every), bars, windows)))


def _windows(text: str) -> list[int]:
    """Return the windows of moving averages of a text such as `7,25,99`."""
    named = [each.strip() for each in text.split(",") if each.strip()]
    for each in named:
        if not (each.isascii() and each.removeprefix("-").isdigit() and len(each) < 10):
            raise Failure(400, f"Invalid moving average window: {each!r}")
    windows = list(dict.fromkeys(map(int, named)))
    if any(window < 1 for window in windows):
        raise Failure(400, "Moving average windows must be positive integers")
    if len(windows) > MOST_LINES:
        raise Failure(400, f"Too many moving averages. Maximum: {MOST_LINES}")
    return windows
