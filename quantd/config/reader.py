"""Reads nodes into values and plugins. Every mistake is noted at its place, and reading continues."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from quantd.conditions.errors import WrongCondition
from quantd.config.convert import Invalid, convert, fitted, inner, kinds
from quantd.config.lookalikes import oddities, plain
from quantd.config.node import ENVIRONMENT, Node, shown
from quantd.config.shapes import Written, fields, shape
from quantd.errors import Mistake, close_to
from quantd.plugin.base import Plugin
from quantd.plugin.blame import blame
from quantd.plugin.contract import demand_answers
from quantd.plugin.registry import Entry, Registry

S = TypeVar("S", bound=msgspec.Struct)
_RENAMED = {"streams": "channels"}
"""Keys of earlier versions that do not look like those of now."""


class Reader:
    """Collects mistakes. A method that finds one returns None or leaves the item out."""

    def __init__(self, registry: Registry, disabled: Collection[str] = ()) -> None:
        self.registry = registry
        self.mistakes: list[Mistake] = []
        self._disabled = frozenset(disabled)

    def wrong(self, node: Node, path: str, message: str, suggestion: str | None = None) -> None:
        self.mistakes.append(node.mistake(path, message, suggestion))

    def wrong_word(self, node: Node, path: str, error: WrongCondition) -> None:
        """Note what is wrong with a word of a condition, at that word; outside of files, the message tells the column."""
        self.wrong(node.word(error.begin), path, error.message if node.line else str(error), error.suggestion)

    def keys(self, node: Node | None, path: str, known: Collection[str], hint: str = "") -> Mapping[str, Node]:
        """Return the children of a mapping whose keys are known; a missing value is an empty mapping. `hint` tells what to write instead of
        what is no mapping."""
        children = {key: child for key, child, _ in self.mapping(node, path, f" of {', '.join(known)}", hint)}
        if node is not None:
            self.unknown_keys(node, path, children, known)
        return {key: child for key, child in children.items() if key in known}

    def unknown_keys(self, node: Node, path: str, given: Collection[str], known: Collection[str]) -> None:
        for key in given:
            if key not in known:
                message = "; ".join([*oddities(key), f"unknown key; there {_are(known)}"])
                now = _RENAMED.get(key)
                self.wrong(node.keys.get(key, node), join(path, key), message, now if now in known else close_to(plain(key), known))

    def mapping(self, node: Node | None, path: str, of: str = "", hint: str = "") -> Iterator[tuple[str, Node, str]]:
        """Yield (key, node, path) for a mapping; a missing value is an empty mapping. `of` says what its entries are, and `hint` what to
        write instead of something else."""
        if node is None or node.is_nothing:
            return
        if not isinstance(node.value, dict):
            self.wrong(node, path, f"expected a mapping{of}, found {shown(node)}{hint}")
            return
        for key, child in node.value.items():
            yield key, child, join(path, key)

    def items(self, node: Node | None, path: str) -> Iterator[tuple[Node, str]]:
        """Yield (node, path) for a list; a missing value is an empty list."""
        if node is None or node.is_nothing:
            return
        if not isinstance(node.value, list):
            self.wrong(node, path, f"expected a list, found {shown(node)}{_as_list(node)}")
            return
        for number, child in enumerate(node.value):
            yield child, f"{path}[{number}]"

    def value(self, node: Node | None, path: str, kind: Any, default: Any = None) -> Any:
        """Return the node's value as a type that msgspec knows."""
        if node is None:
            return default
        before = len(self.mistakes)
        try:
            if node.filled and node.filled.text is not None:
                node.value = fitted(node.value, node.filled.text, kind)
            self._check_children(node, path, *inner(kind))
            self._check_fields(node, path, kinds(kind))
            return convert(node.plain, kind) if len(self.mistakes) == before else default
        except Invalid as error:
            hints = {"expected a list": _as_list, "expected a text": _as_text}
            hint = hints[str(error)](node) if str(error) in hints else ""
            self.mistakes.append(node.place(path, f"{error}, found {shown(node)}{hint}", error.suggestion))
            return default

    def _check_children(self, node: Node, path: str, key_kind: Any, kind: Any) -> None:
        """Note the mistakes below a node, each at its own place."""
        if key_kind is not None and isinstance(node.value, dict):
            for key, child in node.value.items():
                at = node.keys.get(key) or child
                self.value(at.at(key), join(path, key), key_kind)
                self.value(child, join(path, key), kind)
        elif key_kind is None and kind is not None and isinstance(node.value, list):
            for number, child in enumerate(node.value):
                self.value(child, f"{path}[{number}]", kind)

    def _check_fields(self, node: Node, path: str, kinds: Mapping[str, Any]) -> None:
        for key, kind in kinds.items() if isinstance(node.value, dict) else ():
            self.value(node.value.get(key), join(path, key), kind)

    def text(self, node: Node | None, path: str, parse: Callable[[str], Any], default: Any = None) -> Any:
        """Return a text as parsed by `parse`, which raises ValueError for an invalid one."""
        if node is None:
            return default
        text = node.filled.text if node.filled and node.filled.text is not None else node.value
        if not isinstance(text, str):
            self.wrong(node, path, _why_no_text(node, parse))
            return default
        try:
            return parse(text)
        except WrongCondition as error:
            self.wrong_word(node, path, error)
        except ValueError as error:
            self.wrong(node, path, str(error), error.suggestion if isinstance(error, Invalid) else None)
        return default

    def plugin(self, kind: str, node: Node, path: str, *, use: str | None = None, besides: Collection[str] = ()) -> Any:
        """Return the plugin that `use:` names, with the other keys as its fields. A plain text is short for `use:`. The keys in `besides`
        are not the plugin's."""
        settings = self._settings(node, path)
        if settings is None:
            return None
        named = settings.pop("use", None) or Node(use, node.file, node.line, node.column)
        entry = self.registry.get(kind, named.value) if isinstance(named.value, str) else None
        if entry is None:
            self._no_plugin(kind, named, path if named is node else join(path, "use"))
            return None
        try:
            made = self._settings_of(entry, node, settings, path, besides)
            if made is not None:
                demand_answers(made)
            return made
        except Exception as error:  # a plugin's code may raise anything
            self.wrong(node, path, f"{kind} {entry.name!r} of {entry.source} failed: {blame(error)}")
            return None

    def _settings(self, node: Node, path: str) -> dict[str, Node] | None:
        if node.is_nothing:
            return {}
        if isinstance(node.value, dict):
            return dict(node.value)
        if isinstance(node.value, str):
            return {"use": node}
        self.wrong(node, path, f"expected a plugin's name or a mapping like {{use: its-name}}, found {shown(node)}")
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
        refused = [fault for fault in self.registry.faults if fault.message.startswith(f"{kind} {named.value!r}: ")]
        broken = "".join(f"; {fault.source} could not be loaded: {fault.message}" for fault in refused or self.registry.faults)
        odd = "".join(f"; {each}" for each in oddities(named.value))
        self.wrong(named, path, f"no {kind} {shown(named)}{odd}; there {_are(names)}{broken}", close_to(plain(named.value), names))

    def _settings_of(self, entry: Entry, node: Node, given: Mapping[str, Node], path: str, besides: Collection[str]) -> Plugin | None:
        """Return a plugin with these settings."""
        before = len(self.mistakes)
        known = fields(entry.plugin)
        self.unknown_keys(node, path, given, [*known, *besides])
        values = {field.name: self.value(given[key], join(path, key), field.type) for key, field in known.items() if key in given}
        return self.made(entry.plugin, node, given, path, values, before)

    def made(self, cls: type[S], node: Node, given: Mapping[str, Node], path: str, values: Mapping[str, Any], before: int) -> S | None:
        """Return the struct with these values; None if there are more mistakes than the `before` that were noted earlier, a field is
        missing, or the struct rejects the values."""
        for key, field in fields(cls).items():
            if field.required and key not in given:
                self.wrong(node, path, f"{key!r} is missing{_hint(field.type)}")
        if len(self.mistakes) > before:
            return None
        try:
            return cls(**values)
        except ValueError as error:
            self._wrong_field(node, given, path, str(error))
            return None

    def _wrong_field(self, node: Node, given: Mapping[str, Node], path: str, message: str) -> None:
        """Note a mistake at the field with whose name the message begins, or at the text that the message quotes."""
        name, colon, text = message.partition(": ")
        if colon and name in given:
            self.wrong(given[name], join(path, name), text)
        else:
            self.wrong(*(_quoted(given, path, message) or (node, path)), message)


