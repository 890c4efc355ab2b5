"""The document as a whole."""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version

from quantd.api.openapi.examples import recorded
from quantd.api.openapi.operations import operation
from quantd.api.openapi.responses import BODIES, FAILURES, failures, kinds
from quantd.api.openapi.tags import TAGS
from quantd.api.openapi.types import Schema, answered, told
from quantd.api.route import Route
from quantd.api.schema.wire import encode

_ABOUT = """Pair-trading analytics of a running quantd.

Times are `YYYY-MM-DDTHH:MM:SS.mmmZ`. Numbers are finite, and integers at most 2^53. An unknown field of a query is ignored. A success may
gain fields in later versions; it loses none. Answers to callers with a quota have the headers `RateLimit` and `RateLimit-Policy`."""
_BEARER = "An API token of `quantd token create`, or a JWT. A daemon without either asks only administrators for one."


def document(routes: Sequence[Route]) -> Schema:
    """Describe routes as an OpenAPI 3.1 document."""
    asked = told(each for route in routes for each in (route.query, route.body) if each)
    sent = answered([*(kind for route in routes for kind in kinds(route)), *BODIES])
    paths: Schema = {}
    for route in routes:
        examples = [each for each in recorded() if (each.method, each.path) == (route.method, route.path)]
        paths.setdefault(route.path, {})[route.method.lower()] = operation(route, asked, sent, examples)
    bodies = {route.body.__name__: asked.components[route.body.__name__] for route in routes if route.body}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "quantd",
            "version": version("quantd"),
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "This daemon."}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": dict(sorted((bodies | sent.components).items())),
            "responses": failures(sent, FAILURES),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": _BEARER}},
        },
    }


@cache
def encoded(routes: tuple[Route, ...]) -> bytes:
    """Return the document as JSON. It takes some tenths of a second for the first time, mostly to read descriptions from the sources."""
    return encode(document(routes))
