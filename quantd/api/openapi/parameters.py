"""The parameters of a route: those of its path, and the fields of its query."""

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from quantd.api.openapi.examples import Example
from quantd.api.openapi.headers import IF_NONE_MATCH, headers
from quantd.api.openapi.types import Schema
from quantd.api.route import Route


class InPath(Struct, frozen=True):
    """A part of a path that the caller fills in."""

    description: str
    pattern: str
    example: str


IN_PATH = {
    "name": InPath("The name of a file.", r"^[\w.-]+$", "docs.js"),
    "symbol": InPath("A symbol of the exchange, in any case.", r"^[^/\\\s-]+$", "BTCUSDT"),
    "id": InPath("The id of a rule, as `POST /alerts` answered it.", r"^[\w.~-]+$", "f7ab9285-1b87-4770-9b0c-1a8712d92cf4"),
    "rule": InPath("The id of a rule, with each `/` as `%2F`.", r"^[^\\]+$", "f7ab9285-1b87-4770-9b0c-1a8712d92cf4"),
    "firing": InPath(
        "The id of a firing, or of a rule for its latest firing. A `/` in it is written as `%2F`.", r"^\S+$", "BTCUSDT-ETHUSDT/stretched"
    ),
    "silence": InPath("The id of a silence.", r"^[\w.~-]+$", "5b0e4d43"),
    "pair": InPath("A pair, y before x, in any case.", r"^[^/\\\s-]+-[^/\\\s-]+$", "BTCUSDT-ETHUSDT"),
}
"""What there is to say of the parameters of paths, by name."""


def names(path: str) -> list[str]:
    """Return the names of the parameters of a path.

    >>> names("/data/{symbol}/ticks")
    ['symbol']
    """
    return re.findall(r"{(\w+)}", path)


def parameters(route: Route, query: Schema | None, examples: Sequence[Example]) -> list[Schema]:
    """Return the parameters of a route. `query` is the schema of its query, and `examples` are requests for which it succeeds."""
    made = [*map(_of_path, names(route.path)), *(_of_query(query) if query else ())]
    for each in made:
        given = {example.key: {"value": example.given[each["name"]]} for example in examples if each["name"] in example.given}
        if given:
            each["examples"] = given
            each.pop("example", None)
    return [*made, IF_NONE_MATCH] if "ETag" in headers(route.path) else made


def _of_path(name: str) -> Schema:
    known = IN_PATH[name]
    schema = {"type": "string", "pattern": known.pattern}
    return {"name": name, "in": "path", "required": True, "description": known.description, "schema": schema, "example": known.example}


def _of_query(query: Schema) -> Iterator[Schema]:
    for name, schema in query["properties"].items():
        given = sent(schema)
        described = {"description": given.pop("description")}
        yield {"name": name, "in": "query", "required": name in query["required"]} | described | {"schema": given}


def sent(schema: Schema) -> Schema:
    """Return the schema of a value that a query gives, which can be left out, but not be null."""
    given = {key: value for key, value in schema.items() if (key, value) != ("default", None)}
    match given.get("anyOf"):
        case [of, {"type": "null"}]:
            given = {key: value for key, value in given.items() if key != "anyOf"} | of
    return {key: value for key, value in given.items() if f"exclusive{key.title()}" not in given}
