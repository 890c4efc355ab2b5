"""Groups the routes for readers of the document: each route has one tag, by the module of its handler."""

from quantd.api.route import Route

TAGS = {
    "health": "Whether the daemon is alive, ready and healthy, the quality of its data, and its metrics.",
    "documents": "Descriptions of this API, for readers and for programs.",
    "data": "Symbols, their bars, trades and books, and a chart of them.",
    "stream": "Which symbols are streamed, and the WebSockets that bring their rows.",
    "analytics": "Figures of pairs: hedge ratio, spread, z-score, correlation, tests, the leg that leads, and backtests.",
    "alerts": "Rules, and the alerts that they have raised.",
    "export": "Downloads as CSV.",
    "record": "Recorded trades, bars and points, by the page.",
    "database": "Recorded rows of a symbol or of all, their number, and their deletion.",
    "access": "Tickets, with which browsers open WebSockets.",
}
"""What each tag is about, in the order of the document."""
_OTHERS = {
    "backtest": "analytics",
    "deliveries": "alerts",
    "explain": "alerts",
    "leadlag": "analytics",
    "openapi": "documents",
    "rules": "alerts",
    "silences": "alerts",
    "sockets": "stream",
    "tickets": "access",
    "visualization": "data",
}
"""The tags of modules that are not named like theirs."""


def tag(route: Route) -> str:
    """Return the tag of a route."""
    subject = route.handler.__module__.rpartition(".")[2]
    return _OTHERS.get(subject, subject)
