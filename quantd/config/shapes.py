"""Maps the type of a section's field to what stands in the file. Reading, the JSON Schema and `config show` all follow it.

| type | what stands in the file |
|---|---|
| a base class of plugins, like `Feed` | a plugin's name, or a mapping of `use:` and the plugin's settings |
| a `Stage` | the same, with the keys of the stage beside the settings |
| any other struct | a mapping with a key for each field: a section |
| a tuple or frozenset of any of these | a list |
| a dict of plugins | a mapping of names to plugins |
| `Annotated[..., Written(...)]` | a notation of its own |
| anything else | the value that msgspec converts to the type, within the bounds of its `Meta` |

`Meta(description=...)` describes a field; `X | None` is an X that may be left empty.
"""

from collections.abc import Callable, Iterator, Mapping
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from quantd.plugin.base import Plugin
from quantd.plugin.registry import KINDS

if TYPE_CHECKING:
    from quantd.config.node import Node
    from quantd.config.reader import Reader


class Written(Struct, frozen=True):
    """A value that has a notation of its own."""

    read: "Callable[[Reader, Node, str], Any]"
    """Reads the node at a path; notes what is wrong with it, and returns None in that case."""
    schema: Mapping[str, Any]
    missing: str = ""
    """What to write, for the message about a required value that is missing."""


def parsed(parse: Callable[[str], Any], schema: Mapping[str, Any] | None = None, missing: str = "") -> Written:
    """Return the notation of a text that `parse` converts; it raises ValueError for an invalid one."""
    form = {"type": "string", "minLength": 1, **(schema or {})}
    return Written(lambda reader, node, path: reader.text(node, path, parse), form, missing)


class Stage(Struct, frozen=True, kw_only=True):
    """A plugin, and quantd's own keys beside its settings, like `every` of a job. One field of a subclass is the plugin."""

    elsewhere: ClassVar[str] = ""
    """Message for a plugin of the right kind but of another class than that field's."""


class Plain(Struct, frozen=True):
    """A value that msgspec knows."""

    kind: Any


class Uses(Struct, frozen=True):
    """A plugin."""

    base: type[Plugin]

    @property
    def kind(self) -> str:
        """Name of this kind of plugin in the registry."""
        return next(kind for kind, base in KINDS.items() if issubclass(self.base, base))


class Staged(Struct, frozen=True):
    """A plugin with keys of a stage beside its settings."""

    stage: type[Stage]
    field: str
    """Name of the stage's field that is the plugin."""
    uses: Uses

    @property
    def beside(self) -> dict[str, msgspec.structs.FieldInfo]:
        """The other fields of the stage."""
        return {name: field for name, field in fields(self.stage).items() if name != self.field}


class Section(Struct, frozen=True):
    """A mapping with a key for each field of a struct."""

    struct: type[Struct]


class Many(Struct, frozen=True):
    """A list."""

    item: Any
    """Type of its items."""


class Names(Struct, frozen=True):
    """A mapping of names to plugins."""

    uses: Uses


Shape = Plain | Written | Uses | Staged | Section | Many | Names


def fields(struct: type[Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    """Return a struct's fields by their names in a file."""
    return {field.encode_name: field for field in msgspec.structs.fields(struct)}


def default(field: msgspec.structs.FieldInfo) -> Any:
    """Return the default of a field, which must not be required."""
    return field.default_factory() if field.default is msgspec.NODEFAULT else field.default


def description(kind: Any) -> str:
    """Return the description in the `Meta` of a type."""
    metas = [each for each in getattr(kind, "__metadata__", ()) if isinstance(each, Meta)]
    return next((meta.description for meta in metas if meta.description), "")


def shape(kind: Any) -> Shape:
    """Return how values of a type are written in a file."""
    bare, own = _bare(kind)
    if own:
        return own
    origin, args = get_origin(bare), get_args(bare)
    if origin in (tuple, frozenset) and args[1:] in ((), (...,)):
        return Many(args[0])
    if origin is dict and isinstance(found := shape(args[1]), Uses):
        return Names(found)
    return _of_class(bare) if isinstance(bare, type) and issubclass(bare, Struct) else Plain(kind)


def _of_class(struct: type[Struct]) -> Shape:
    if issubclass(struct, Plugin):
        return Uses(struct)
    if not issubclass(struct, Stage):
        return Section(struct)
    name, plugin = next((name, found) for name, each in fields(struct).items() if isinstance(found := shape(each.type), Uses))
    return Staged(struct, name, plugin)


def _bare(kind: Any) -> tuple[Any, Written | None]:
    """Return a type without annotations and without None, and its own notation if it has one."""
    if get_origin(kind) is Annotated:
        bare, own = _bare(get_args(kind)[0])
        return bare, next((each for each in kind.__metadata__ if isinstance(each, Written)), own)
    if get_origin(kind) in (Union, UnionType):
        others = [each for each in get_args(kind) if each is not NoneType]
        return _bare(others[0]) if len(others) == 1 else (kind, None)
    return kind, None


def sections(struct: type[Struct], path: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield the path of each section of a file with its own keys; the keys of plugins are not listed.

    >>> from quantd.config.model import ConfigFile
    >>> dict(sections(ConfigFile))["state."], dict(sections(ConfigFile))["jobs[]."]
    (['dir'], ['every'])
    """
    yield path, list(fields(struct))
    for key, field in fields(struct).items():
        yield from _below(field.type, f"{path}{key}")


def _below(kind: Any, path: str) -> Iterator[tuple[str, list[str]]]:
    match shape(kind):
        case Section(struct):
            yield from sections(struct, f"{path}.")
        case Staged() as staged:
            yield f"{path}.", list(staged.beside)
        case Many(item):
            yield from _below(item, f"{path}[]")
