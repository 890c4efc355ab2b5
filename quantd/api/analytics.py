"""Routes for hedge ratio, spread, z-score, correlation and ADF test of any pair, and for the now-casts of the configured pairs."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from msgspec import Raw

from quantd.api import checks, figures, requests
from quantd.api.context import asker, services
from quantd.api.contract import Column
from quantd.api.kept import KEPT, encoded, send
from quantd.api.params import query
from quantd.api.wire import encode
from quantd.services.analytics import Analysis

SIGNIFICANT = 0.05
"""p-value below which a spread counts as stationary."""


async def analysis_of(request: web.Request, asked: checks.PairRequest) -> Analysis:
    """Analyse a pair; the first request for it waits for its history."""
    who = asker(request)
    await services(request).symbols.warm_up([asked.question.y, asked.question.x])
    return await services(request).analytics.analyse(asked.question, who)


def answers(shape: str, tell: Callable[[str, Analysis], Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Make the handler that tells of an analysis, given the pair as the caller wrote it. `shape` names what it tells."""

    async def handler(request: web.Request) -> web.Response:
        asked, analytics, who = _read(request), services(request).analytics, asker(request)
        await services(request).symbols.warm_up([asked.question.y, asked.question.x])
        question, version = (shape, asked.text, asked.question), analytics.version(asked.question)
        if version is None:
            await analytics.prepare(asked.question, who)
            version = analytics.version(asked.question)
        body = request.app[KEPT].find(question, version)
        if body is None:
            analysis = await analytics.analyse(asked.question, who)
            body = await encoded(request, question, version, len(analysis.points), lambda: tell(asked.text, analysis))
        return send(request, body)

    return handler


def _read(request: web.Request) -> checks.PairRequest:
    asked = services(request)
    return request.app[KEPT].reading(
        ("pair", request.rel_url.raw_query_string),
        asked.symbols.supported(),
        lambda: checks.pair(asked, query(request, requests.PairQuery)),
    )


def _adf(text: str, analysis: Analysis) -> figures.AdfVerdict:
    """Return the ADF test of the spread."""
    test = figures.adf(analysis)
    stationary = test.pvalue < SIGNIFICANT
    words = "Spread is stationary (mean-reverting)" if stationary else "Spread is non-stationary"
    return figures.AdfVerdict(test.stat, test.pvalue, stationary, words, test.n, test.reason)


def _one(column: Column) -> Callable[[str, Analysis], dict[str, Raw]]:
    return lambda text, analysis: {column: figures.series(analysis.points, column)}


async def nowcasts(request: web.Request) -> web.Response:
    """Return the now-cast of every configured pair at each of its timeframes."""
    analytics, kept = services(request).analytics, request.app[KEPT]
    version = analytics.pairs_version()
    body = kept.find("pairs", version)
    if body is None:
        body = kept.keep("pairs", version, encode([figures.nowcast(status) for status in analytics.pairs()]))
    return send(request, body)


ROUTES = [
    web.get("/analytics/pair", answers("pair", figures.pair)),
    web.get("/analytics/adf", answers("adf", _adf)),
    web.get("/analytics/hedge-ratio", answers("hedge_ratio", _one("hedge_ratio"))),
    web.get("/analytics/spread", answers("spread", _one("spread"))),
    web.get("/analytics/zscore", answers("zscore", _one("zscore"))),
    web.get("/analytics/correlation", answers("correlation", _one("correlation"))),
    web.get("/pairs", nowcasts),
]
