"""Lists every setting of a config with its origin: a file and line, an environment variable, or a default."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from quantd.config.convert import may_stand
from quantd.config.load import Loaded
from quantd.config.model import ConfigFile, PipelineFile
from quantd.config.node import ENVIRONMENT, Node
from quantd.config.reader import join
from quantd.config.shapes import Many, Names, Plain, Section, Staged, Uses, Written, fields, shape
from quantd.plugin.registry import KINDS, Registry

HIDDEN = "***"
_CREDENTIAL = re.compile(r"(?i)pass(word|wd|phrase)?$|secret|token|credential|api[-_]?key|private|webhook|^(auth(orization)?|key|pin|dsn)$")
_VARIABLES = re.compile(r"(?:\$\{\w+\})+")
"""References to variables; their defaults may be shown, because they are in the file."""
_USERINFO = re.compile(r"(?<=://)[^/\s@]+@")
_QUERY = re.compile(r"(?i)([?&][^=&\s]*(?:pass|secret|token|key|sig|auth)[^=&\s]*=)[^&\s]+")
_URL = re.compile(r"(?i)(^|_)urls?$")
_PATH = re.compile(r"(?<=://)([^/\s?#,\]]*)/[^\s?#,\]]+")
_OTHER = re.compile(r"(?<!\w)(?!(?:https?|wss?)://)(\w+)://[^\s,\]]+")
"""An address of another scheme, which may hold a token where others have their host."""
DEFAULT = "default"
_SHOWN = ("null", "''", "[]", "{}", "true", "false")
"""Values that are no credentials, whatever they are called."""


class Setting(Struct, frozen=True):
    """One setting: its path, its value as text with secrets hidden, and its origin."""

    key: str
    value: str
    origin: str


def settings_of(loaded: Loaded) -> list[Setting]:
    """Return the settings of quantd.yaml in the order of its keys, followed by those of each pipeline in use."""
    config, nodes = loaded.config, loaded.nodes
    rows = list(section(loaded.registry, ConfigFile, config, nodes[""], ""))
    for name, pipeline in config.pipelines.items():
        rows += section(loaded.registry, PipelineFile, pipeline, nodes[name], f"pipelines.{name}")
    return rows


def section(registry: Registry, struct: type[Struct], value: Struct, node: Node | None, path: str) -> Iterator[Setting]:
    """Yield the rows of a section's fields; `value` may have further ones."""
    given = node.value if node is not None and isinstance(node.value, dict) else {}
    for key, field in fields(struct).items():
        yield from _field(registry, field.type, getattr(value, field.name), given.get(key), join(path, key))


def _field(registry: Registry, kind: Any, value: Any, node: Node | None, path: str) -> Iterator[Setting]:
    """Yield the rows of a value; none for a list, mapping, plugin or section that is not given."""
    children = node.value if node is not None and isinstance(node.value, (dict, list)) else ()
    match shape(kind):
        case Section(struct) if value is not None:
            yield from section(registry, struct, value, node, path)
        case Uses() if node is not None and value is not None:
            yield from _plugin(registry, value, node, path)
        case Staged() as staged if node is not None:
            yield from _stage(registry, staged, value, node, path)
        case Names(uses):
            for name, plugin in value.items():
                yield from _field(registry, uses.base, plugin, children[name], join(path, name))
        case Many(item) if not isinstance(shape(item), (Plain, Written)):
            for number, (each, child) in enumerate(zip(value, children, strict=True)):
                yield from _field(registry, item, each, child, f"{path}[{number}]")
        case Plain() | Many() | Written():
            yield from _given_or(node, path, value) if node is not None or may_stand(value, kind) else ()


def _plugin(registry: Registry, plugin: Struct, node: Node, path: str) -> Iterator[Setting]:
    """Yield a plugin's name and its settings."""
    given = node.value if isinstance(node.value, dict) else {"use": node} if isinstance(node.value, str) and node.value else {}
    if "use" in given:
        yield from _leaves(given["use"], f"{path}.use")
    else:
        names = [entry.name for entry in registry.entries() if entry.plugin is type(plugin) and entry.kind in KINDS]
        yield Setting(f"{path}.use", names[0], origin(node))
    yield from _fields(plugin, node, path)


