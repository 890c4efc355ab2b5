"""Is it there, and is it well."""

from typing import Any

import msgspec
from aiohttp import web

from quantd.api import wire
from quantd.api.context import Render, desk
from quantd.api.errors import Failure, answer
from quantd.api.page import page, wants_page
from quantd.services.desk import Desk, FeedState, SymbolQuality
from quantd.times import iso

_TIMES = ("start", "end", "opened")
"""Of a gap."""


async def root(request: web.Request) -> web.Response:
    """The page for a browser, the banner for everybody else."""
    if wants_page(request):
        return page()
    response = answer(wire.Banner())
    response.headers["Vary"] = "Accept"
    return response


async def health(request: web.Request) -> web.Response:
    """Streams, buffers, alerts and feeds in one look."""
    flow = desk(request)
    feeds = [wire.feed(each) for each in flow.feeds()]
    fired = wire.firings(flow.fired())
    reasons = [wire.Reason(each.what, each.name, each.text, iso(each.since)) for each in flow.troubles()]
    return answer(wire.Health(flow.flowing(), buffer_stats(flow), len(flow.rules()), len(fired), feeds, status(flow), reasons))


def status(flow: Desk) -> wire.Status:
    """In one word, how the daemon fares."""
    feeds = flow.feeds()
    if feeds and all(feed.state in ("starting", "down") for feed in feeds):
        return "down"
    return "degraded" if flow.troubles() else "healthy"


async def quality(request: web.Request) -> web.Response:
    """What is known of each symbol's trades, and what is missing."""
    now = desk(request).now()
    return answer([_quality(each, now) for each in desk(request).quality()])


def _quality(known: SymbolQuality, now: int) -> dict[str, Any]:
    row = msgspec.structs.asdict(known)
    last = known.last_tick
    gaps = [msgspec.structs.asdict(gap) | {name: iso(getattr(gap, name)) for name in _TIMES} for gap in known.gaps]
    return row | {"last_tick": None if last is None else iso(last), "age_ms": None if last is None else now - last, "gaps": gaps}


async def live(request: web.Request) -> web.Response:
    """Whoever answers is alive."""
    return answer(wire.State("live"))


async def ready(request: web.Request) -> web.Response:
    """Whether every feed runs and its symbols have their past; 503 names those that do not."""
    waiting = [_unready(feed) for feed in desk(request).feeds() if feed.state != "live"]
    if waiting:
        raise Failure(503, f"Not ready: {', '.join(waiting)}")
    return answer(wire.State("ready"))


def _unready(feed: FeedState) -> str:
    return f"{feed.name} is {feed.state}" + (f" {feed.warm}/{feed.symbols}" if feed.state == "warming" else "")


def buffer_stats(flow: Desk) -> wire.BufferStats:
    """The ring in numbers."""
    counts = flow.tick_counts()
    return wire.BufferStats(list(counts), sum(counts.values()), len(counts), counts)


def metrics(render: Render) -> web.RouteDef:
    """The route on which Prometheus asks."""

    async def handler(request: web.Request) -> web.Response:
        body, content_type = render()
        return web.Response(body=body, headers={"Content-Type": content_type})

    return web.get("/metrics", handler)


ROUTES = [
    web.get("/", root),
    web.get("/health", health),
    web.get("/quality", quality),
    web.get("/live", live),
    web.get("/ready", ready),
]
