"""What is done to the nodes of a config before they are read: `${NAME}` is filled in, the environment overrides settings."""

import re
from collections.abc import Collection, Mapping

from quantd.config.yaml12 import Node, parse, scalar
from quantd.errors import ConfigError, Mistake, close_to

PREFIX = "QUANTD__"
_SOURCE = "environment variable "
_VARIABLE = re.compile(r"\$(?:\$|\{(\w+)(?::-([^}]*))?\})")


def substitute(node: Node, environ: Mapping[str, str], mistakes: list[Mistake], path: str = "") -> None:
    """Fill in `${NAME}` and `${NAME:-default}` in every text that stands in a file, in place; `$$` is a dollar.

    A text that is one variable is read as YAML: `window: ${W}` can be a number. What the environment or an option sets stays as it is."""
    if node.file.startswith(_SOURCE) or not node.line:
        return
    if isinstance(node.value, dict):
        for key, child in node.value.items():
            substitute(child, environ, mistakes, f"{path}.{key}" if path else key)
    elif isinstance(node.value, list):
        for number, child in enumerate(node.value):
            substitute(child, environ, mistakes, f"{path}[{number}]")
    elif isinstance(node.value, str) and "$" in node.value:
        node.value = _filled(node, environ, mistakes, path)


def _filled(node: Node, environ: Mapping[str, str], mistakes: list[Mistake], path: str) -> object:
    def value(match: re.Match[str]) -> str:
        name, default = match.groups()
        if name is None:
            return "$"
        if name not in environ and default is None:
            mistakes.append(node.mistake(path, f"the environment has no {name}: set it, or write ${{{name}:-default}}"))
        return environ.get(name, default or "")

    text = _VARIABLE.sub(value, node.value)
    whole = _VARIABLE.fullmatch(node.value)
    try:
        return scalar(text) if whole and whole[1] else text
    except ValueError as error:
        mistakes.append(node.mistake(path, str(error)))
        return text


def override(root: Node, environ: Mapping[str, str], known: Collection[str], mistakes: list[Mistake]) -> None:
    """Let `QUANTD__STATE__DIR=/x` set `state.dir` and `QUANTD__JOBS__0__EVERY=2h` the first job's period, in place.

    The first part must be one of the `known` top-level keys."""
    for name in sorted(environ):
        if not name.startswith(PREFIX):
            continue
        parts = [part.lower() for part in name.removeprefix(PREFIX).split("__")]
        if parts[0] not in known:
            close = close_to(parts[0], known)
            suggestion = PREFIX + "__".join([close, *parts[1:]]).upper() if close else None
            mistakes.append(Mistake(_SOURCE + name, 1, 1, "", f"no setting {parts[0]!r}", suggestion))
            continue
        try:
            _set(root, parts, parse(environ[name], _SOURCE + name) if environ[name] else Node("", _SOURCE + name))
        except ConfigError as error:
            mistakes += error.mistakes


def _set(node: Node, parts: list[str], value: Node) -> None:
    for part in parts[:-1]:
        node = _descend(node, part, value.file)
    _put(node, parts[-1], value)


def _descend(node: Node, part: str, file: str) -> Node:
    """The mapping or list below a node: what else stands there gives way, but a text is short for `use:`."""
    key = _spelt(node, part)
    children = node.value
    there = isinstance(key, int) or (isinstance(children, dict) and key in children)
    child: Node = children[key] if there else Node(None, file)
    if isinstance(child.value, (dict, list)):
        return child
    made = Node({"use": child} if isinstance(child.value, str) else {}, file)
    _put(node, part, made)
    return made


def _put(node: Node, part: str, value: Node) -> None:
    key = _spelt(node, part)
    if isinstance(key, str) and isinstance(node.value, list):
        node.value, node.keys = {}, {}
    node.value[key] = value
    if isinstance(key, str):
        node.keys[key] = Node(key, value.file, value.line, value.column)


def _spelt(node: Node, part: str) -> str | int:
    """The key as the file spells it, for an environment variable can hold neither a dash nor lower case; or a place in a list."""
    if isinstance(node.value, list):
        return int(part) if part.isdecimal() and int(part) < len(node.value) else part
    return next((key for key in node.value if key.lower().replace("-", "_") == part), part)
