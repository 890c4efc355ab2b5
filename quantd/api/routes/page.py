"""The page that is served to browsers on `/`."""

from functools import cache
from importlib.resources import files

from aiohttp import web

from quantd.api.server.safety import NO_FRAMES

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self' ws: wss:; img-src data:; "
        "base-uri 'none'; form-action 'none'; " + NO_FRAMES
    ),
    "Vary": "Accept",
}


def wants_page(request: web.Request) -> bool:
    """Return whether the client asks for HTML by name, as browsers do."""
    return "text/html" in request.headers.get("Accept", "")


def page() -> web.Response:
    """Return the page with live prices, z-scores of the pairs, and alerts."""
    return web.Response(text=_html(), content_type="text/html", headers=_HEADERS)


@cache
def _html() -> str:
    return files("quantd.api.routes").joinpath("page.html").read_text("utf-8")
