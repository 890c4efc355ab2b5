"""The JSON Schema of the config files, the settings of every plugin included: for editors, and for whoever generates a config."""

from collections.abc import Iterable, Mapping
from inspect import cleandoc
from typing import Any, Literal, get_args

import msgspec

from quantd.config.convert import choices, inner
from quantd.config.model import ApiSettings
from quantd.config.rules import Coverage
from quantd.log import Level
from quantd.model import Spread
from quantd.plugin.base import DaemonJob, Extra, PairJob, Plugin
from quantd.plugin.registry import Entry, Registry
from quantd.stats.zscore import ZScore

What = Literal["config", "pipeline"]
Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEXT: Schema = {"type": "string", "minLength": 1}
_TIMEFRAME: Schema = {"type": "string", "pattern": "^[1-9][0-9]?[smhd]$"}
_PERIOD: Schema = {"type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$"}


def schema(registry: Registry, what: What) -> Schema:
    """The draft 2020-12 schema of quantd.yaml (`config`) or of a file in pipelines/ (`pipeline`)."""
    kinds: dict[str, list[Entry]] = {}
    for entry in registry.entries():
        kinds.setdefault(entry.kind, []).append(entry)
    made = _config(kinds) if what == "config" else _pipeline(kinds)
    return {"$schema": DIALECT, "title": "quantd.yaml" if what == "config" else "pipelines/*.yaml"} | made


def doc(plugin: type[Plugin]) -> str:
    """A plugin's docstring."""
    return cleandoc(plugin.__doc__ or "")


def settings(plugin: type[msgspec.Struct]) -> Schema:
    """The schema of each of a plugin's settings, or of a section's; of one whose type has no schema, that anything goes."""
    return {field.encode_name: _setting(field) for field in msgspec.structs.fields(plugin)}


def _setting(field: msgspec.structs.FieldInfo) -> Schema:
    try:
        made = msgspec.json.schema(field.type)
    except TypeError:
        return {}
    if keys := choices(inner(field.type)[0]):
        made["propertyNames"] = {"enum": keys}
    if field.default is not msgspec.NODEFAULT:
        made["default"] = msgspec.to_builtins(field.default, enc_hook=str)
    return made


def _config(kinds: Mapping[str, list[Entry]]) -> Schema:
    jobs = [entry for entry in kinds.get("job", []) if issubclass(entry.plugin, DaemonJob)]
    pair = {"type": "string", "pattern": "^[^-]+-[^-]+$"}
    through = {"type": "object", "propertyNames": pair, "additionalProperties": _TEXT, "minProperties": 1, "maxProperties": 1}
    return _mapping(
        {
            "pairs": _list({"anyOf": [pair, through]}, "Y-X, read as y minus beta times x; or Y-X: pipeline."),
            "symbols": _list(_TEXT, "Also recorded, without a pair."),
            "feeds": _named(kinds.get("feed", [])),
            "store": {"anyOf": [_any_of(kinds.get("store", [])), {"type": "null"}]},
            "sinks": _named(kinds.get("sink", [])),
            "jobs": _list(_any_of(jobs, {"every": _PERIOD}, ["every"]), "What runs every so often for the whole daemon."),
            "api": _mapping(settings(ApiSettings)),
            "state": _mapping({"dir": _TEXT}),
            "plugins": _mapping({"dirs": {"type": "array", "items": _TEXT}, "disable": {"type": "array", "items": {"type": "string"}}}),
            "log": {"enum": list(get_args(Level))},
        }
    )


def _pipeline(kinds: Mapping[str, list[Entry]]) -> Schema:
    jobs = [entry for entry in kinds.get("job", []) if issubclass(entry.plugin, PairJob)]
    alert = {"name": _TEXT, "when": _TEXT | {"examples": ["abs(zscore) > 2"]}, "every": _TIMEFRAME, "send": _list(_TEXT, "Names of sinks.")}
    alert["coverage"] = msgspec.json.schema(Coverage)
    made = _mapping(
        {
            "extends": _TEXT | {"description": "The pipeline whose keys hold where this file has none of its own."},
            "feed": _TEXT | {"description": "A feed of quantd.yaml."},
            "streams": _list({"enum": list(get_args(Extra))}, "What the feed brings besides trades; bars of the book are made of it."),
            "bars": _any_of(kinds.get("resampler", [])),
            "event_bars": _list(_any_of(kinds.get("event_bar", [])), "Bars that end with an event, beside those of time."),
            "regression": _any_of(kinds.get("regression", [])),
            "spread": {"enum": list(get_args(Spread)), "description": "y - beta * x, or y - beta * x - alpha."},
            "zscore": _mapping(settings(ZScore)),
            "jobs": _list(_any_of(jobs, {"every": _TIMEFRAME}), "What runs at each close of a timeframe; its metrics join the points."),
            "alerts": _list(_mapping(alert, ["name", "when"]) | {"type": "object"}, "Rules on the points."),
            "exports": _list(_any_of(kinds.get("exporter", [])), "Where bars and points are written."),
        }
    )
    return made | {"type": "object", "anyOf": [{"required": ["extends"]}, {"required": ["feed", "bars", "regression"]}]}


def _mapping(properties: Schema, required: Iterable[str] = ()) -> Schema:
    return {"type": ["object", "null"], "properties": properties, "required": list(required), "additionalProperties": False}


def _list(items: Schema, description: str) -> Schema:
    return {"type": ["array", "null"], "items": items, "description": description}


def _any_of(entries: Iterable[Entry], extra: Schema | None = None, required: Iterable[str] = ()) -> Schema:
    """One of these plugins, as a mapping with `use:` or, where nothing else is required, by its name alone."""
    entries, required = list(entries), list(required)
    made = [_plugin(entry, ["use", *required], extra) for entry in entries]
    alone = [entry.name for entry, each in zip(entries, made, strict=True) if each["required"] == ["use"]]
    return {"anyOf": [*made, *([{"enum": alone}] if alone else [])]} if made else {"not": {}}


def _named(entries: Iterable[Entry]) -> Schema:
    """A mapping from names to plugins; under a plugin's own name `use:` is not needed."""
    entries = list(entries)
    any_of = _any_of(entries)
    own = {entry.name: {"anyOf": [_plugin(entry, []) | {"type": ["object", "null"]}, *any_of["anyOf"]]} for entry in entries}
    return {"type": ["object", "null"], "properties": own, "additionalProperties": any_of}


def _plugin(entry: Entry, required: Iterable[str], extra: Schema | None = None) -> Schema:
    needed = [field.encode_name for field in msgspec.structs.fields(entry.plugin) if field.required]
    made = _mapping({"use": {"const": entry.name}} | settings(entry.plugin) | (extra or {}), [*required, *needed])
    return made | {"type": "object", "title": entry.name, "description": doc(entry.plugin)}
