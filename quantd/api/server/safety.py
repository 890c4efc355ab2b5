"""The headers that every answer has, by which a browser makes no more of it than it is."""

from aiohttp import web

NO_FRAMES = "frame-ancestors 'none'"
"""Part of the `Content-Security-Policy` of every answer: no page may show it in a frame."""
HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; {NO_FRAMES}",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Server": "quantd",
    "X-Content-Type-Options": "nosniff",
}
"""Requests by CORS, like those of the frontend, are not affected by `Cross-Origin-Resource-Policy`. A page sets its own
`Content-Security-Policy`."""


def secured(response: web.StreamResponse) -> web.StreamResponse:
    """Add these headers to a response, unless it has them."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


async def secure(request: web.Request, response: web.StreamResponse) -> None:
    """Add these headers to a response of the application: a signal handler. aiohttp has set `Server` by then, with its version."""
    response.headers["Server"] = HEADERS["Server"]
    secured(response)
