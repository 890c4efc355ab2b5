"""Routes for CSV downloads."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from itertools import chain
from urllib.parse import quote

from aiohttp import web

from quantd.api.context import asker, respond, services
from quantd.api.routes import checks
from quantd.api.routes.analytics import SIGNIFICANT, analysis_of
from quantd.api.routes.data import MOST_BARS, span
from quantd.api.schema import contract, figures, requests, wire
from quantd.api.server.errors import Failure
from quantd.api.server.paging import before, cut, onward
from quantd.model import PairPoint
from quantd.services.analytics import Analysis, Question
from quantd.times import iso

Row = Sequence[str | float | None]


async def analytics(request: web.Request, raw: requests.ExportQuery) -> web.Response:
    """Download the points of a pair, a row each, and the ADF test of its spread."""
    if raw.format.lower() != "csv":
        raise Failure(400, "Only CSV format is currently supported")
    asked = checks.pair(services(request), raw)
    analysis = await analysis_of(request, asked)
    return await respond(request, len(analysis.points), lambda: _points(request, asked, analysis))


def _points(request: web.Request, asked: checks.PairRequest, analysis: Analysis) -> web.Response:
    rows = [row for row in map(_row, analysis.points) if row[1:].count(None) < len(contract.COLUMNS)]
    return _csv(
        request, f"{_pair_name(asked.question)}_{asked.question.every}", [contract.CSV_HEADER, *rows], _footer(figures.adf(analysis))
    )


def _row(point: PairPoint) -> tuple[str | float | None, ...]:
    return iso(point.ts), *(contract.column(point, name) for name in contract.COLUMNS)


def _footer(test: figures.Adf) -> list[Row]:
    verdict = "Stationary (mean-reverting)" if test.pvalue < SIGNIFICANT else "Non-stationary"
    return [(), ("ADF Test Results",), ("P-value", test.pvalue), ("Test Statistic", test.stat), ("Interpretation", verdict)]


async def ohlcv(request: web.Request, asked: requests.OhlcvQuery) -> web.Response:
    """Download the bars of a symbol, a row each."""
    symbol, tf, who = checks.symbol(services(request).symbols, asked.symbol), checks.every(asked.tf), asker(request)
    (since, end), limit = span(asked), min(asked.limit or MOST_BARS, MOST_BARS)
    await services(request).symbols.warm_up([symbol])
    bars = await services(request).market.bars(symbol, tf, since, end, limit + 1, who)
    rows = [(iso(bar.ts), bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in wire.drawable(bars[-limit:])]
    response = _csv(request, f"{symbol}_{tf}_ohlcv", [("timestamp", "open", "high", "low", "close", "volume"), *rows])
    response.headers.update(cut(onward(request, "to"), before(bars, limit)))
    return response


def _csv(request: web.Request, name: str, rows: Sequence[Row], footer: Iterable[Row] = ()) -> web.Response:
    """Return a download named after `name` and the time. Raises Failure (404) if there are no rows."""
    if len(rows) == 1:
        raise Failure(404, "No data available for export")
    date, time = re.sub(r"[-:]", "", iso(services(request).status.now())[:19]).split("T")
    return downloaded(f"{name}_{date}_{time}.csv", chain(rows, footer))


def downloaded(name: str, rows: Iterable[Row]) -> web.Response:
    """Return a CSV file of this name."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    headers = {"Content-Disposition": disposition(name)}
    return web.Response(text=text.getvalue(), content_type="text/csv", charset="utf-8", headers=headers)


def _pair_name(asked: Question) -> str:
    """Return `Y_X` as in the contract, or `Y-X` if a symbol contains `_`, as a quarterly future does: no symbol contains `-`."""
    return f"{asked.y}-{asked.x}" if "_" in asked.y + asked.x else f"{asked.y}_{asked.x}"


def disposition(name: str) -> str:
    """Return the header of a download (RFC 6266): the name for clients that know only ASCII, then the name itself.

    >>> disposition("BTCUSDT_1m.csv")
    "attachment; filename=BTCUSDT_1m.csv; filename*=UTF-8''BTCUSDT_1m.csv"
    """
    plain = re.sub(r"(?a)[^\w.-]", lambda match: f"u{ord(match[0]):06x}", name)
    return f"attachment; filename={plain}; filename*=UTF-8''{quote(name, safe='')}"
