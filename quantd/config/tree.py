"""Prepares the nodes of a config before they are read: fills in `${NAME}`, and lets the environment override settings."""

import re
from collections.abc import Collection, Mapping

from quantd.config.node import ENVIRONMENT, Filled, Node
from quantd.config.yaml12 import parse
from quantd.errors import ConfigError, Mistake, close_to

PREFIX = "QUANTD__"
_LONGEST_PLACE = 9
_VARIABLE = re.compile(r"\$(?:\$|\{(\w+)(?::-([^}]*))?\})")
_MEANT = re.compile(r"\$(?:\{[^}]*\}?|[A-Za-z_]\w*)")


def substitute(node: Node, environ: Mapping[str, str], mistakes: list[Mistake], path: str = "") -> None:
    """Fill in `${NAME}` and `${NAME:-default}` in every text of a file, in place; `$$` is a dollar sign.

    A filled-in value is a text where a text is wanted, and what YAML makes of it elsewhere: `window: ${W}` can be a number. Values from the
    environment or from an option stay as they are.
    """
    if node.file.startswith(ENVIRONMENT) or not node.line:
        return
    if isinstance(node.value, dict):
        for key, child in node.value.items():
            where = f"{path}.{key}" if path else key
            if key in node.keys and _VARIABLE.search(key):
                mistakes.append(node.keys[key].mistake(where, f"a key is not filled in from the environment: write what {key} stands for"))
            substitute(child, environ, mistakes, where)
    elif isinstance(node.value, list):
        for number, child in enumerate(node.value):
            substitute(child, environ, mistakes, f"{path}[{number}]")
    elif isinstance(node.value, str) and "$" in node.value:
        _fill(node, environ, mistakes, path)


def _fill(node: Node, environ: Mapping[str, str], mistakes: list[Mistake], path: str) -> None:
    written, secrets, found = node.value, dict[str, str](), []

    def value(match: re.Match[str]) -> str:
        name, default = match.groups()
        if name is None:
            return "$"
        found.append(name)
        if name in environ:
            secrets[name] = environ[name]
        elif default is None:
            mistakes.append(node.mistake(path, f"the environment has no {name}: set it, or write ${{{name}:-default}}"))
        return environ.get(name, default or "")

    for meant in _MEANT.findall(_VARIABLE.sub("", written)):
        mistakes.append(node.mistake(path, _corrected(meant)))
    node.value = _VARIABLE.sub(value, written)
    if found:
        node.filled = Filled(written, node.value, secrets, "" if node.value else "which is empty")


def _corrected(meant: str) -> str:
    """Return how to write what looks like a variable."""
    name = meant.lstrip("${").partition("}")[0]
    if name.isidentifier():
        return f"{meant} is no variable: write ${{{name}}}, or ${meant} if a dollar is meant"
    return f"{meant} is no variable: write ${{NAME}} or ${{NAME:-default}}, or ${meant} if a dollar is meant"


def override(root: Node, environ: Mapping[str, str], known: Collection[str], mistakes: list[Mistake]) -> None:
    """Let `QUANTD__STATE__DIR=/x` set `state.dir`, and `QUANTD__JOBS__0__EVERY=2h` the period of the first job, in place.

    The first part must be one of the `known` top-level keys.
    """
    for name in sorted(environ, key=_in_order):
        if not name.startswith(PREFIX):
            continue
        parts = [part.lower() for part in name.removeprefix(PREFIX).split("__")]
        if parts[0] not in known:
            close = close_to(parts[0], known)
            suggestion = PREFIX + "__".join([close, *parts[1:]]).upper() if close else None
            mistakes.append(Mistake(ENVIRONMENT + name, 1, 1, "", f"no setting {parts[0]!r}", suggestion))
            continue
        try:
            _set(root, parts, _setting(name, environ[name].strip()))
        except IndexError as error:
            mistakes.append(Mistake(ENVIRONMENT + name, 1, 1, "", str(error)))


def _in_order(name: str) -> list[str]:
    """Return a sort key that puts item 2 of a list before item 10."""
    return [part.zfill(_LONGEST_PLACE) if part.isdecimal() else part for part in name.split("__")]


def _setting(name: str, text: str) -> Node:
    """Return the node that a variable sets: the text itself if a text is wanted, unless it is quoted; otherwise its YAML value."""
    written = f"${{{name}}}"
    try:
        node = parse(text, ENVIRONMENT + name) if text else Node("", ENVIRONMENT + name)
    except ConfigError:
        return Node(text, ENVIRONMENT + name, filled=Filled(written, text, {name: text}, "which is not YAML" if text[0] in "[{" else ""))
    _hide(node, name)
    quoted = isinstance(node.value, str) and text[:1] in ("'", '"')
    node.filled = Filled(written, node.value if quoted else text, {name: text}, "" if text else "which is empty")
    return node


def _hide(node: Node, name: str) -> None:
    """Hide the parts of a variable's value from all messages."""
    for child in node.value.values() if isinstance(node.value, dict) else node.value if isinstance(node.value, list) else ():
        child.filled = Filled(f"a part of ${{{name}}}", None, {name: str(child.plain)})
        _hide(child, name)


def _set(node: Node, parts: list[str], value: Node) -> None:
    for part in parts[:-1]:
        node = _descend(node, part, value.file)
    _put(node, parts[-1], value)


def _descend(node: Node, part: str, file: str) -> Node:
    """Return the mapping or list below a node. Another value there is replaced, but a text is short for `use:`."""
    key = _spelt(node, part)
    children = node.value
    there = key < len(children) if isinstance(key, int) else isinstance(children, dict) and key in children
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
        node.file, node.line, node.column = value.file, value.line, value.column
    if isinstance(node.value, list) and key == len(node.value):
        node.value.append(value)
    else:
        node.value[key] = value
    if isinstance(key, str):
        node.keys[key] = Node(key, value.file, value.line, value.column)


def _spelt(node: Node, part: str) -> str | int:
    """Return the key as the file spells it, because an environment variable can hold neither a dash nor lower case; or an index of a list,
    at most its length. Raises IndexError."""
    if isinstance(node.value, list):
        if part.isdecimal() and int(part) > len(node.value):
            raise IndexError(f"there is no place {part}: the list has {len(node.value)}, counted from 0, and takes one more behind them")
        return int(part) if part.isdecimal() else part
    return next((key for key in node.value if key.lower().replace("-", "_") == part), part)
