"""Turns errors into the bodies that the frontend's contract defines."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web
from aiohttp.http import HttpProcessingError
from aiohttp.http_exceptions import InvalidHeader, InvalidURLError, LineTooLong
from aiohttp.typedefs import Handler

from quantd.api.schema.wire import encode
from quantd.pool import Busy

_log = logging.getLogger("quantd.api")
_UNREADABLE = (web.RequestPayloadError, HttpProcessingError)
"""Exceptions for bytes that are no valid request or body."""


class Failure(Exception):
    """The request is valid but cannot be answered."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] = {}) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


class Invalid(Exception):
    """A field of the request is missing or of the wrong type."""

    def __init__(self, kind: str, loc: Sequence[str], msg: str, given: Any) -> None:
        super().__init__(msg)
        self.detail = [{"type": kind, "loc": list(loc), "msg": msg, "input": given}]


def answer(body: Any, status: int = 200) -> web.Response:
    """Return a JSON response."""
    return web.Response(body=encode(body), status=status, content_type="application/json")


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn any exception into a JSON body with `detail`. Raises ConnectionError if no client is left to receive it."""
    try:
        return await handler(request)
    except Exception as error:
        if request.transport is None or request.writer.output_size:
            return _too_late(request, error)
        return response_to(request, error)


def response_to(request: web.BaseRequest, error: BaseException | None) -> web.Response:
    """Return the response to an exception."""
    match error:
        case Failure():
            response = answer({"detail": error.detail}, error.status)
            response.headers.update(error.headers)
            return _closing(response)
        case Busy():
            response = answer({"detail": str(error)}, 503)
            response.headers["Retry-After"] = str(error.again)
            return response
        case Invalid():
            return answer({"detail": error.detail}, 422)
        case web.HTTPException():
            return _http(error)
        case web.RequestPayloadError() | HttpProcessingError():
            return refused(request, 400, f"The body cannot be read: {brief(error)}")
    _log.error("%s %s failed", request.method, request.rel_url.raw_path, exc_info=error)
    return answer({"detail": "Internal server error", "error": type(error).__name__}, 500)


def refused(request: web.BaseRequest, status: int, reason: str) -> web.Response:
    """Log bytes that are no valid request, and return the response. The connection is closed, because nothing that follows can be
    trusted."""
    _log.warning("bad request from %s: %s", request.remote, reason)
    response = answer({"detail": reason}, status)
    response.force_close()
    return response


def brief(error: BaseException) -> str:
    """Return the parser's message without the bytes that it quotes.

    >>> brief(HttpProcessingError(message="Invalid header token:\\n\\n  b'a\\\\x00b: c'\\n    ^"))
    'Invalid header token'
    """
    match error:
        case LineTooLong():
            return "A line of the head is too long"
        case InvalidHeader():
            return "A header is not valid"
        case HttpProcessingError():
            lines = error.message.split("\n")
            if isinstance(error, InvalidURLError) and len(lines) == 1:
                return "The target is not valid"
        case _:
            lines = str(error).removeprefix("400, message:\n").split("\n")
    said = [line.strip().rstrip(":.") for line in lines if line.strip() not in ("", "Bad status line:")]
    return said[0] if said else "Bad Request"


def _too_late(request: web.Request, error: Exception) -> web.StreamResponse:
    """Handle an error when no response can be sent any more, because an answer has begun or the client is gone."""
    if not isinstance(error, (ConnectionError, Failure, Invalid, Busy, web.HTTPException, *_UNREADABLE)):
        _log.error("%s %s failed", request.method, request.rel_url.raw_path, exc_info=error)
    raise ConnectionResetError from None


def _http(error: web.HTTPException) -> web.Response:
    response = answer({"detail": error.reason}, error.status)
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return _closing(response)


def _closing(response: web.Response) -> web.Response:
    """Close the connection after a body that came too slowly or is too large, instead of waiting for its rest."""
    if response.status in (408, 413):
        response.force_close()
    return response
