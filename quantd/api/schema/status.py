"""The health of the daemon, as `GET /health` and the topic `health` tell it."""

from quantd.api.schema import wire
from quantd.services.bundle import Services
from quantd.services.market import Market
from quantd.services.status import Status
from quantd.times import iso


def health(services: Services) -> wire.Health:
    """Return an overview of streams, buffers, alerts and feeds."""
    feeds = [wire.feed(each) for each in services.status.feeds()]
    rules, fired = services.alerts.rules(), wire.firings(services.alerts.fired())
    reasons = [wire.Reason(each.what, each.name, each.text, iso(each.since)) for each in services.status.troubles()]
    counts = buffer_stats(services.market), len(rules), len(fired)
    return wire.Health(services.symbols.flowing(), *counts, feeds, overall(services.status), reasons)


def overall(status: Status) -> wire.Status:
    """Return the health of the daemon in one word."""
    feeds = status.feeds()
    if feeds and all(feed.state in ("starting", "down") for feed in feeds):
        return "down"
    return "degraded" if status.troubles() else "healthy"


def buffer_stats(market: Market) -> wire.BufferStats:
    """Return counts of the ticks in memory."""
    counts = market.tick_counts()
    return wire.BufferStats(list(counts), sum(counts.values()), len(counts), counts)
