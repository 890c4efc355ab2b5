"""Reads nodes into values and plugins, and notes every mistake at its place instead of stopping at the first."""

import re
from collections.abc import Callable, Collection, Iterator
from difflib import get_close_matches
from typing import Any, TypeVar

import msgspec

from quantd.config.yaml12 import Node
from quantd.errors import Mistake
from quantd.plugin.base import Plugin
from quantd.plugin.registry import Registry

P = TypeVar("P", bound=Plugin)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")


class Reader:
    """Collects mistakes; a method that finds one returns None or leaves the item out."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.mistakes: list[Mistake] = []

    def wrong(self, node: Node, path: str, message: str, suggestion: str | None = None) -> None:
        self.mistakes.append(node.mistake(path, message, suggestion))

    def unknown_keys(self, node: Node, path: str, known: Collection[str]) -> None:
        for key in node.value:
            if key not in known:
                self.wrong(node.keys.get(key, node), _join(path, key), f"unknown key; there {_are(known)}", close_to(key, known))

    def mapping(self, node: Node | None, path: str) -> Iterator[tuple[str, Node, str]]:
        """(key, node, path) of a mapping; nothing at all is an empty one."""
        if node is None or node.value is None:
            return
        if not isinstance(node.value, dict):
            self.wrong(node, path, f"expected a mapping, found {shown(node)}")
            return
        for key, child in node.value.items():
            yield key, child, _join(path, key)

    def items(self, node: Node | None, path: str) -> Iterator[tuple[Node, str]]:
        """(node, path) of a list; nothing at all is an empty one."""
        if node is None or node.value is None:
            return
        if not isinstance(node.value, list):
            self.wrong(node, path, f"expected a list, found {shown(node)}")
            return
        for number, child in enumerate(node.value):
            yield child, f"{path}[{number}]"

    def value(self, node: Node | None, path: str, kind: Any, default: Any = None) -> Any:
        """The node's value as a type that msgspec knows."""
        if node is None:
            return default
        try:
            return msgspec.convert(node.plain, kind)
        except msgspec.ValidationError as error:
            self._not_valid(node, path, error)
            return default

    def text(self, node: Node | None, path: str, parse: Callable[[str], Any], default: Any = None) -> Any:
        """A text that `parse` understands; it raises ValueError for one that it does not."""
        if node is None:
            return default
        if not isinstance(node.value, str):
            self.wrong(node, path, f"expected a text, found {shown(node)}")
            return default
        try:
            return parse(node.value)
        except ValueError as error:
            self.wrong(node, path, str(error))
            return default

    def plugin(self, kind: str, node: Node, path: str, *, use: str | None = None, besides: Collection[str] = ()) -> Any:
        """The plugin that `use:` names, with the other keys as its fields; a bare text is short for `use:`. Keys `besides` are not its."""
        settings = self._settings(node, path)
        if settings is None:
            return None
        named = settings.pop("use", None) or Node(use, node.file, node.line, node.column)
        if isinstance(node.value, str):
            named = node
        entry = self.registry.get(kind, named.value) if isinstance(named.value, str) else None
        if entry is None:
            self._no_plugin(kind, named, _join(path, "use") if isinstance(node.value, dict) else path)
            return None
        fields = {key: child for key, child in settings.items() if key not in besides}
        return self._made(entry.plugin, node, fields, path, besides)

    def _settings(self, node: Node, path: str) -> dict[str, Node] | None:
        if isinstance(node.value, dict):
            return dict(node.value)
        if node.value is None or isinstance(node.value, str):
            return {}
        self.wrong(node, path, f"expected a plugin's name or a mapping with `use:`, found {shown(node)}")
        return None

    def _no_plugin(self, kind: str, named: Node, path: str) -> None:
        names = self.registry.names(kind)
        if named.value is None:
            self.wrong(named, path, f"`use:` must name a {kind}; there {_are(names)}")
            return
        broken = "".join(f"; {fault.source} could not be loaded: {fault.message}" for fault in self.registry.faults)
        self.wrong(named, path, f"no {kind} {shown(named)}; there {_are(names)}{broken}", close_to(str(named.value), names))

    def _made(self, cls: type[P], node: Node, given: dict[str, Node], path: str, besides: Collection[str]) -> P | None:
        fields = {field.encode_name: field for field in msgspec.structs.fields(cls)}
        before = len(self.mistakes)
        if given:
            self.unknown_keys(
                Node({key: given[key] for key in given}, node.file, node.line, node.column, node.keys), path, [*fields, *besides]
            )
        values = {field.name: self.value(given[key], _join(path, key), field.type) for key, field in fields.items() if key in given}
        for key, field in fields.items():
            if field.required and key not in given:
                self.wrong(node, path, f"{key!r} is missing")
        if len(self.mistakes) > before:
            return None
        try:
            return cls(**values)
        except (ValueError, TypeError) as error:
            self.wrong(node, path, str(error))
            return None

    def _not_valid(self, node: Node, path: str, error: msgspec.ValidationError) -> None:
        message, _, inside = str(error).partition(" - at `$")
        for key, number in _STEP.findall(inside.rstrip("`")):
            children = node.value
            if key and isinstance(children, dict) and key in children:
                node, path = children[key], _join(path, key)
            elif number.isdigit() and isinstance(children, list) and int(number) < len(children):
                node, path = children[int(number)], f"{path}[{number}]"
            else:
                path += f".{key}" if key else f"[{number}]"
        self.wrong(node, path, f"{message[:1].lower()}{message[1:]}, found {shown(node)}")


def shown(node: Node) -> str:
    """A node's value, short enough for a message."""
    value = node.value
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def close_to(word: str, words: Collection[str]) -> str | None:
    """The word that was probably meant."""
    found = get_close_matches(word, list(words), 1)
    return found[0] if found else None


def _are(names: Collection[str]) -> str:
    return f"is {', '.join(sorted(names))}" if names else "is none"
