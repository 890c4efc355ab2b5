"""Describes a plugin's settings in words: name, type, default and purpose."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from quantd.config.schema import settings
from quantd.config.shapes import default
from quantd.plugin.base import Plugin

_NAMES = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "null": "nothing"}
_DURATION = re.compile(r"\^(?:\[1-9\])?\\d[+*]\(([a-z|]+)\)\$")
_BOUNDS = (("minimum", ">="), ("exclusiveMinimum", ">"), ("maximum", "<="), ("exclusiveMaximum", "<"))


class Field(Struct, frozen=True):
    """One setting; `default` is None if the setting is required."""

    name: str
    type: str
    default: str | None
    description: str


def fields_of(plugin: type[Plugin]) -> list[Field]:
    """Return the settings of a plugin, its own before the inherited ones."""
    schemas = settings(plugin)
    own = set(vars(plugin).get("__annotations__", {}))
    made = [_field(field, schemas[field.encode_name]) for field in msgspec.structs.fields(plugin)]
    return sorted(made, key=lambda field: field.name not in own)


def _field(field: msgspec.structs.FieldInfo, schema: Mapping[str, Any]) -> Field:
    told = None if field.required else _shown(default(field))
    return Field(field.encode_name, words(schema), told, _description(schema))


def _shown(value: object) -> str:
    if isinstance(value, (bool, int, float, str)) or value is None:
        return "''" if value == "" else str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)
    return msgspec.json.encode(value, enc_hook=str).decode()


def _description(schema: Mapping[str, Any]) -> str:
    found = schema.get("description") or next((each["description"] for each in schema.get("anyOf", ()) if "description" in each), "")
    return " ".join(found.split())


def words(schema: Mapping[str, Any]) -> str:
    """Return what a schema accepts, in words.

    >>> words({"type": "integer", "minimum": 2, "maximum": 9}), words({"anyOf": [{"enum": ["auto"]}, {"type": "null"}]})
    ('whole number >= 2, <= 9', 'auto or nothing')
    """
    if "anyOf" in schema:
        return " or ".join(words(each) for each in schema["anyOf"])
    if "enum" in schema:
        return "|".join(map(str, schema["enum"]))
    if "$ref" in schema:
        struct = schema.get("$defs", {}).get(schema["$ref"].rpartition("/")[2], {})
        return f"mapping of {', '.join(struct.get('properties', {}))}" if struct else "mapping"
    kind = schema.get("type")
    if kind == "array":
        return "list" if "prefixItems" in schema or not schema.get("items") else f"list of {words(schema['items'])}"
    if kind == "object":
        names = schema.get("propertyNames", {}).get("enum")
        return f"mapping of {', '.join(names)}" if names else "mapping"
    if kind == "string" and (match := _DURATION.fullmatch(schema.get("pattern", ""))):
        return f"duration in {match[1].replace('|', ', ')}"
    bounds = [f"{sign} {_number(schema[name])}" for name, sign in _BOUNDS if name in schema]
    pattern = f" matching {schema['pattern']}" if "pattern" in schema else ""
    return f"{_NAMES.get(str(kind), 'anything')}{pattern}{' ' if bounds else ''}{', '.join(bounds)}"


def _number(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"
