"""Parses YAML with 1.2 scalars (`on` is a text, 1e-4 a number), without duplicate keys, and with the position of every value."""

import re
from collections.abc import Callable
from typing import Any

import yaml

from quantd.config.node import Node
from quantd.errors import ConfigError, Mistake

_TAG = "tag:yaml.org,2002:"
_DEEPEST = 40
_MOST_NODES = 20_000
_LONGEST_NUMBER = 20
_BRACES = "\uf8f0\uf8f1"
_VARIABLE = re.compile(r"\$\{(\w+(?::-[^}\n]*)?)\}")
_KEPT = re.compile(rf"\$[{_BRACES[0]}]([^{_BRACES}]*)[{_BRACES[1]}]")


class _Loader(yaml.SafeLoader):
    """Composes nodes with the resolvers of YAML 1.2's core schema."""

    yaml_implicit_resolvers = {}  # noqa: RUF012


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+0123456789."),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"{_TAG}{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first))


def parse(text: str, file: str, mistakes: list[Mistake] | None = None) -> Node:
    """Return the document's nodes; an empty document is an empty mapping. Raises ConfigError.

    The braces of `${NAME}` are part of a text, though they would be YAML syntax in `{dir: ${HOME}/x}`: private-use characters stand for
    them during parsing. A mistake after which the rest can still be read, like a duplicate key, is added to `mistakes` if the list is
    given.
    """
    root = _composed(_VARIABLE.sub(rf"${_BRACES[0]}\1{_BRACES[1]}", text), file)
    if root is None:
        return Node({}, file)
    reader = _Reader(file)
    node = reader.node(root, 0)
    if mistakes is not None:
        mistakes += reader.mistakes
    elif reader.mistakes:
        raise ConfigError(reader.mistakes)
    return node


def _composed(text: str, file: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        hint = _hint(text.splitlines()[mark.line]) if mark and mark.line < len(text.splitlines()) else ""
        raise ConfigError([Mistake(file, *where, "", f"not YAML: {_plainly(error.problem or error.context or '')}{hint}")]) from None
    except yaml.reader.ReaderError as error:
        where = _position(text, error.position)
        raise ConfigError([Mistake(file, *where, "", f"not YAML: the character {text[error.position]!a} may not stand here")]) from None
    except (ValueError, OverflowError):
        raise ConfigError([Mistake(file, 1, 1, "", "not YAML: an escape like \\U00110000 is no character")]) from None
    except RecursionError:
        raise ConfigError([Mistake(file, 1, 1, "", "too deep or too large for a config")]) from None


def _hint(line: str) -> str:
    return "; put a text with ${ into quotes, or write ${NAME}" if "${" in line else ""


def _plainly(problem: str) -> str:
    if "another document" in problem:
        return "a second document begins here, and a file holds one"
    return "indent with spaces: a tab may not stand here" if r"'\t'" in problem else problem


def _position(text: str, index: int) -> tuple[int, int]:
    """Return line and column of a character, counted from 1."""
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def scalar(text: str) -> Any:
    """Return the value of a plain scalar.

    >>> [scalar(text) for text in ("on", "1e-4", "012", "10:30", "true", "~", "0o17")]
    ['on', 0.0001, 12, '10:30', True, None, 15]
    """
    tags = (tag for tag, pattern in _Loader.yaml_implicit_resolvers.get(text[:1], []) if pattern.match(text))
    return _convert(next(tags, f"{_TAG}str"), text)


class _Reader:
    def __init__(self, file: str) -> None:
        self.mistakes: list[Mistake] = []
        self._file = file
        self._count = 0

    def node(self, source: yaml.Node, depth: int) -> Node:
        mark = source.start_mark
        made = Node(None, self._file, mark.line + 1, mark.column + 1)
        self._count += 1
        if depth > _DEEPEST or self._count > _MOST_NODES:
            raise ConfigError([made.mistake("", "too deep or too large for a config")])
        if isinstance(source, yaml.ScalarNode):
            made.value = self._scalar(made, source)
            made.written = _written(source, made.value)
        elif source.tag not in (f"{_TAG}map", f"{_TAG}seq"):
            self.mistakes.append(made.mistake("", f"tag {source.tag!r} has no meaning here"))
        elif isinstance(source, yaml.MappingNode):
            made.value = {}
            self._fill(made, source, depth)
        else:
            made.value = [self.node(item, depth + 1) for item in source.value]
        return made

    def _fill(self, made: Node, source: yaml.MappingNode, depth: int) -> None:
        merged = Node({}, self._file)
        for key_source, value_source in source.value:
            key, value = self.node(key_source, depth + 1), self.node(value_source, depth + 1)
            name = _braced(str(key_source.value)).encode("utf-8", "backslashreplace").decode()
            if key_source.tag == f"{_TAG}merge":
                self._merge(merged, value)
            elif not isinstance(key_source, yaml.ScalarNode):
                self.mistakes.append(key.mistake("", "a key must be plain text"))
            elif name in made.keys:
                first = made.keys[name].line
                self.mistakes.append(key.mistake("", f"{name!r} stands here a second time, the first is at line {first}"))
            else:
                made.keys[name], made.value[name] = key, value
        made.value, made.keys = merged.value | made.value, merged.keys | made.keys

    def _merge(self, made: Node, other: Node) -> None:
        for each in other.value if isinstance(other.value, list) else [other]:
            if not isinstance(each.value, dict):
                self.mistakes.append(each.mistake("", "<< takes a mapping"))
                continue
            made.value, made.keys = each.value | made.value, each.keys | made.keys

    def _scalar(self, made: Node, source: yaml.ScalarNode) -> Any:
        try:
            return _convert(source.tag, _braced(source.value))
        except ValueError as error:
            self.mistakes.append(made.mistake("", str(error)))
            return _braced(source.value)


def _written(source: yaml.ScalarNode, value: Any) -> str:
    """Return how a text stands in the file, if that differs from its value."""
    begin, end = source.start_mark, source.end_mark
    if begin.buffer is None or not isinstance(value, str):
        return ""
    written = _braced(begin.buffer[begin.pointer : end.pointer])
    return "" if written == value else written


def _braced(text: str) -> str:
    return _KEPT.sub(r"${\1}", text)


def _convert(tag: str, text: str) -> Any:
    """Convert the text of a scalar as its tag says. Raises ValueError."""
    kind = tag.removeprefix(_TAG)
    if kind in ("str", "merge"):
        return _printable(text)
    if kind not in _CONVERTERS:
        raise ValueError(f"tag {tag!r} has no meaning here")
    if not any(of == tag and pattern.match(text) for of, pattern in _Loader.yaml_implicit_resolvers.get(text[:1], [])):
        raise ValueError(f"{text!r} is no {kind}")
    return _CONVERTERS[kind](text)


def _printable(text: str) -> str:
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError(f"{text!a} is not made of characters: half of a pair stands alone")
    return text


def _integer(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(f"a number of more than {_LONGEST_NUMBER} digits")
    return int(text, 0 if text[:2] in ("0o", "0x") else 10)


def _float(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


_CONVERTERS: dict[str, Callable[[str], Any]] = {
    "null": lambda text: None,
    "bool": lambda text: text.lower() == "true",
    "int": _integer,
    "float": _float,
}
