"""Refuses a route that the document could not describe."""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

import msgspec
from msgspec import Raw, Struct

from quantd.api.access.caller import Rate, Scope
from quantd.api.openapi.operations import name
from quantd.api.openapi.parameters import IN_PATH, names, sent
from quantd.api.openapi.responses import FAILURES, kinds
from quantd.api.openapi.types import structs
from quantd.api.route import Route

_VAGUE = (Any, Raw, object, dict, list)


class Incomplete(TypeError):
    """A route of the table lacks something."""


@cache
def demand_complete(routes: tuple[Route, ...]) -> tuple[Route, ...]:
    """Return the routes. Raises Incomplete, with all that is missing, unless everything is known of each."""
    if missing := [f"{route.method} {route.path}: {what}" for route in routes for what in lacking(route)]:
        raise Incomplete("; ".join(missing))
    if twice := [each for each, count in Counter(map(name, routes)).items() if count > 1]:
        raise Incomplete(f"several routes are named {', '.join(twice)}")
    return routes


def lacking(route: Route) -> Iterator[str]:
    """Yield what a route lacks."""
    if not (route.handler.__doc__ or "").strip():
        yield "its handler has no docstring"
    if route.scope not in get_args(Scope) or route.rate not in get_args(Rate):
        yield "its scope or its class of rate is none"
    yield from (f"nothing is known of {{{each}}} (IN_PATH)" for each in names(route.path) if each not in IN_PATH)
    yield from (f"{each} has no description" for each in _silent(route.query, route.body))
    yield from (f"it must tell of {each}" for each in _demanded(route) if each not in route.errors)
    yield from (f"the meaning of {each} is not known (FAILURES)" for each in route.errors if each not in FAILURES)
    if any(map(is_vague, kinds(route))):
        yield "its answer is not exact"


def _silent(*structs: type[Struct] | None) -> Iterator[str]:
    """Yield the fields of a request that have no description."""
    for struct in filter(None, structs):
        properties = msgspec.json.schema_components([struct])[1][struct.__name__]["properties"]
        yield from (f"{struct.__name__}.{field}" for field, schema in properties.items() if "description" not in sent(schema))


def _demanded(route: Route) -> tuple[int, ...]:
    """Return the failures of any route that reads a query or a body."""
    if route.body:
        return 408, 422
    return (422,) if route.query else ()


def is_vague(kind: Any) -> bool:
    """Return whether a type does not say what a client gets.

    >>> is_vague(list[dict[str, Any]]), is_vague(dict[str, int])
    (True, False)
    """
    fields = [field.type for struct in structs(kind) for field in msgspec.structs.fields(struct)]
    return any(map(_is_vague, [kind, *fields]))


def _is_vague(kind: Any) -> bool:
    return any(kind is each for each in _VAGUE) or any(map(_is_vague, get_args(kind)))
