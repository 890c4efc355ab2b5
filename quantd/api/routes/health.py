"""Routes for health, data quality and probes."""

from aiohttp import web

from quantd.api.context import METRICS, services
from quantd.api.routes.page import page, wants_page
from quantd.api.schema import wire
from quantd.api.server.errors import Failure, answer
from quantd.services.market import Market
from quantd.services.status import Status
from quantd.times import iso


async def root(request: web.Request) -> web.Response:
    """Return the page for a browser, and the banner for other clients."""
    if wants_page(request):
        return page()
    response = answer(wire.Banner())
    response.headers["Vary"] = "Accept"
    return response


async def health(request: web.Request) -> web.Response:
    """Return an overview of streams, buffers, alerts and feeds."""
    asked = services(request)
    feeds = [wire.feed(each) for each in asked.status.feeds()]
    rules, fired = asked.alerts.rules(), wire.firings(asked.alerts.fired())
    reasons = [wire.Reason(each.what, each.name, each.text, iso(each.since)) for each in asked.status.troubles()]
    counts = buffer_stats(asked.market), len(rules), len(fired)
    return answer(wire.Health(asked.symbols.flowing(), *counts, feeds, overall(asked.status), reasons))


def overall(status: Status) -> wire.Status:
    """Return the health of the daemon in one word."""
    feeds = status.feeds()
    if feeds and all(feed.state in ("starting", "down") for feed in feeds):
        return "down"
    return "degraded" if status.troubles() else "healthy"


async def quality(request: web.Request) -> web.Response:
    """Return, for each symbol, what is known of its trades and which are missing."""
    now = services(request).status.now()
    return answer([wire.quality(each, now) for each in services(request).status.quality()])


async def live(request: web.Request) -> web.Response:
    """Liveness probe: always succeeds."""
    return answer(wire.State("live"))


async def ready(request: web.Request) -> web.Response:
    """Readiness probe: succeeds if every feed runs and its symbols have their history; 503 names those that do not."""
    waiting = [f"{feed.name} is {feed.progress}" for feed in services(request).status.feeds() if feed.state != "live"]
    if waiting:
        raise Failure(503, f"Not ready: {', '.join(waiting)}")
    return answer(wire.State("ready"))


def buffer_stats(market: Market) -> wire.BufferStats:
    """Return counts of the ticks in memory."""
    counts = market.tick_counts()
    return wire.BufferStats(list(counts), sum(counts.values()), len(counts), counts)


async def metrics(request: web.Request) -> web.Response:
    """Return the metrics in the text format of Prometheus."""
    text, content_type = request.app[METRICS]()
    return web.Response(body=text, headers={"Content-Type": content_type})
