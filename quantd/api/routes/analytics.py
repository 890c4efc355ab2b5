"""Routes for hedge ratio, spread, z-score, correlation and ADF test of any pair, and for the now-casts of the configured pairs."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from quantd.api.context import asker, services
from quantd.api.routes import checks
from quantd.api.schema import figures, requests
from quantd.api.schema.contract import Column
from quantd.api.schema.wire import encode
from quantd.api.server.kept import KEPT, Body, encoded, send
from quantd.services.analytics import Analysis

SIGNIFICANT = 0.05
"""p-value below which a spread counts as stationary."""


async def analysis_of(request: web.Request, asked: checks.PairRequest) -> Analysis:
    """Analyse a pair; the first request for it waits for its history."""
    who = asker(request)
    await services(request).symbols.warm_up([asked.question.y, asked.question.x])
    return await services(request).analytics.analyse(asked.question, who)


def answers(
    shape: str, tell: Callable[[str, Analysis], Any], doc: str
) -> Callable[[web.Request, requests.PairQuery], Awaitable[web.Response]]:
    """Make the handler that tells of an analysis, given the pair as the caller wrote it. `shape` names what it tells, and `doc` describes
    it to callers."""

    async def handler(request: web.Request, asked: requests.PairQuery) -> web.Response:
        who, kept = asker(request), request.app[KEPT]
        symbols, analytics, supported = services(request).symbols, services(request).analytics, services(request).symbols.supported()
        wanted = kept.reading(("pair", asked), supported, lambda: checks.pair(services(request), asked))
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

    handler.__doc__ = doc
    return handler


def _adf(text: str, analysis: Analysis) -> figures.AdfVerdict:
    """Return the ADF test of the spread."""
    test = figures.adf(analysis)
    stationary = test.pvalue < SIGNIFICANT
    words = "Spread is stationary (mean-reverting)" if stationary else "Spread is non-stationary"
    return figures.AdfVerdict(test.stat, test.pvalue, stationary, words, test.n, test.reason)


def _one(column: Column) -> Callable[[str, Analysis], dict[str, list[figures.Value]]]:
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


pair = answers("pair", figures.pair, "Return all series of a pair over the same bars, and the tests of its spread.")
adf = answers("adf", _adf, "Return the ADF test of a pair's spread.")
hedge_ratio = answers("hedge_ratio", _one("hedge_ratio"), "Return the hedge ratios of a pair.")
spread = answers("spread", _one("spread"), "Return the spreads of a pair.")
zscore = answers("zscore", _one("zscore"), "Return the z-scores of a pair.")
correlation = answers("correlation", _one("correlation"), "Return the correlations of a pair's prices.")
