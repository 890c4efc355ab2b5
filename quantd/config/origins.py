"""Every setting of a config with where it comes from: a file and line, a variable of the environment, or a default."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from quantd.config.load import KEYS, STATE_DIR, Loaded
from quantd.config.model import Pipeline
from quantd.config.node import ENVIRONMENT, Node
from quantd.config.reader import join
from quantd.config.rules import COVERAGE
from quantd.plugin.registry import KINDS, Registry

HIDDEN = "***"
_CREDENTIAL = re.compile(r"(?i)pass(word|wd|phrase)?$|secret|token|credential|api[-_]?key|private|webhook|^(auth(orization)?|key|pin|dsn)$")
_VARIABLES = re.compile(r"(?:\$\{\w+\})+")
"""Without defaults, which stand in the file."""
_USERINFO = re.compile(r"(?<=://)[^/\s@]+@")
_QUERY = re.compile(r"(?i)([?&][^=&\s]*(?:pass|secret|token|key|sig|auth)[^=&\s]*=)[^&\s]+")
DEFAULT = "default"


class Setting(Struct, frozen=True):
    """One setting: its path, its value as text, secrets hidden, and its origin."""

    key: str
    value: str
    origin: str


def settings_of(loaded: Loaded) -> list[Setting]:
    """Those of quantd.yaml in the order of its keys, then those of each pipeline that is used."""
    return list(_Show(loaded).rows())


class _Show:
    def __init__(self, loaded: Loaded) -> None:
        self._config = loaded.config
        self._registry = loaded.registry
        self._nodes = loaded.nodes

    def rows(self) -> Iterator[Setting]:
        config, top = self._config, self._nodes[""].value
        for key in KEYS:
            node = top.get(key)
            if key in ("feeds", "sinks"):
                for name, plugin in getattr(config, key).items():
                    yield from _plugin(self._registry, plugin, node.value[name], f"{key}.{name}")
            elif key == "jobs":
                yield from self._stages([stage.job for stage in config.jobs], node, key)
            elif key == "store" and config.store is not None:
                yield from _plugin(self._registry, config.store, node, key)
            elif key == "api":
                yield from _fields(config.api, node, key)
            elif key == "state":
                given = node.value if node is not None and isinstance(node.value, dict) else {}
                yield from _given_or(given.get("dir"), "state.dir", STATE_DIR)
            elif key == "log":
                yield from _given_or(node, key, config.log)
            elif node is not None:
                yield from _leaves(node, key)
        for name, pipeline in config.pipelines.items():
            yield from self._pipeline(pipeline, self._nodes[name], f"pipelines.{name}")

    def _pipeline(self, pipeline: Pipeline, node: Node, path: str) -> Iterator[Setting]:
        given = node.value
        for key in ("extends", "feed", "streams"):
            if key in given:
                yield from _leaves(given[key], f"{path}.{key}")
        yield from _plugin(self._registry, pipeline.bars, given["bars"], f"{path}.bars")
        yield from self._stages(pipeline.event_bars, given.get("event_bars"), f"{path}.event_bars")
        yield from _plugin(self._registry, pipeline.regression, given["regression"], f"{path}.regression")
        yield from _given_or(given.get("spread"), f"{path}.spread", pipeline.spread)
        yield from _fields(pipeline.zscore, given.get("zscore"), f"{path}.zscore")
        yield from self._stages([stage.job for stage in pipeline.jobs], given.get("jobs"), f"{path}.jobs")
        for number, stage in enumerate(pipeline.jobs):
            job = given["jobs"].value[number].value
            if not isinstance(job, dict) or "every" not in job:
                yield Setting(f"{path}.jobs[{number}].every", stage.every, DEFAULT)
        for number, rule in enumerate(given["alerts"].value if pipeline.alerts else ()):
            yield from _leaves(rule, f"{path}.alerts[{number}]")
            for key, default in (("every", pipeline.alerts[number].every), ("coverage", COVERAGE)):
                if key not in rule.value:
                    yield Setting(f"{path}.alerts[{number}].{key}", _text(default), DEFAULT)
        yield from self._stages(pipeline.exports, given.get("exports"), f"{path}.exports")

    def _stages(self, plugins: Any, node: Node | None, path: str) -> Iterator[Setting]:
        for number, plugin in enumerate(plugins):
            assert node is not None
            yield from _plugin(self._registry, plugin, node.value[number], f"{path}[{number}]")


def _plugin(registry: Registry, plugin: Struct, node: Node, path: str) -> Iterator[Setting]:
    """A plugin's name, its settings, and what stands beside them, like `every` of a job."""
    given = node.value if isinstance(node.value, dict) else {"use": node} if isinstance(node.value, str) and node.value else {}
    if "use" in given:
        yield from _leaves(given["use"], f"{path}.use")
    else:
        names = [entry.name for entry in registry.entries() if entry.plugin is type(plugin) and entry.kind in KINDS]
        yield Setting(f"{path}.use", names[0], origin(node))
    known = plugin.__struct_fields__
    for key, child in given.items():
        if key != "use" and key not in known:
            yield from _leaves(child, join(path, key))
    yield from _fields(plugin, node, path)


def _fields(struct: Struct, node: Node | None, path: str) -> Iterator[Setting]:
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
    """The scalars below a node; a list of scalars on one line is one."""
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
    """A value as YAML has it, more or less."""
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
    """Without what looks like a credential: by the name of the setting, or in an address."""
    names = [part.partition("[")[0] for part in path.split(".")]
    if any(map(_CREDENTIAL.search, names[1:])) and text not in ("null", "''", "[]", "{}") and not _VARIABLES.fullmatch(text):
        return HIDDEN
    return _QUERY.sub(rf"\1{HIDDEN}", _USERINFO.sub(f"{HIDDEN}@", text))


def origin(node: Node) -> str:
    """`file:line`, or the variables that it was made of."""
    if node.file.startswith(ENVIRONMENT):
        return node.file
    names = list(node.filled.secrets) if node.filled else []
    children = node.value if isinstance(node.value, list) else ()
    names += [name for child in children if child.filled for name in child.filled.secrets]
    place = f"{node.file}:{node.line}"
    return f"{place}, {ENVIRONMENT}{', '.join(dict.fromkeys(names))}" if names else place
