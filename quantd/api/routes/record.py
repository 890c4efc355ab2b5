"""Routes for recorded rows, by the page."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiohttp import web

from quantd.api.context import asker, respond, services
from quantd.api.schema import requests, tables
from quantd.api.server.errors import Failure
from quantd.api.server.paging import cut, onward
from quantd.api.server.params import moment
from quantd.columns.bars import BarColumns
from quantd.columns.point_series import PointSeries
from quantd.columns.ticks import TickRun
from quantd.services.record import NotRecorded, Page, Want
from quantd.timeframes import timeframe
from quantd.times import FOR_EVER, iso

Rows = TypeVar("Rows", BarColumns, PointSeries, TickRun)
_TYPES = {"json": "application/json", "ndjson": "application/x-ndjson", "csv": "text/csv"}


async def bars(request: web.Request, asked: requests.SeriesQuery) -> web.Response:
    """Return closed bars of a symbol, ascending."""
    symbol, record = request.match_info["symbol"].upper(), services(request).record
    page = await _existing(record.bars(symbol, _every(asked), _want(asked), asker(request)))
    last = int(page.rows.ts[-1]) if page.more else None
    return await _sent(request, asked, len(page.rows), lambda: tables.of_bars(page.rows), _behind(last))


async def points(request: web.Request, asked: requests.SeriesQuery) -> web.Response:
    """Return points of a pair, ascending."""
    pair, record = request.match_info["pair"].upper(), services(request).record
    page = await _existing(record.points(pair, _every(asked), _want(asked), asker(request)))
    last = int(page.rows.ts[-1]) if page.more else None
    return await _sent(request, asked, len(page.rows), lambda: tables.of_points(page.rows), _behind(last))


async def ticks(request: web.Request, asked: requests.TradesQuery) -> web.Response:
    """Return trades of a symbol, by id."""
    symbol, record = request.match_info["symbol"].upper(), services(request).record
    page = await _existing(record.ticks(symbol, _want(asked), asked.from_id, asker(request)))
    place = ("from_id", page.rows[-1].id + 1) if page.more else None
    return await _sent(request, asked, len(page.rows), lambda: tables.of_ticks(page.rows), place)


Place = tuple[str, int | str] | None
"""The parameter that asks for the next page, and its value; None after the last one."""


def _behind(last: int | None) -> Place:
    return None if last is None else ("since", iso(last + 1))


async def _existing(reading: Awaitable[Page[Rows]]) -> Page[Rows]:
    try:
        return await reading
    except NotRecorded as error:
        raise Failure(404, str(error)) from None


def _want(asked: requests.PageQuery) -> Want:
    since, until = moment("since", asked.since), moment("until", asked.until)
    return Want(asked.limit, since or 0, FOR_EVER if until is None else until)


def _every(asked: requests.SeriesQuery) -> str:
    """Return the name of a timeframe, or the label of event bars."""
    try:
        return timeframe(asked.every).name
    except ValueError:
        return asked.every


async def _sent(
    request: web.Request, asked: requests.PageQuery, count: int, table: Callable[[], tables.Table], place: Place
) -> web.Response:
    headers = cut(onward(request, place[0]), place[1]) if place else {}

    def response() -> web.Response:
        body = tables.text(table(), asked.format)
        return web.Response(
            body=body, headers=headers, content_type=_TYPES[asked.format], charset="utf-8" if asked.format == "csv" else None
        )

    return await respond(request, count, response)
