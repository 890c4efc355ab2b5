"""Describes what a route answers: its successes, and its failures."""

from collections.abc import Iterable, Iterator, Sequence
from types import UnionType
from typing import Any, get_args

from quantd.api.openapi.examples import Example
from quantd.api.openapi.headers import SAME, headers
from quantd.api.openapi.types import Schema, Types
from quantd.api.route import COMMON, Frames, Media, Route
from quantd.api.schema.failures import Failed, Mistaken

_LATER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}}
FAILURES: dict[int, str] = {
    400: "A value is not supported, or the request is no valid HTTP.",
    401: "A token is missing, has ended or is not known.",
    403: "The origin or the token may not do this.",
    404: "There is nothing of this name, or no data of it.",
    408: "The body did not come in time.",
    413: "The body is too large.",
    415: "The body is encoded in a way that is not read.",
    421: "The request names another host.",
    422: "A field is missing or of the wrong type.",
    429: "Too many requests.",
    501: "There is no store, or it cannot do this.",
    503: "The daemon is busy, or not ready.",
}
"""What each status of a failure means."""
_HEADERS = {
    401: {"WWW-Authenticate": {"description": "The way to prove who is asking.", "schema": {"type": "string"}}},
    429: _LATER,
    503: _LATER,
}
BODIES = (Failed, Mistaken)
"""The bodies of failures."""


def parts(answer: Any) -> Iterator[Any]:
    """Yield the types of an answer of which there is a choice.

    >>> list(parts(int | str)), list(parts((int, Media("text/csv"))))
    ([<class 'int'>, <class 'str'>], [<class 'int'>, Media(type='text/csv')])
    """
    for each in answer if isinstance(answer, tuple) else (answer,):
        yield from get_args(each) if isinstance(each, UnionType) else (each,)


def kinds(route: Route) -> Iterator[Any]:
    """Yield the types of the JSON bodies of a route's successes."""
    return (each for each in parts(route.answer) if not isinstance(each, Media | Frames))


def responses(route: Route, types: Types, examples: Sequence[Example]) -> Schema:
    """Return the responses of a route by status."""
    made = _success(route, types, [each for each in examples if each.status < 300])
    for status in sorted({*COMMON, *route.errors}):
        shown = [each for each in examples if each.status == status]
        made[str(status)] = _failure(status, types, shown) if shown else {"$ref": f"#/components/responses/{status}"}
    return made


def failures(types: Types, statuses: Iterable[int]) -> Schema:
    """Return the responses to which those of routes refer."""
    return {str(status): _failure(status, types, ()) for status in sorted(statuses)}


def _failure(status: int, types: Types, examples: Sequence[Example]) -> Schema:
    body = types.of[Mistaken if status == 422 else Failed]
    made = {"description": FAILURES[status], "content": {"application/json": {"schema": body} | _shown(examples)}}
    return made | ({"headers": _HEADERS[status]} if status in _HEADERS else {})


def _success(route: Route, types: Types, examples: Sequence[Example]) -> Schema:
    if isinstance(route.answer, Frames):
        return {"101": {"description": "The connection is a WebSocket from now on: /asyncapi.json describes its messages."}}
    bodies = [types.of[each] for each in kinds(route)]
    content = {"application/json": {"schema": bodies[0] if len(bodies) == 1 else {"anyOf": bodies}}} if bodies else {}
    content |= {each.type: {"schema": _of_media(each)} for each in parts(route.answer) if isinstance(each, Media)}
    for type_, each in content.items():
        each.update(_shown([example for example in examples if example.type == type_]))
    told = headers(route.path)
    made = {"200": {"description": "The answer."} | ({"headers": told} if told else {}) | {"content": content}}
    return made | ({"304": SAME} if "ETag" in told else {})


def _of_media(media: Media) -> Schema:
    return {"type": "object" if media.type == "application/json" else "string"}


def _shown(examples: Sequence[Example]) -> Schema:
    return {"examples": {each.key: {"summary": each.name, "value": each.answer} for each in examples}} if examples else {}
