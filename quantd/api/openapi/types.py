"""The JSON Schemas of the structs of requests and answers."""

import ast
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise
from typing import Any, get_args

import msgspec
from msgspec import Struct

Schema = dict[str, Any]
_PLACE = "#/components/schemas/{name}"


class Types(Struct, frozen=True):
    """The schemas of types, and the components that they refer to."""

    of: dict[Any, Schema]
    components: dict[str, Schema]


def told(types: Iterable[Any], place: str = _PLACE) -> Types:
    """Return the schemas of types that clients send. `place` is where the components will stand in the document."""
    kinds = list(dict.fromkeys(types))
    schemas, components = msgspec.json.schema_components(kinds, ref_template=place)
    for struct in {each for kind in kinds for each in structs(kind)}:
        components[struct.__name__] = _described(struct, components[struct.__name__])
    return Types(dict(zip(kinds, schemas, strict=True)), components)


def answered(types: Iterable[Any], place: str = _PLACE) -> Types:
    """Return the schemas of types that are sent to clients: every field is sent, unless it may be unset, or its struct leaves out what
    has its default."""
    made = told(types, place)
    short = {each.__name__ for kind in made.of for each in structs(kind) if each.__struct_config__.omit_defaults}
    return Types(made.of, {name: schema if name in short else _whole(schema) for name, schema in made.components.items()})


def _whole(schema: Schema) -> Schema:
    """Return the schema of a struct with the fields that have a default as required ones."""
    if "properties" not in schema:
        return schema
    always = [name for name, each in schema["properties"].items() if name in schema["required"] or "default" in each]
    properties = {name: {key: value for key, value in each.items() if key != "default"} for name, each in schema["properties"].items()}
    return schema | {"properties": properties, "required": always}


def structs(kind: Any) -> Iterator[type[Struct]]:
    """Yield the structs of which a type consists."""
    if isinstance(kind, type) and issubclass(kind, Struct):
        yield kind
        for field in msgspec.structs.fields(kind):
            yield from structs(field.type)
    for part in get_args(kind):
        yield from structs(part)


def _described(struct: type[Struct], schema: Schema) -> Schema:
    """Return the schema of a struct with the texts that stand below its fields as their descriptions."""
    texts = {name: text for cls in reversed(_own(struct)) for name, text in _texts(cls.__module__).get(cls.__name__, {}).items()}
    properties = dict(schema["properties"])
    for field in msgspec.structs.fields(struct):
        if field.name in texts:
            properties[field.encode_name] = {"description": texts[field.name]} | properties[field.encode_name]
    return schema | {"description": plain(schema["description"]), "properties": properties}


def _own(struct: type[Struct]) -> list[type]:
    """Return a struct and the structs that it extends."""
    return [cls for cls in struct.__mro__ if issubclass(cls, Struct) and cls is not Struct]


@cache
def _texts(module: str) -> dict[str, dict[str, str]]:
    """Return the texts that stand below the fields of each class of a module; none where its source is not there."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except OSError:
        return {}
    return {node.name: dict(_below(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _below(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for pair in pairwise(node.body):
        match pair:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                yield name, plain(text)


def plain(text: str) -> str:
    """Return a docstring as a client reads it.

    >>> plain('''The price; None if there
    ...     is none. Raises ValueError.''')
    'The price; null if there is none.'
    """
    return re.sub(r"\bNone\b", "null", re.sub(r"\s*Raises [^.]*\.", "", " ".join(text.split())))
