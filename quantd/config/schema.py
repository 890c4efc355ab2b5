"""The JSON Schema of the config files, including the settings of every plugin, for editors and for programs that generate a config."""

from collections.abc import Iterable
from inspect import cleandoc
from typing import Any, Literal

import msgspec

from quantd.config.convert import choices, inner, may_stand
from quantd.config.model import ConfigFile, PipelineFile
from quantd.config.shapes import Many, Names, Plain, Section, Staged, Uses, Written, default, description, fields, shape
from quantd.plugin.base import Plugin
from quantd.plugin.registry import Entry, Registry

What = Literal["config", "pipeline"]
Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(registry: Registry, what: What) -> Schema:
    """Return the draft 2020-12 schema of quantd.yaml (`config`) or of a file in pipelines/ (`pipeline`)."""
    title, made = ("quantd.yaml", section(registry, ConfigFile)) if what == "config" else ("pipelines/*.yaml", _pipeline(registry))
    return {"$schema": DIALECT, "title": title} | made


def _pipeline(registry: Registry) -> Schema:
    """Return the schema of a pipeline. No key is required, because a pipeline may extend another that has it."""
    made = section(registry, PipelineFile)
    return made | {"type": "object", "required": [], "anyOf": [{"required": ["extends"]}, {"required": made["required"]}]}


def doc(struct: type[msgspec.Struct]) -> str:
    """Return the docstring of a plugin or section."""
    return cleandoc(struct.__doc__ or "")


def settings(plugin: type[Plugin]) -> Schema:
    """Return the schema of each of a plugin's settings; a setting whose type has no schema accepts anything."""
    return {name: _plain(field.type) | _default(field) for name, field in fields(plugin).items()}


def section(registry: Registry, struct: type[msgspec.Struct]) -> Schema:
    """Return the schema of a section, which has a key for each field."""
    made = {name: _field(registry, field) for name, field in fields(struct).items()}
    return _mapping(made, [name for name, field in fields(struct).items() if field.required])


def _field(registry: Registry, field: msgspec.structs.FieldInfo) -> Schema:
    """Return the schema of a section's key. A list that is empty by default may be written without a value."""
    made, of = _shaped(registry, field.type), shape(field.type)
    if isinstance(of, Many) and not field.required and not default(field):
        made["type"] = [made["type"], "null"]
    elif isinstance(of, Uses) and not field.required:
        made = {"anyOf": [made, {"type": "null"}]}
    if isinstance(of, (Plain, Many)):
        made |= _default(field)
    if text := description(field.type) or (doc(of.struct) if isinstance(of, Section) else ""):
        made["description"] = text
    return made


def _shaped(registry: Registry, kind: Any) -> Schema:
    match shape(kind):
        case Written(_, form):
            return dict(form)
        case Uses() as uses:
            return _any_of(_entries(registry, uses))
        case Staged() as staged:
            return _stage(registry, staged)
        case Section(struct):
            return section(registry, struct)
        case Names(uses):
            return _named(_entries(registry, uses))
        case Many(item) if not isinstance(shape(item), Plain):
            return {"type": "array", "items": _shaped(registry, item)}
    return _plain(kind)


def _plain(kind: Any) -> Schema:
    try:
        made = msgspec.json.schema(kind)
    except TypeError:
        return {}
    if keys := choices(inner(kind)[0]):
        made["propertyNames"] = {"enum": keys}
    return made


def _default(field: msgspec.structs.FieldInfo) -> Schema:
    """Return the default of a field, if it may be written in a file."""
    if field.default is msgspec.NODEFAULT:
        return {}
    return {"default": msgspec.to_builtins(field.default, enc_hook=str)} if may_stand(field.default, field.type) else {}


def _entries(registry: Registry, uses: Uses) -> list[Entry]:
    return [entry for entry in registry.entries() if entry.kind == uses.kind and issubclass(entry.plugin, uses.base)]


def _mapping(properties: Schema, required: Iterable[str] = ()) -> Schema:
    required = list(required)
    kind = "object" if required else ["object", "null"]
    return {"type": kind, "properties": properties, "required": required, "additionalProperties": False}


def _stage(registry: Registry, staged: Staged) -> Schema:
    beside = {name: _field(registry, field) for name, field in staged.beside.items()}
    return _any_of(_entries(registry, staged.uses), beside, [name for name, field in staged.beside.items() if field.required])


def _any_of(entries: Iterable[Entry], extra: Schema | None = None, required: Iterable[str] = ()) -> Schema:
    """Return the schema of one of these plugins: a mapping with `use:`, or its name alone if no other key is required."""
    entries, required = list(entries), list(required)
    made = [_plugin(entry, ["use", *required], extra) for entry in entries]
    alone = [entry.name for entry, each in zip(entries, made, strict=True) if each["required"] == ["use"]]
    return {"anyOf": [*made, *([{"enum": alone}] if alone else [])]} if made else {"not": {}}


def _named(entries: Iterable[Entry]) -> Schema:
    """Return the schema of a mapping from names to plugins; under a plugin's own name `use:` is optional."""
    entries = list(entries)
    any_of = _any_of(entries)
    own = {entry.name: {"anyOf": [_plugin(entry, []) | {"type": ["object", "null"]}, *any_of["anyOf"]]} for entry in entries}
    return {"type": ["object", "null"], "properties": own, "additionalProperties": any_of}


def _plugin(entry: Entry, required: Iterable[str], extra: Schema | None = None) -> Schema:
    needed = [field.encode_name for field in msgspec.structs.fields(entry.plugin) if field.required]
    made = _mapping({"use": {"const": entry.name}} | settings(entry.plugin) | (extra or {}), [*required, *needed])
    return made | {"type": "object", "title": entry.name, "description": doc(entry.plugin)}
