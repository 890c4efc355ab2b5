"""A value of a config with its place, and with the parts that came from the environment, which no message may show."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from quantd.errors import Mistake

ENVIRONMENT = "environment variable "
"""Prefix of the `file` of a node that comes from the environment."""
_SHORT = 4
_PART = 3
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|\n[ \t]*|.)", re.DOTALL)
"""An escape of a text in double quotes."""
_PRINTED = '\n"/ \\xuU'
"""What begins an escape, after its backslash, that stands for what is printed."""
_QUOTED = re.compile(r"(['\"])(.*?)\1")
_NOTHING = ("", "~", "null", "Null", "NULL")


class Filled(Struct, frozen=True):
    """The part of a value that came from the environment."""

    written: str
    """Text that a message shows instead of the value, like `https://${USER}@host`."""
    text: str | None
    """The value if a text is wanted; None for a part of a list or mapping that a variable holds, whose value is the one that YAML makes of
    it."""
    secrets: Mapping[str, str]
    """Values from the environment, by the name of their variable."""
    flaw: str = ""
    """Why the text can only be read as a text."""


class Node(Struct):
    """A value and its place: a scalar, a list of nodes, or a dict of nodes with the nodes of its keys."""

    value: Any
    file: str
    line: int = 1
    column: int = 1
    keys: dict[str, "Node"] = {}
    filled: Filled | None = None
    written: str = ""
    """How a text stands in the file, if that differs from its value: in quotes, or over several lines."""

    @property
    def plain(self) -> Any:
        """Return the value as built-in types."""
        if isinstance(self.value, dict):
            return {key: node.plain for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain for node in self.value]
        return self.value

    @property
    def is_nothing(self) -> bool:
        """Return whether no value is given. An empty variable counts as none, unless a text or a number is asked for."""
        return self.value is None or (self.filled is not None and self.filled.text in _NOTHING)

    def at(self, value: Any) -> "Node":
        """Return another value, such as the key of a mapping, at the place of this one."""
        filled = self.filled and Filled(self.filled.written, None, self.filled.secrets)
        return Node(value, self.file, self.line, self.column, filled=filled)

    def word(self, begin: int) -> "Node":
        """Return the node of a word of this text, which begins at a place counted from 0. The place of a word is not known in a text that
        came from the environment, or has escapes of control characters; there it is that of the whole."""
        written = _unescaped(self.written)
        if self.filled or written is None:
            return self
        if not written:
            return Node(self.value, self.file, self.line, self.column + begin)
        before = written[: _offset(written, self.value[: begin + 1])]
        lines = before.count("\n")
        column = len(before) - before.rfind("\n") if lines else self.column + len(before)
        return Node(self.value, self.file, self.line + lines, column)

    def place(self, path: str, message: str, suggestion: str | None = None) -> Mistake:
        """Return a mistake at this place, in words that reveal nothing of the value."""
        return Mistake(self.file, self.line, self.column, path, message, suggestion)

    def mistake(self, path: str, message: str, suggestion: str | None = None) -> Mistake:
        """Return a mistake at this place. Values from the environment are shown by their names, and no suggestion is derived from them."""
        secrets = list(self._secrets())
        for name, secret in secrets:
            message = _masked(message, name, secret)
        return self.place(path, message, None if secrets else suggestion)

    def _secrets(self) -> Iterator[tuple[str, str]]:
        if self.filled:
            yield from self.filled.secrets.items()
        children = self.value.values() if isinstance(self.value, dict) else self.value if isinstance(self.value, list) else ()
        for child in children:
            yield from child._secrets()


def _masked(text: str, name: str, secret: str) -> str:
    """Replace the secret in a text by `${NAME}`, in any case, quoted or not, and also each quoted part of it. A secret of a few letters is
    replaced only in quotes."""
    forms = {form for form in (secret, repr(secret)[1:-1]) if form}
    for form in sorted(forms, key=len, reverse=True):
        pattern = re.escape(form) if len(form) >= _SHORT else rf"(?<=['\"]){re.escape(form)}(?=['\"])"
        text = re.sub(pattern, lambda match: f"${{{name}}}", text, flags=re.IGNORECASE)
    return _QUOTED.sub(lambda match: f"'${{{name}}}'" if len(match[2]) >= _PART and match[2].lower() in secret.lower() else match[0], text)


def _unescaped(written: str) -> str | None:
    r"""Return the form in which a file has a text, with each escape replaced by its letter and NULs, which keep the places.
    None if one stands for a control character.

    >>> _unescaped(r'"\u0070rice"').replace("\0", ".")
    '"p.....rice"'
    """
    if not written.startswith('"'):
        return written
    if any(match[1][0] not in _PRINTED for match in _ESCAPE.finditer(written)):
        return None
    return _ESCAPE.sub(lambda match: _letter(match[1]).ljust(len(match[0]), "\0"), written)


def _letter(escape: str) -> str:
    """Return the letter of an escape, which is given without its backslash; the line break at which a text goes on in the next line."""
    if escape[0] == "\n":
        return "\0" + escape
    return chr(int(escape[1:], 16)) if escape[0] in "xuU" and len(escape) > 1 else escape


def _offset(written: str, text: str) -> int:
    """Return where the last letter of a text stands in the form in which a file has it, which has all letters of the text, quotes, and line
    breaks with indentation for spaces. A block, which begins with | or >, begins in its second line."""
    at = written.find("\n") if written[0] in "|>" else 0 if written[0] in "'\"" else -1
    for letter in text:
        found = written.find(letter, at + 1)
        at = found if found >= 0 else at
    return max(at, 0)


def shown(node: Node) -> str:
    """Return a node's value, shortened for a message."""
    if node.filled:
        return node.filled.written + (f", {node.filled.flaw}" if node.filled.flaw else "")
    value = node.value
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