def _stage(registry: Registry, staged: Staged, stage: Struct, node: Node, path: str) -> Iterator[Setting]:
    """Yield a plugin's name, the keys of the stage, and the plugin's settings."""
    use, *settings = _plugin(registry, getattr(stage, staged.field), node, path)
    given = node.value if isinstance(node.value, dict) else {}
    yield use
    for key, field in staged.beside.items():
        yield from _field(registry, field.type, getattr(stage, field.name), given.get(key), join(path, key))
    yield from settings


def _fields(struct: Struct, node: Node | None, path: str) -> Iterator[Setting]:
    """Yield the rows of a plugin's settings."""
    given = node.value if node is not None and isinstance(node.value, dict) else {}
    for field in msgspec.structs.fields(type(struct)):
        child, value = given.get(field.encode_name), getattr(struct, field.name)
        if isinstance(value, Struct):
            yield from _fields(value, child, join(path, field.encode_name))
        else:
            yield from _given_or(child, join(path, field.encode_name), value)


def _given_or(node: Node | None, path: str, default: object) -> Iterator[Setting]:
    if node is not None:
        yield from _leaves(node, path)
    else:
        yield Setting(path, _masked(path, _text(default)), DEFAULT)


def _leaves(node: Node, path: str) -> Iterator[Setting]:
    """Yield the scalars below a node; a list of scalars on one line is one row."""
    children = node.value if isinstance(node.value, (dict, list)) else ()
    if isinstance(children, dict) and children:
        for key, child in children.items():
            yield from _leaves(child, join(path, key))
    elif any(isinstance(child.value, (dict, list)) or child.line != node.line for child in children):
        for number, child in enumerate(children):
            yield from _leaves(child, f"{path}[{number}]")
    else:
        yield Setting(path, _masked(path, _written(node)), origin(node))


def _written(node: Node) -> str:
    if node.filled:
        return node.filled.written
    if isinstance(node.value, list):
        return f"[{', '.join(_written(child) for child in node.value)}]"
    return _text(node.value)


def _text(value: object) -> str:
    """Return a value in a notation close to YAML."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_text(each)}' for key, each in value.items())}}}"
    if isinstance(value, (list, tuple, set, frozenset)):
        return f"[{', '.join(map(_text, value))}]"
    text = str(value)
    return text if text.isprintable() and text.strip() == text and text else repr(text)


def _masked(path: str, text: str) -> str:
    """Hide what looks like a credential, judged by the name of the setting or by the form of an address. Under a key like `url`, as
    webhooks have it, the path is a credential."""
    names = [part.partition("[")[0] for part in path.removeprefix("api.auth.").split(".")]
    if names[-1] == "file" and any(map(_CREDENTIAL.search, names[1:-1])):  # `secret: {file: path}` names where the credential is
        return text
    if any(map(_CREDENTIAL.search, names[1:])) and text not in _SHOWN and not _VARIABLES.fullmatch(text):
        return HIDDEN
    if any(map(_URL.search, names[1:])):
        text = _PATH.sub(rf"\1/{HIDDEN}", _OTHER.sub(rf"\1://{HIDDEN}", text))
    return _QUERY.sub(rf"\1{HIDDEN}", _USERINFO.sub(f"{HIDDEN}@", text))


def origin(node: Node) -> str:
    """Return `file:line`, or the variables from which the value was made."""
    if node.file.startswith(ENVIRONMENT):
        return node.file
    names = list(node.filled.secrets) if node.filled else []
    children = node.value if isinstance(node.value, list) else ()
    names += [name for child in children if child.filled for name in child.filled.secrets]
    place = f"{node.file}:{node.line}"
    return f"{place}, {ENVIRONMENT}{', '.join(dict.fromkeys(names))}" if names else place
