"""The route for backtests of a pair's z-score over the last bars."""

import msgspec
from aiohttp import web

from quantd.api.context import asker, services
from quantd.api.routes import checks
from quantd.api.schema import requests
from quantd.api.schema.backtest import backtest_answer
from quantd.api.server.errors import Failure, answer
from quantd.api.server.safety import NO_FRAMES
from quantd.backtest import Settings, backtest
from quantd.backtest.report import html
from quantd.config.bounds import demand_reachable, z_range
from quantd.services.analytics import PairPast, Question
from quantd.stats.backtest import Rules

MOST_BARS = 10_000
MOST_FITTED = 1_000_000
"""Maximum number of prices that one request may fit, summed over all windows."""
FORMATS = ("json", "html")
_COST_S = 1e-5
"""Estimated seconds per bar."""
_REPORT_HEADERS = {"Content-Security-Policy": f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; {NO_FRAMES}"}


async def tested(request: web.Request, raw: requests.BacktestQuery) -> web.Response:
    """Backtest the last bars, and return the result as JSON or as a report."""
    asked = checks.pair(services(request), raw)
    form = raw.format.lower()
    if form not in FORMATS:
        raise Failure(400, f"Format {raw.format} not supported. Available: {list(FORMATS)}")
    limit = _affordable(min(raw.limit, MOST_BARS), asked)
    settings = _settings(asked, raw)
    who = asker(request)
    await services(request).symbols.warm_up([asked.question.y, asked.question.x])
    past = await services(request).analytics.past(asked.question, limit, who)
    return await services(request).pool.aside(who, _COST_S * limit, _response, past, settings, limit, form)


def _affordable(limit: int, asked: checks.PairRequest) -> int:
    """Return the limit. Raises Failure if fitting a window at each bar would take minutes, during which nobody else would be answered."""
    window = asked.question.window
    if asked.method.refits and (limit + 2 * window) * window > MOST_FITTED:
        most = MOST_FITTED // window - 2 * window
        offer = f"limit={most}" if most > 0 else "a shorter window"
        raise Failure(
            400, f"{asked.method.name.upper()} over so many windows takes too long for a request: ask for {offer}, or run quantd backtest"
        )
    return limit


def _settings(asked: checks.PairRequest, raw: requests.BacktestQuery) -> Settings:
    question = asked.question
    style = msgspec.structs.asdict(question.style) | {"split": raw.split, "window": question.window, "regression": question.method}
    try:
        return Settings(pair=f"{question.y}-{question.x}", every=question.every, rules=_rules(raw, question), **style)
    except ValueError as error:
        raise Failure(400, f"Rule not supported. {error}") from None


def _rules(raw: requests.BacktestQuery, asked: Question) -> Rules:
    """Return the rules of a query. Raises ValueError."""
    rules = Rules(**{name: getattr(raw, name) for name in Rules.__struct_fields__})
    demand_reachable(rules.entry, rules.stop, z_range(asked.style.zscore, asked.window), before="against=before", hold=rules.hold)
    return rules


def _response(past: PairPast, settings: Settings, limit: int, form: str) -> web.Response:
    start = past.y_bars[-limit].ts if len(past.y_bars) > limit else None
    result = backtest(past.y_bars, past.x_bars, past.points, settings, start, funding=past.funding)
    if form == "html":
        return web.Response(text=html(result), content_type="text/html", headers=_REPORT_HEADERS)
    return answer(backtest_answer(result))
