"""Routes for health, data quality and probes."""

from aiohttp import web

from quantd.api.context import METRICS, services
from quantd.api.routes.page import page, wants_page
from quantd.api.schema import status, wire
from quantd.api.server.errors import Failure, answer


async def root(request: web.Request) -> web.Response:
    """Return the page for a browser, and the banner for other clients."""
    if wants_page(request):
        return page()
    response = answer(wire.Banner())
    response.headers["Vary"] = "Accept"
    return response


async def health(request: web.Request) -> web.Response:
    """Return an overview of streams, buffers, alerts and feeds."""
    return answer(status.health(services(request)))


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


async def metrics(request: web.Request) -> web.Response:
    """Return the metrics in the text format of Prometheus."""
    text, content_type = request.app[METRICS]()
    return web.Response(body=text, headers={"Content-Type": content_type})
