"""Routes for hedge ratio, spread, z-score, correlation and ADF test of any pair, and for the now-casts of the configured pairs."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from quantd.api import checks, figures, requests
from quantd.api.context import asker, respond, services
from quantd.api.contract import Column
from quantd.api.errors import answer
from quantd.api.params import query
from quantd.services.analytics import Analysis

SIGNIFICANT = 0.05
"""p-value below which a spread counts as stationary."""


async def analysis_of(request: web.Request, asked: checks.PairRequest) -> Analysis:
    """Analyse a pair; the first request for it waits for its history."""
    who = asker(request)
    await services(request).symbols.warm_up([asked.question.y, asked.question.x])
    return await services(request).analytics.analyse(asked.question, who)


async def analysed(request: web.Request) -> tuple[checks.PairRequest, Analysis]:
    """Read the query and analyse the pair."""
    asked = checks.pair(services(request), query(request, requests.PairQuery))
    return asked, await analysis_of(request, asked)


async def pair(request: web.Request) -> web.Response:
    """Return all series over the same bars."""
    asked, analysis = await analysed(request)
    return await respond(request, len(analysis.points), lambda: answer(figures.pair(asked.text, analysis)))


async def adf(request: web.Request) -> web.Response:
    """Return the ADF test of the spread."""
    test = figures.adf((await analysed(request))[1])
    stationary = test.pvalue < SIGNIFICANT
    words = "Spread is stationary (mean-reverting)" if stationary else "Spread is non-stationary"
    return answer(figures.AdfVerdict(test.stat, test.pvalue, stationary, words, test.n, test.reason))


def one(column: Column) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Make the handler that returns one series."""

    async def handler(request: web.Request) -> web.Response:
        _, analysis = await analysed(request)
        return await respond(request, len(analysis.points), lambda: answer({column: figures.series(analysis.points, column)}))

    return handler


async def nowcasts(request: web.Request) -> web.Response:
    """Return the now-cast of every configured pair at each of its timeframes."""
    return answer([figures.nowcast(status) for status in services(request).analytics.pairs()])


ROUTES = [
    web.get("/analytics/pair", pair),
    web.get("/analytics/adf", adf),
    web.get("/analytics/hedge-ratio", one("hedge_ratio")),
    web.get("/analytics/spread", one("spread")),
    web.get("/analytics/zscore", one("zscore")),
    web.get("/analytics/correlation", one("correlation")),
    web.get("/pairs", nowcasts),
]
