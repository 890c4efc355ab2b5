"""Reads nodes into values and plugins, and notes every mistake at its place instead of stopping at the first."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from quantd.config.convert import Invalid, convert, inner
from quantd.config.yaml12 import Node
from quantd.errors import Mistake, close_to
from quantd.plugin.blame import blame
from quantd.plugin.registry import Registry

S = TypeVar("S", bound=msgspec.Struct)


class Reader:
    """Collects mistakes; a method that finds one returns None or leaves the item out."""

    def __init__(self, registry: Registry, disabled: Collection[str] = ()) -> None:
        self.registry = registry
        self.mistakes: list[Mistake] = []
        self._disabled = frozenset(disabled)

    def wrong(self, node: Node, path: str, message: str, suggestion: str | None = None) -> None:
        self.mistakes.append(node.mistake(path, message, suggestion))

    def keys(self, node: Node | None, path: str, known: Collection[str]) -> Mapping[str, Node]:
        """The children of a mapping whose keys are known; nothing at all is an empty one."""
        children = {key: child for key, child, _ in self.mapping(node, path)}
        if node is not None:
            self.unknown_keys(node, path, children, known)
        return {key: child for key, child in children.items() if key in known}

    def unknown_keys(self, node: Node, path: str, given: Collection[str], known: Collection[str]) -> None:
        for key in given:
            if key not in known:
                message = f"unknown key; there {_are(known)}"
                self.wrong(node.keys.get(key, node), join(path, key), message, close_to(key, known))

    def mapping(self, node: Node | None, path: str) -> Iterator[tuple[str, Node, str]]:
        """(key, node, path) of a mapping; nothing at all is an empty one."""
        if node is None or node.value is None:
            return
        if not isinstance(node.value, dict):
            self.wrong(node, path, f"expected a mapping, found {shown(node)}")
            return
        for key, child in node.value.items():
            yield key, child, join(path, key)

    def items(self, node: Node | None, path: str) -> Iterator[tuple[Node, str]]:
        """(node, path) of a list; nothing at all is an empty one."""
        if node is None or node.value is None:
            return
        if not isinstance(node.value, list):
            hint = f": write [{node.value}], or a line `- {node.value}` below" if _is_word(node.value) else ""
            self.wrong(node, path, f"expected a list, found {shown(node)}{hint}")
            return
        for number, child in enumerate(node.value):
            yield child, f"{path}[{number}]"

    def value(self, node: Node | None, path: str, kind: Any, default: Any = None) -> Any:
        """The node's value as a type that msgspec knows."""
        if node is None:
            return default
        before = len(self.mistakes)
        self._check_children(node, path, *inner(kind))
        if len(self.mistakes) > before:
            return default
        try:
            return convert(node.plain, kind)
        except Invalid as error:
            self.wrong(node, path, f"{error}, found {shown(node)}", error.suggestion)
            return default

    def _check_children(self, node: Node, path: str, key_kind: Any, kind: Any) -> None:
        """Note what is wrong below a node, each mistake at its own place."""
        if key_kind is not None and isinstance(node.value, dict):
            for key, child in node.value.items():
                at = node.keys.get(key) or child
                self.value(Node(key, at.file, at.line, at.column), join(path, key), key_kind)
                self.value(child, join(path, key), kind)
        elif key_kind is None and kind is not None and isinstance(node.value, list):
            for number, child in enumerate(node.value):
                self.value(child, f"{path}[{number}]", kind)

    def text(self, node: Node | None, path: str, parse: Callable[[str], Any], default: Any = None) -> Any:
        """A text that `parse` understands; it raises ValueError for one that it does not."""
        if node is None:
            return default
        if not isinstance(node.value, str):
            hint = ": put it into quotes" if isinstance(node.value, (int, float)) else ""
            self.wrong(node, path, f"expected a text, found {shown(node)}{hint}")
            return default
        try:
            return parse(node.value)
        except ValueError as error:
            self.wrong(node, path, str(error), error.suggestion if isinstance(error, Invalid) else None)
            return default

    def plugin(self, kind: str, node: Node, path: str, *, use: str | None = None, besides: Collection[str] = ()) -> Any:
        """The plugin that `use:` names, with the other keys as its fields; a bare text is short for `use:`. Keys `besides` are not its."""
        settings = self._settings(node, path)
        if settings is None:
            return None
        named = settings.pop("use", None) or Node(use, node.file, node.line, node.column)
        entry = self.registry.get(kind, named.value) if isinstance(named.value, str) else None
        if entry is None:
            self._no_plugin(kind, named, path if named is node else join(path, "use"))
            return None
        try:
            return self._made(entry.plugin, node, settings, path, besides)
        except Exception as error:  # whatever the code of a plugin may raise
            self.wrong(node, path, f"{kind} {entry.name!r} of {entry.source} failed: {blame(error)}")
            return None

    def _settings(self, node: Node, path: str) -> dict[str, Node] | None:
        if isinstance(node.value, dict):
            return dict(node.value)
        if isinstance(node.value, str):
            return {"use": node}
        if node.value is None:
            return {}
        self.wrong(node, path, f"expected a plugin's name or a mapping with `use:`, found {shown(node)}")
        return None

    def _no_plugin(self, kind: str, named: Node, path: str) -> None:
        names = self.registry.names(kind)
        if not isinstance(named.value, str):
            found = "" if named.value is None else f", found {shown(named)}"
            self.wrong(named, path, f"`use:` must name a {kind}{found}; there {_are(names)}")
            return
        if not self._disabled.isdisjoint({named.value, f"{kind}:{named.value}"}):
            self.wrong(named, path, f"{kind} {named.value!r} is disabled by `plugins.disable`")
            return
        broken = "".join(f"; {fault.source} could not be loaded: {fault.message}" for fault in self.registry.faults)
        self.wrong(named, path, f"no {kind} {shown(named)}; there {_are(names)}{broken}", close_to(named.value, names))

    def struct(self, node: Node | None, path: str, cls: type[S]) -> S | None:
        """A mapping as the fields of a struct that has a default for each; nothing at all is that."""
        given = {key: child for key, child, _ in self.mapping(node, path)}
        return self._made(cls, node, given, path, ()) if node and given else cls()

    def _made(self, cls: type[S], node: Node, given: Mapping[str, Node], path: str, besides: Collection[str]) -> S | None:
        fields = {field.encode_name: field for field in msgspec.structs.fields(cls)}
        before = len(self.mistakes)
        self.unknown_keys(node, path, given, [*fields, *besides])
        values = {field.name: self.value(given[key], join(path, key), field.type) for key, field in fields.items() if key in given}
        for key, field in fields.items():
            if field.required and key not in given:
                self.wrong(node, path, f"{key!r} is missing")
        if len(self.mistakes) > before:
            return None
        try:
            return cls(**values)
        except ValueError as error:
            self._wrong_field(node, given, path, str(error))
            return None

    def _wrong_field(self, node: Node, given: Mapping[str, Node], path: str, message: str) -> None:
        """A message that begins with the name of a field is about that one."""
        name, colon, text = message.partition(": ")
        if colon and name in given:
            self.wrong(given[name], join(path, name), text)
        else:
            self.wrong(node, path, message)


def shown(node: Node) -> str:
    """A node's value, short enough for a message."""
    value = node.value
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def join(path: str, key: str) -> str:
    """`path.key`, in quotes where the key is not made of printable letters."""
    name = key if key and key.isprintable() and len(key) <= 60 else repr(key[:60])
    return f"{path}.{name}" if path else name


def _is_word(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and 0 < len(value) <= 60


def _are(names: Collection[str]) -> str:
    return f"is {', '.join(sorted(names))}" if names else "is none"
