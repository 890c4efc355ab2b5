"""Pages about the API, and its description for programs. The pages load nothing but files of this package."""

import asyncio
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from aiohttp import web

from quantd.api.asyncapi import encoded
from quantd.api.server.errors import Failure
from quantd.api.server.kept import KEPT, Body, names, send

_TYPES = {"js": "text/javascript", "css": "text/css", "txt": "text/plain"}
_CSP = (
    "default-src 'none'; script-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; style-src 'self'"
)
_CSP_OF_REDOC = f"{_CSP} 'unsafe-inline'; worker-src blob:"
"""It makes style sheets as it runs, and its search is a worker made of a blob."""


async def docs(request: web.Request) -> web.Response:
    """Return the page of Swagger UI, from which requests can be sent."""
    return _page("docs.html", "swagger-ui-bundle.js", _CSP)


async def redoc(request: web.Request) -> web.Response:
    """Return the page of Redoc, for reading."""
    return _page("redoc.html", "redoc.standalone.js", _CSP_OF_REDOC)


async def asyncapi(request: web.Request) -> web.Response:
    """Return the AsyncAPI 3 document of the WebSockets."""
    kept = request.app[KEPT]

    def find() -> Body | None:
        return kept.find("asyncapi", "")

    body = find() or kept.keep("asyncapi", "", await asyncio.to_thread(encoded))
    return send(request, body, find)


async def asset(request: web.Request) -> web.Response:
    """Return a script or style sheet of these pages, or a licence. A browser asks again each time, and gets 304 if it has the file."""
    name = request.match_info["name"]
    if name not in assets():
        raise Failure(404, f"Asset {name} not found")
    body = await asyncio.to_thread(_body, name)
    headers = {"ETag": body.tag, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    if names(request.headers.get("If-None-Match", ""), body.tag):
        return web.Response(status=304, headers=headers)
    return web.Response(body=body.data, content_type=_TYPES[name.rpartition(".")[2]], charset="utf-8", headers=headers)


def _page(name: str, needed: str, policy: str) -> web.Response:
    if needed not in assets():
        raise Failure(404, f"{needed} is not in this installation: it comes with the build, so install quantd again")
    html = files("quantd.api").joinpath("web", name).read_text("utf-8")
    return web.Response(text=html, content_type="text/html", headers={"Content-Security-Policy": policy})


@cache
def assets() -> dict[str, Traversable]:
    """Return the files that are served, by name: those of quantd, and those that the build brings in."""
    return {file.name: file for file in _files() if file.name.rpartition(".")[2] in _TYPES}


def _files() -> Iterator[Traversable]:
    ours = files("quantd.api").joinpath("web")
    theirs = ours.joinpath("vendor")
    yield from ours.iterdir()
    if theirs.is_dir():
        yield from theirs.iterdir()


@cache
def _body(name: str) -> Body:
    data = assets()[name].read_bytes()
    return Body(data, f'"{sha256(data).hexdigest()[:32]}"')
