"""YAML as people mean it: 1.2 scalars (`on` is a text, 1e-4 a number), no duplicate keys, and the position of everything."""

import re
from typing import Any

import yaml
from msgspec import Struct

from quantd.errors import ConfigError, Mistake

_DEEPEST = 40
_MOST_NODES = 20_000


class Node(Struct):
    """A value and where it stands: a scalar, a list of nodes, or a dict of nodes with the nodes of its keys."""

    value: Any
    file: str
    line: int = 1
    column: int = 1
    keys: dict[str, "Node"] = {}

    @property
    def plain(self) -> Any:
        """The value as builtins."""
        if isinstance(self.value, dict):
            return {key: node.plain for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain for node in self.value]
        return self.value

    def mistake(self, path: str, message: str, suggestion: str | None = None) -> Mistake:
        return Mistake(self.file, self.line, self.column, path, message, suggestion)


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
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))


def parse(text: str, file: str) -> Node:
    """The document's nodes; an empty document is an empty mapping. Raises ConfigError."""
    try:
        root = yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise ConfigError([Mistake(file, *where, "", f"not YAML: {error.problem or error.context}")]) from None
    except yaml.YAMLError as error:
        raise ConfigError([Mistake(file, 1, 1, "", f"not YAML: {' '.join(str(error).split())}")]) from None
    except RecursionError:
        raise ConfigError([Mistake(file, 1, 1, "", "nested too deeply")]) from None
    if root is None:
        return Node({}, file)
    reader = _Reader(file)
    node = reader.node(root, 0)
    if reader.mistakes:
        raise ConfigError(reader.mistakes)
    return node


def scalar(text: str) -> Any:
    """What a plain scalar means.

    >>> [scalar(text) for text in ("on", "1e-4", "012", "10:30", "true", "~", "0o17")]
    ['on', 0.0001, 12, '10:30', True, None, 15]
    """
    tags = (tag for tag, pattern in _Loader.yaml_implicit_resolvers.get(text[:1], []) if pattern.match(text))
    return _convert(next(tags, "str"), text)


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
        if isinstance(source, yaml.MappingNode):
            made.value, made.keys = {}, {}
            self._fill(made, source, depth)
        elif isinstance(source, yaml.SequenceNode):
            made.value = [self.node(item, depth + 1) for item in source.value]
        elif isinstance(source, yaml.ScalarNode):
            made.value = self._scalar(made, source)
        return made

    def _fill(self, made: Node, source: yaml.MappingNode, depth: int) -> None:
        for key_source, value_source in source.value:
            key = self.node(key_source, depth + 1)
            if key_source.tag.endswith(":merge"):
                self._merge(made, self.node(value_source, depth + 1))
                continue
            name = key.value if isinstance(key.value, str) else str(key_source.value)
            if isinstance(key.value, (dict, list)):
                self.mistakes.append(key.mistake("", "a key must be plain text"))
            elif name in made.keys:
                first = made.keys[name]
                self.mistakes.append(key.mistake("", f"{name!r} stands here a second time, the first is at line {first.line}"))
            else:
                made.keys[name] = key
                made.value[name] = self.node(value_source, depth + 1)

    def _merge(self, made: Node, other: Node) -> None:
        for each in other.value if isinstance(other.value, list) else [other]:
            if not isinstance(each.value, dict):
                self.mistakes.append(each.mistake("", "<< takes a mapping"))
                continue
            for name, value in each.value.items():
                made.value.setdefault(name, value)

    def _scalar(self, made: Node, source: yaml.ScalarNode) -> Any:
        try:
            return _convert(source.tag, source.value)
        except ValueError as error:
            self.mistakes.append(made.mistake("", str(error)))
            return None


def _convert(tag: str, text: str) -> Any:
    kind = tag.rpartition(":")[2]
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int":
        return int(text, 0) if text[:2] in ("0o", "0x") else _bounded(text)
    if kind == "float":
        return float(
            text.replace(".inf", "inf")
            .replace(".Inf", "inf")
            .replace(".INF", "inf")
            .replace(".nan", "nan")
            .replace(".NaN", "nan")
            .replace(".NAN", "nan")
        )
    if kind in ("str", "merge"):
        return text
    raise ValueError(f"tag {tag!r} has no meaning here")


def _bounded(text: str) -> int:
    if len(text) > 20:
        raise ValueError("a number of more than 20 digits")
    return int(text)
