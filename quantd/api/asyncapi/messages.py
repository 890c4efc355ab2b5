"""The structs of sockets as messages, with the schemas of their payloads."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from quantd.api.asyncapi.examples import Example
from quantd.api.asyncapi.sockets import Message, Socket
from quantd.api.openapi.types import Schema, answered, plain, told

_SCHEMA = "#/components/schemas/{prefix}{{name}}"


def key(socket: Socket, message: Message) -> str:
    """Return the name of a message in the document."""
    return socket.prefix + message.__name__


def messages(socket: Socket, examples: Iterable[Example]) -> dict[str, Schema]:
    """Return the messages of a socket by name. Of the examples, those of this socket are shown."""
    spoken = [each for each in examples if each.path in socket.paths]
    return {key(socket, each): _message(socket, each, spoken) for each in (*socket.commands, *socket.frames)}


def schemas(socket: Socket) -> dict[str, Schema]:
    """Return the schemas of the messages of a socket, and those that they refer to, by name."""
    place = _SCHEMA.format(prefix=socket.prefix)
    found = told(socket.commands, place).components | answered(socket.frames, place).components
    return {f"{socket.prefix}{name}": in_draft_7(schema) for name, schema in found.items()}


def _message(socket: Socket, message: Message, spoken: Sequence[Example]) -> Schema:
    name = key(socket, message)
    shown = [{"name": each.name, "payload": each.message} for each in spoken if each.struct == message.__name__]
    return {
        "name": str(message.__struct_config__.tag),
        "title": message.__name__,
        "summary": plain(message.__doc__ or ""),
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{name}"},
    } | ({"examples": shown} if shown else {})


def in_draft_7(schema: Any) -> Any:
    """Return a schema of JSON Schema 2020-12 in the words of draft 7, which is what AsyncAPI builds on: tuples are written otherwise.

    >>> in_draft_7({"type": "array", "prefixItems": [{"type": "integer"}], "items": False})
    {'type': 'array', 'items': [{'type': 'integer'}], 'additionalItems': False}
    """
    match schema:
        case dict():
            return dict(_reworded(schema))
        case list():
            return [in_draft_7(each) for each in schema]
    return schema


def _reworded(schema: Schema) -> Iterator[tuple[str, Any]]:
    names = {"prefixItems": "items", "items": "additionalItems"} if "prefixItems" in schema else {}
    for name, value in schema.items():
        yield names.get(name, name), in_draft_7(value)
