"""What the type of a section's field says of its place in a file. Reading, JSON Schema and `config show` follow it alike.

| type | what stands in the file |
|---|---|
| a base class of plugins, like `Feed` | a plugin's name, or a mapping of `use:` and the plugin's settings |
| a `Stage` | the same, with the keys of the stage beside the settings |
| any other struct | a mapping with a key for each field: a section |
| a tuple or frozenset of any of these | a list |
| a dict of plugins | a mapping of names to plugins |
| `Annotated[..., Written(...)]` | what is written in a way of its own |
| anything else | what msgspec makes of it, with the bounds of its `Meta` |

`Meta(description=...)` describes a field, `X | None` is an X that may be left empty.
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
    """A value that is written in a way of its own."""

    read: "Callable[[Reader, Node, str], Any]"
    """Takes the node and its path; notes what is wrong with it and returns None then."""
    schema: Mapping[str, Any]
    missing: str = ""
    """What to say of it where it must be given, and is not."""


def parsed(parse: Callable[[str], Any], schema: Mapping[str, Any] | None = None, missing: str = "") -> Written:
    """A text that `parse` understands; it raises ValueError for one that it does not."""
    form = {"type": "string", "minLength": 1, **(schema or {})}
    return Written(lambda reader, node, path: reader.text(node, path, parse), form, missing)


class Stage(Struct, frozen=True, kw_only=True):
    """A plugin, and keys of ours that stand beside its settings, like `every` of a job. One field of a subclass is the plugin."""

    elsewhere: ClassVar[str] = ""
    """What to say of a plugin of another class than that field's, though of its kind."""


class Plain(Struct, frozen=True):
    """A value that msgspec knows."""

    kind: Any


class Uses(Struct, frozen=True):
    """A plugin."""

    base: type[Plugin]

    @property
    def kind(self) -> str:
        """What the registry calls plugins of this class."""
        return next(kind for kind, base in KINDS.items() if issubclass(self.base, base))


class Staged(Struct, frozen=True):
    """A plugin with keys of a stage beside its settings."""

    stage: type[Stage]
    field: str
    """The name of the stage's field that is the plugin."""
    uses: Uses

    @property
    def beside(self) -> dict[str, msgspec.structs.FieldInfo]:
        """The stage's other fields."""
        return {name: field for name, field in fields(self.stage).items() if name != self.field}


class Section(Struct, frozen=True):
    """A mapping with a key for each field of a struct."""

    struct: type[Struct]


class Many(Struct, frozen=True):
    """A list."""

    item: Any
    """The type of its items."""


class Names(Struct, frozen=True):
    """A mapping of names to plugins."""

    uses: Uses


Shape = Plain | Written | Uses | Staged | Section | Many | Names


def fields(struct: type[Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    """A struct's fields by their names in a file."""
    return {field.encode_name: field for field in msgspec.structs.fields(struct)}


def default(field: msgspec.structs.FieldInfo) -> Any:
    """What a field is unless told; it must not be required."""
    return field.default_factory() if field.default is msgspec.NODEFAULT else field.default


def description(kind: Any) -> str:
    """What the `Meta` of a type says of it."""
    metas = [each for each in getattr(kind, "__metadata__", ()) if isinstance(each, Meta)]
    return next((meta.description for meta in metas if meta.description), "")


def shape(kind: Any) -> Shape:
    """The shape of what is written for a type."""
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
    """A type without annotations and without None, and how it is written if that is said."""
    if get_origin(kind) is Annotated:
        bare, own = _bare(get_args(kind)[0])
        return bare, next((each for each in kind.__metadata__ if isinstance(each, Written)), own)
    if get_origin(kind) in (Union, UnionType):
        others = [each for each in get_args(kind) if each is not NoneType]
        return _bare(others[0]) if len(others) == 1 else (kind, None)
    return kind, None


def sections(struct: type[Struct], path: str = "") -> Iterator[tuple[str, list[str]]]:
    """The path of each section of a file, and its own keys: those of plugins are not ours to list.

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
