"""Makes what the document says of one route."""

import re
from collections.abc import Sequence
from inspect import cleandoc

from quantd.api.access.caller import Scope
from quantd.api.openapi.examples import Example
from quantd.api.openapi.parameters import parameters
from quantd.api.openapi.responses import responses
from quantd.api.openapi.tags import tag
from quantd.api.openapi.types import Schema, Types, plain
from quantd.api.route import Route


def operation(route: Route, asked: Types, answered: Types, examples: Sequence[Example]) -> Schema:
    """Return the operation of a route, given the types of all requests and answers and the examples of this route."""
    summary, _, more = cleandoc(route.handler.__doc__ or "").partition("\n\n")
    good = [each for each in examples if each.status < 300]
    query = asked.components[route.query.__name__] if route.query else None
    made = {
        "operationId": name(route),
        "tags": [tag(route)],
        "summary": plain(summary).rstrip("."),
        "parameters": parameters(route, query, good),
        "responses": responses(route, answered, examples),
        "security": security(route.scope),
    }
    made |= {"description": plain(more)} if more else {}
    return made | ({"requestBody": _body(asked.of[route.body], good)} if route.body else {})


def name(route: Route) -> str:
    """Return the name of an operation, which programs that make clients give to functions."""
    return "_".join((route.method.lower(), *re.findall(r"\w+", route.path))) if route.path != "/" else "get_root"


def security(scope: Scope) -> list[dict[str, list[str]]]:
    """Return what a route asks of its caller. A daemon that has no tokens asks for none, except from administrators."""
    if scope == "public":
        return []
    return [{"bearer": [scope]}, *([] if scope == "admin" else [{}])]


def _body(schema: Schema, examples: Sequence[Example]) -> Schema:
    shown = {each.key: {"summary": each.name, "value": each.body} for each in examples if each.body is not None}
    return {"required": True, "content": {"application/json": {"schema": schema} | ({"examples": shown} if shown else {})}}
