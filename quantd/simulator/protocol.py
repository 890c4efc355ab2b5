"""The live subscribe protocol: the subscriptions of a connection, and the answer to each of its messages."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from quantd.simulator import streams

UNKNOWN_PROPERTY, NOT_A_BOOLEAN, INVALID_REQUEST = 0, 1, 2
INVALID_JSON = '{"id":null,"error":{"code":3,"msg":"Invalid json"}}'


class RefusedError(Exception):
    """A request that must be answered with an error of this code and text."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def _invalid(text: str) -> RefusedError:
    return RefusedError(INVALID_REQUEST, f"Invalid request: {text}")


@dataclass
class Session:
    """The subscriptions of one connection, in order, and whether its data frames come in the combined envelope."""

    combined: bool
    max_streams: int
    streams: dict[str, None] = field(default_factory=dict)
    refused_streams: int = 0  # number of subscriptions over the limit

    def answer(self, text: str | bytes) -> str:
        """Apply one client message and return the text of its answer."""
        try:
            request = json.loads(text)
        except (ValueError, RecursionError):
            return INVALID_JSON
        if not isinstance(request, dict):
            return INVALID_JSON
        request_id = request.get("id")
        try:
            if not _is_id(request_id):
                request_id = None
                raise _invalid("request ID must be an unsigned integer")
            return _compact({"result": self._call(request, len(text)), "id": request_id})
        except RefusedError as refused:
            return _compact({"error": {"code": refused.code, "msg": refused.message}, "id": request_id})

    def subscribe(self, names: list[Any]) -> None:
        """Add streams; those over the limit are left out. Raises RefusedError."""
        for name in _valid(names):
            if name not in self.streams and len(self.streams) >= self.max_streams:
                self.refused_streams += 1
                raise _invalid(f"more than {self.max_streams} streams")
            self.streams[name] = None

    def unsubscribe(self, names: list[Any]) -> None:
        """Remove streams, subscribed or not. Raises RefusedError."""
        for name in _valid(names):
            self.streams.pop(name, None)

    def _call(self, request: dict[str, Any], size: int) -> object:
        if "method" not in request:
            raise _invalid(f"missing field method at line 1 column {size}")
        method = request["method"]
        if not isinstance(method, str) or method not in METHODS:
            raise _invalid(f"unknown variant {method}, expected one of {', '.join(METHODS)} at line 1 column {size}")
        params = request.get("params", [])
        if not isinstance(params, list) or (method in NEED_PARAMS and "params" not in request):
            raise _invalid(f"missing field params at line 1 column {size}")
        return METHODS[method](self, params)


def _list_subscriptions(session: Session, params: list[Any]) -> list[str]:
    _limit(params, 0)
    return list(session.streams)


def _set_property(session: Session, params: list[Any]) -> None:
    _limit(params, 2)
    _check_property(params)
    if len(params) < 2 or not isinstance(params[1], bool):
        raise RefusedError(NOT_A_BOOLEAN, "Invalid value type: expected Boolean")
    session.combined = params[1]


def _get_property(session: Session, params: list[Any]) -> bool:
    _limit(params, 1)
    _check_property(params)
    return session.combined


METHODS: dict[str, Callable[[Session, list[Any]], object]] = {
    "SUBSCRIBE": Session.subscribe,
    "UNSUBSCRIBE": Session.unsubscribe,
    "LIST_SUBSCRIPTIONS": _list_subscriptions,
    "SET_PROPERTY": _set_property,
    "GET_PROPERTY": _get_property,
}
NEED_PARAMS = {"SUBSCRIBE", "UNSUBSCRIBE", "SET_PROPERTY", "GET_PROPERTY"}


def _valid(names: list[Any]) -> list[str]:
    if not all(isinstance(name, str) and streams.category(name) for name in names):
        raise _invalid("invalid stream")
    return names


def _limit(params: list[Any], most: int) -> None:
    if len(params) > most:
        raise _invalid("too many parameters")


def _check_property(params: list[Any]) -> None:
    if not params or not isinstance(params[0], str):
        raise _invalid("property name must be a string")
    if params[0] != "combined":
        raise RefusedError(UNKNOWN_PROPERTY, "Unknown property")


def _is_id(value: object) -> bool:
    """Return whether the value is a valid id: an unsigned integer, as documented, or a string, as the official SDK sends."""
    return isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool) and value >= 0)


def _compact(answer: dict[str, object]) -> str:
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False)
