"""Errors as the frontend's contract words them."""

import logging
from collections.abc import Sequence
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from quantd.api.wire import encode

_log = logging.getLogger("quantd.api")


class Failure(Exception):
    """The request is understood and cannot be answered."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Invalid(Exception):
    """A field of the request is missing or of the wrong type."""

    def __init__(self, kind: str, loc: Sequence[str], msg: str, given: Any) -> None:
        super().__init__(msg)
        self.detail = [{"type": kind, "loc": list(loc), "msg": msg, "input": given}]


def answer(body: Any, status: int = 200) -> web.Response:
    """A JSON response."""
    return web.Response(body=encode(body), status=status, content_type="application/json")


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns whatever is raised into a JSON body with `detail`."""
    try:
        return await handler(request)
    except Failure as failure:
        return answer({"detail": failure.detail}, failure.status)
    except Invalid as invalid:
        return answer({"detail": invalid.detail}, 422)
    except web.HTTPException as error:
        return _http(error)
    except Exception as error:
        _log.exception("%s %s failed", request.method, request.path)
        return answer({"detail": "Internal server error", "error": str(error)}, 500)


def _http(error: web.HTTPException) -> web.Response:
    response = answer({"detail": error.reason}, error.status)
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response
