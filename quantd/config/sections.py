"""Reads sections, which are mappings whose keys are the fields of a struct. Every mistake is noted at its place, and the rest is read."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from quantd.config.convert import choices
from quantd.config.node import Node
from quantd.config.reader import Reader, join
from quantd.config.shapes import Many, Names, Plain, Section, Staged, Uses, Written, default, fields, shape


class Part(Struct):
    """The result of reading one place: its value, None if that is wrong, and the parts of which it consists."""

    value: Any
    node: Node | None
    path: str
    keys: Mapping[str, "Part"] = {}
    """Parts of a section, including those of keys that are not given, or of a mapping."""
    items: tuple["Part", ...] = ()
    """Parts of a list."""


def read_section(reader: Reader, node: Node, path: str, struct: type[Struct]) -> Part:
    """Read a mapping as a struct; a missing value is an empty mapping."""
    before = len(reader.mistakes)
    known = fields(struct)
    given = reader.keys(node, path, known, _as_key(node, known))
    parts = {key: _field(reader, given.get(key), join(path, key), field) for key, field in known.items()}
    values = {key: part.value for key, part in parts.items() if key in given}
    if not isinstance(node.value, dict) and not node.is_nothing:
        return Part(None, node, path, parts)
    return Part(reader.made(struct, node, given, path, _by_name(values, known), before), node, path, parts)


def _by_name(values: Mapping[str, Any], known: Mapping[str, msgspec.structs.FieldInfo]) -> dict[str, Any]:
    """Return values by the names of the struct's fields, which differ from the keys where a key is a word of Python's."""
    return {known[key].name: value for key, value in values.items()}


def _as_key(node: Node, known: Mapping[str, msgspec.structs.FieldInfo]) -> str:
    """Return how to write a single word that is a value of one key."""
    keys = [key for key, field in known.items() if isinstance(node.value, str) and node.value in choices(field.type)]
    return f": write {{{keys[0]}: {node.value}}}" if len(keys) == 1 else ""


def _field(reader: Reader, node: Node | None, path: str, field: msgspec.structs.FieldInfo) -> Part:
    if node is None or (node.is_nothing and _may_be_nothing(field)):
        return Part(None if field.required else default(field), node, path)
    return _read(reader, node, path, field.type)


def _may_be_nothing(field: msgspec.structs.FieldInfo) -> bool:
    """Return whether a key may stand without a value: a section, and a list, mapping or plugin that is empty by default."""
    of = shape(field.type)
    return not field.required and (isinstance(of, Section) or (isinstance(of, (Many, Names, Uses)) and not default(field)))


def _read(reader: Reader, node: Node, path: str, kind: Any) -> Part:
    match shape(kind):
        case Written() as written:
            return Part(written.read(reader, node, path), node, path)
        case Uses() as uses:
            return _plugin(reader, node, path, uses)
        case Staged() as staged:
            return _stage(reader, node, path, staged)
        case Section(struct):
            return read_section(reader, node, path, struct)
        case Names(uses):
            return _names(reader, node, path, uses)
        case Many(item):
            return _many(reader, node, path, kind, item)
    return Part(reader.value(node, path, kind), node, path)


def _plugin(reader: Reader, node: Node, path: str, uses: Uses, name: str | None = None) -> Part:
    return Part(reader.plugin(uses.kind, node, path, use=name), node, path)


def _names(reader: Reader, node: Node, path: str, uses: Uses) -> Part:
    keys = {name: _plugin(reader, child, where, uses, name) for name, child, where in reader.mapping(node, path)}
    return Part({name: part.value for name, part in keys.items()}, node, path, keys)


def _many(reader: Reader, node: Node, path: str, kind: Any, item: Any) -> Part:
    """Read a list; the constraints of its type on the list as a whole are checked on values that msgspec knows."""
    before = len(reader.mistakes)
    items = tuple(_read(reader, child, where, item) for child, where in reader.items(node, path))
    values = tuple(part.value for part in items if part.value is not None)
    if isinstance(shape(item), Plain) and len(reader.mistakes) == before:
        values = reader.value(node, path, kind)
    return Part(values, node, path, items=items)


def _stage(reader: Reader, node: Node, path: str, staged: Staged) -> Part:
    """Read a plugin and the keys of the stage beside its settings."""
    before = len(reader.mistakes)
    plugin = reader.plugin(staged.uses.kind, node, path, besides=staged.beside)
    given = {key: child for key, child in node.value.items() if key in staged.beside} if isinstance(node.value, dict) else {}
    parts = {key: _field(reader, given.get(key), join(path, key), field) for key, field in staged.beside.items()}
    if plugin is not None and not isinstance(plugin, staged.uses.base):
        reader.wrong(node, path, staged.stage.elsewhere)
    elif plugin is not None:
        values = {staged.field: plugin} | {key: part.value for key, part in parts.items() if key in given}
        return Part(reader.made(staged.stage, node, {staged.field: node, **given}, path, values, before), node, path, parts)
    return Part(None, node, path, parts)
