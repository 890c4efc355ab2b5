"""Routes for the recorded rows."""

from collections.abc import Awaitable
from typing import TypeVar

from aiohttp import web

from quantd.api.context import asker, respond, services
from quantd.api.routes import checks
from quantd.api.routes.export import downloaded
from quantd.api.schema import contract, database, requests, wire
from quantd.api.server.errors import Failure, answer
from quantd.errors import StateUnusable
from quantd.model import Bar
from quantd.services.database import TooMany, Unsupported
from quantd.timeframes import HOUR
from quantd.times import iso, parse_time

MOST_BARS = 100_000
_STATUS: dict[type[Exception], int] = {Unsupported: 501, TooMany: 400, StateUnusable: 503}
T = TypeVar("T")


async def stats(request: web.Request) -> web.Response:
    """Return how many trades are recorded, of which time, and the size of the record."""
    return answer(database.stats(await _told(services(request).database.holdings(asker(request)))))


async def ticks(request: web.Request, asked: requests.RecordedQuery) -> web.Response:
    """Return recorded trades, the oldest first."""
    named = request.match_info["symbol"]
    start, end = _range(asked.start_time, asked.end_time)
    found = await _told(services(request).database.ticks(named.upper(), start, end, asked.limit, asker(request)))
    return await respond(request, len(found), lambda: answer(database.trades(named, found)))


async def ohlcv(request: web.Request, asked: requests.RecordedBody) -> web.Response:
    """Return recorded bars."""
    found = await _bars(request, asked)
    return await respond(request, len(found), lambda: answer(database.bars(asked.symbol, asked.timeframe, found)))


async def export(request: web.Request, asked: requests.RecordedBody) -> web.Response:
    """Download recorded bars, a row each."""
    found = wire.drawable(await _bars(request, asked))
    if not found:
        raise Failure(404, "No data available to export")
    name = f"{asked.symbol.upper()}_{asked.timeframe}.csv"
    rows = ((iso(bar.ts), bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in found)
    return await respond(request, len(found), lambda: downloaded(name, [("ts", "open", "high", "low", "close", "volume"), *rows]))


async def _bars(request: web.Request, asked: requests.RecordedBody) -> list[Bar]:
    start, end = _range(asked.start_time, asked.end_time)
    every = checks.every(contract.timeframe(asked.timeframe))
    return await _told(services(request).database.bars(asked.symbol.upper(), every, start, end, MOST_BARS, asker(request)))


async def cleanup(request: web.Request, asked: requests.CleanupQuery) -> web.Response:
    """Delete the rows that are older than some hours."""
    removed = await _told(services(request).database.remove(services(request).status.now() - asked.hours * HOUR))
    return answer(database.Cleaned(removed, asked.hours, f"Deleted {removed} rows older than {asked.hours} hours"))


async def vacuum(request: web.Request) -> web.Response:
    """Give the space of deleted rows back to the system."""
    return answer(database.Compacted(database.megabytes(await _told(services(request).database.compact()))))


async def clear(request: web.Request) -> web.Response:
    """Delete everything that is recorded."""
    await _told(services(request).database.remove(None))
    return answer(wire.Done("All data cleared from database"))


async def _told(work: Awaitable[T]) -> T:
    """Return what the service answers. What it cannot do is a Failure."""
    try:
        return await work
    except tuple(_STATUS) as error:
        raise Failure(_STATUS[type(error)], str(error)) from None


def _range(start: str | None, end: str | None) -> tuple[int | None, int | None]:
    """Return start and exclusive end; the end that is asked for is within the range."""
    until = _moment(end)
    return _moment(start), None if until is None else until + 1


def _moment(text: str | None) -> int | None:
    if not text:
        return None
    try:
        return parse_time(text)
    except ValueError:
        raise Failure(400, f"Invalid timestamp format: {text}") from None
