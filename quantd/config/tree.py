"""What is done to the nodes of a config before they are read: `${NAME}` is filled in, the environment overrides settings."""

import re
from collections.abc import Mapping
from difflib import get_close_matches

from quantd.config.yaml12 import Node, parse, scalar
from quantd.errors import ConfigError, Mistake

PREFIX = "QUANTD__"
_VARIABLE = re.compile(r"\$(?:\$|\{(\w+)(?::-([^}]*))?\})")


def substitute(node: Node, environ: Mapping[str, str], mistakes: list[Mistake], path: str = "") -> None:
    """Fill in `${NAME}` and `${NAME:-default}` in every text, in place; `$$` is a dollar. A text that is one variable is read as YAML."""
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
    return scalar(text) if whole and whole[1] else text


def override(root: Node, environ: Mapping[str, str], known: Mapping[str, object], mistakes: list[Mistake]) -> None:
    """Let `QUANTD__STATE__DIR=/x` set `state.dir`, in place. The first part must be one of the `known` top-level keys."""
    for name in sorted(environ):
        if not name.startswith(PREFIX):
            continue
        file = f"environment variable {name}"
        parts = [part.lower() for part in name.removeprefix(PREFIX).split("__")]
        if parts[0] not in known:
            close = get_close_matches(parts[0], list(known), 1)
            suggestion = PREFIX + "__".join([close[0], *parts[1:]]).upper() if close else None
            mistakes.append(Mistake(file, 1, 1, "", f"no setting {parts[0]!r}", suggestion))
            continue
        try:
            _set(root, parts, parse(environ[name], file))
        except ConfigError as error:
            mistakes += error.mistakes


def _set(node: Node, parts: list[str], value: Node) -> None:
    for part in parts[:-1]:
        key = _spelt(node, part)
        if not isinstance(node.value.get(key, Node(None, "")).value, dict):
            node.value[key] = Node({}, value.file)
        node.keys.setdefault(key, node.value[key])
        node = node.value[key]
    key = _spelt(node, parts[-1])
    node.value[key] = value
    node.keys[key] = value


def _spelt(node: Node, part: str) -> str:
    """The key as the file spells it: an environment variable can hold neither a dash nor lower case."""
    return next((key for key in node.value if key.lower().replace("-", "_") == part), part)
