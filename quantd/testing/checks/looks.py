"""The checks of every plugin: it has documentation, and its settings can be read, shown and copied."""

from typing import Any

import msgspec

from quantd.plugin.base import Plugin
from quantd.plugin.contract import flaws
from quantd.plugin.registry import KINDS


def has_a_docstring(cls: type[Plugin]) -> None:
    assert vars(cls).get("__doc__"), f"{cls.__name__} has no docstring: say in a sentence what it does, `quantd plugins` shows it"


def has_what_its_kind_needs(cls: type[Plugin]) -> None:
    found = [text for base in KINDS.values() if issubclass(cls, base) for text in flaws(cls, base)]
    assert not found, "; ".join(found)


def has_a_schema(cls: type[Plugin]) -> None:
    msgspec.json.schema(cls)


def explains_required_fields(cls: type[Plugin]) -> None:
    required = [field for field in msgspec.structs.fields(cls) if field.required]
    properties = _definition(cls)["properties"] if required else {}
    bare = [field.name for field in required if "description" not in properties[field.encode_name]]
    assert not bare, f"{', '.join(bare)}: a field needs a default, or a description: Annotated[..., Meta(description=...)]"


def settings_survive_a_round_trip(plugin: Plugin) -> None:
    settings = msgspec.to_builtins(plugin)
    assert msgspec.convert(settings, type(plugin)) == plugin, f"{settings} read back give a different plugin"


def a_copy_is_equal(plugin: Plugin) -> None:
    copy = msgspec.structs.replace(plugin)
    assert copy == plugin, f"msgspec.structs.replace gives {copy!r} instead of {plugin!r}: __post_init__ must not change a field"


def _definition(cls: type[Plugin]) -> dict[str, Any]:
    (_,), components = msgspec.json.schema_components([cls])
    return next(each for each in components.values() if each["title"] == cls.__name__)


CHECKS = (has_a_docstring, has_what_its_kind_needs, has_a_schema, explains_required_fields)
INSTANCE_CHECKS = (settings_survive_a_round_trip, a_copy_is_equal)