def join(path: str, key: str) -> str:
    """Return `path.key`, with the key in quotes if it is not made of printable letters."""
    name = key if key and key.isprintable() and len(key) <= 60 else repr(key[:60])
    return f"{path}.{name}" if path else name


def _hint(kind: Any) -> str:
    """Return what a missing field is for, if its type says so."""
    of = shape(kind)
    return f": {of.missing}" if isinstance(of, Written) and of.missing else ""


def _as_list(node: Node) -> str:
    """Return how to write a single value as a list."""
    if node.file.startswith(ENVIRONMENT):
        return ": write [it], in brackets"
    if isinstance(node.value, dict) and node.value:
        return f": begin each line with a dash, as in `- {next(iter(node.value))}: ...`"
    word = node.filled.written if node.filled else node.value
    is_word = isinstance(word, str) and word.isprintable() and 0 < len(word) <= 60
    return f": write [{word}], or a line `- {word}` below" if is_word else ""


def _as_text(node: Node) -> str:
    is_number = isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
    return ": put it into quotes" if is_number and not node.filled else ""


def _why_no_text(node: Node, parse: Callable[[str], Any]) -> str:
    """Return what is wrong with a value that is no text. Quotes help a number only if `parse` takes its digits."""
    hint = _as_text(node)
    if hint:
        try:
            parse(str(node.value))
        except ValueError as error:
            return error.message if isinstance(error, WrongCondition) else str(error)
    return f"expected a text, found {shown(node)}{hint}"


def _quoted(given: Mapping[str, Node], path: str, message: str) -> tuple[Node, str] | None:
    """Return the node of a text that a message quotes, and its path."""
    for key, child in given.items():
        if isinstance(child.value, dict) and (found := _quoted(child.value, join(path, key), message)):
            return found
        if isinstance(child.value, str) and repr(child.value) in message:
            return child, join(path, key)
    return None


def _are(names: Collection[str]) -> str:
    return f"is {', '.join(sorted(names))}" if names else "is none"
