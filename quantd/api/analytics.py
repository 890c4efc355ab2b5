"""Routes for hedge ratio, spread, z-score, correlation and ADF test of any pair, and for the now-casts of the configured pairs."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from msgspec import Raw

from quantd.api import checks, figures, requests
from quantd.api.context import asker, services
from quantd.api.contract import Column
from quantd.api.kept import KEPT, Body, encoded, send
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
        who, kept, asked = asker(request), request.app[KEPT], services(request)
        symbols, analytics, supported = asked.symbols, asked.analytics, asked.symbols.supported()
        address = "pair", request.rel_url.raw_query_string
        wanted = kept.reading(address, supported, lambda: checks.pair(asked, query(request, requests.PairQuery)))
        legs, question = (wanted.question.y, wanted.question.x), (shape, wanted.text, wanted.question)

        def find() -> Body | None:
            good = symbols.is_warm(legs) and symbols.supported() == supported
            return kept.find(question, analytics.version(wanted.question)) if good else None

        await symbols.warm_up(legs)
        version = analytics.version(wanted.question)
        if version is None:
            await analytics.prepare(wanted.question, who)
            version = analytics.version(wanted.question)
        body = kept.find(question, version)
        if body is None:
            analysis = await analytics.analyse(wanted.question, who)
            body = await encoded(request, question, version, len(analysis.points), lambda: tell(wanted.text, analysis))
        return send(request, body, find)

    return handler


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

    def find() -> Body | None:
        return kept.find("pairs", analytics.pairs_version())

    body = find()
    if body is None:
        version = analytics.pairs_version()
        body = kept.keep("pairs", version, encode([figures.nowcast(status) for status in analytics.pairs()]))
    return send(request, body, find)


ROUTES = [
    web.get("/analytics/pair", answers("pair", figures.pair)),
    web.get("/analytics/adf", answers("adf", _adf)),
    web.get("/analytics/hedge-ratio", answers("hedge_ratio", _one("hedge_ratio"))),
    web.get("/analytics/spread", answers("spread", _one("spread"))),
    web.get("/analytics/zscore", answers("zscore", _one("zscore"))),
    web.get("/analytics/correlation", answers("correlation", _one("correlation"))),
    web.get("/pairs", nowcasts),
]
