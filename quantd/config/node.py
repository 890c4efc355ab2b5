"""A value of a config with the place where it stands, and with what of it came from the environment, which no message may show."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from quantd.errors import Mistake

ENVIRONMENT = "environment variable "
"""How the `file` of a node begins that is not from a file but from there."""
_SHORT = 4
_PART = 3
_QUOTED = re.compile(r"(['\"])(.*?)\1")
_NOTHING = ("", "~", "null", "Null", "NULL")


class Filled(Struct, frozen=True):
    """What the environment gave to a value."""

    written: str
    """What a message shows instead of the value, like `https://${USER}@host`."""
    text: str | None
    """The value where a text is wanted; None of a part of a list or mapping that a variable holds, which is what YAML makes of it."""
    secrets: Mapping[str, str]
    """What the environment gave, by the name of its variable."""
    flaw: str = ""
    """Why the text can be nothing but a text."""


class Node(Struct):
    """A value and where it stands: a scalar, a list of nodes, or a dict of nodes with the nodes of its keys."""

    value: Any
    file: str
    line: int = 1
    column: int = 1
    keys: dict[str, "Node"] = {}
    filled: Filled | None = None

    @property
    def plain(self) -> Any:
        """The value as builtins."""
        if isinstance(self.value, dict):
            return {key: node.plain for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain for node in self.value]
        return self.value

    @property
    def is_nothing(self) -> bool:
        """Whether no value is given: an empty variable is none where neither a text nor a number is asked for."""
        return self.value is None or (self.filled is not None and self.filled.text in _NOTHING)

    def at(self, value: Any) -> "Node":
        """Another value that stands at this place, like the key of a mapping."""
        filled = self.filled and Filled(self.filled.written, None, self.filled.secrets)
        return Node(value, self.file, self.line, self.column, filled=filled)

    def place(self, path: str, message: str, suggestion: str | None = None) -> Mistake:
        """A mistake at this place, in words that tell nothing of the value."""
        return Mistake(self.file, self.line, self.column, path, message, suggestion)

    def mistake(self, path: str, message: str, suggestion: str | None = None) -> Mistake:
        """A mistake at this place; what came from the environment is shown by its name, and nothing is suggested that was made of it."""
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
    """The text with `${NAME}` for the secret, in any case, in quotes or without, and for each part of it that is quoted; one of a few
    letters only in quotes."""
    forms = {form for form in (secret, repr(secret)[1:-1]) if form}
    for form in sorted(forms, key=len, reverse=True):
        pattern = re.escape(form) if len(form) >= _SHORT else rf"(?<=['\"]){re.escape(form)}(?=['\"])"
        text = re.sub(pattern, lambda match: f"${{{name}}}", text, flags=re.IGNORECASE)
    return _QUOTED.sub(lambda match: f"'${{{name}}}'" if len(match[2]) >= _PART and match[2].lower() in secret.lower() else match[0], text)


def shown(node: Node) -> str:
    """A node's value, short enough for a message."""
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
