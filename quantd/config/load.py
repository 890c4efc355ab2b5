"""Reads the config, loads the plugins it names, and checks everything in one pass."""

import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from quantd.config.model import Config, DaemonJobStage, PairEntry, Pipeline
from quantd.config.pipelines import Folder, Text, read_file, read_pipeline
from quantd.config.reader import Reader, shown
from quantd.config.tree import override, substitute
from quantd.config.yaml12 import Node
from quantd.errors import ConfigError, QuantdError
from quantd.log import Level
from quantd.plugin.base import DaemonJob
from quantd.plugin.loader import load as load_plugins
from quantd.plugin.registry import Registry
from quantd.timeframes import duration

KEYS = ("pairs", "symbols", "feeds", "store", "sinks", "jobs", "state", "plugins", "log")
DEFAULT_PIPELINE = "default"
STATE_DIR = "~/.local/state/quantd"
ETC = Path("/etc/quantd/quantd.yaml")


class Loaded(Struct, frozen=True):
    """A config with the plugins it was checked against; `path` is None for one that was not read from a file."""

    config: Config
    registry: Registry
    path: Path | None


def find(given: Path | None, environ: Mapping[str, str]) -> Path:
    """The config file: `--config`, `$QUANTD_CONFIG`, `./quantd.yaml`, `/etc/quantd/quantd.yaml`. Raises QuantdError."""
    named = given or (Path(environ["QUANTD_CONFIG"]) if environ.get("QUANTD_CONFIG") else None)
    if named:
        if not named.is_file():
            raise QuantdError(f"{named}: no such file")
        return named
    for path in (Path("quantd.yaml"), ETC):
        if path.is_file():
            return path
    raise QuantdError(f"no config: there is neither ./quantd.yaml nor {ETC}; write one with `quantd init`, or name one with --config")


def load(given: Path | None, environ: Mapping[str, str], *, all_pipelines: bool = False) -> Loaded:
    """Read and check the config file. `all_pipelines` checks those that no pair uses, too. Raises ConfigError with every mistake."""
    path = find(given, environ)
    return _Load(read_file(path), path.parent, environ).run(path, all_pipelines=all_pipelines)


def build(raw: Mapping[str, Any], pipelines: Mapping[str, Any], environ: Mapping[str, str]) -> Loaded:
    """The same for settings that stand in no file: what a command line says."""
    nodes = {name: as_node(pipeline) for name, pipeline in pipelines.items()}
    return _Load(as_node(raw), Path(), environ, nodes).run(None, all_pipelines=False)


def as_node(value: Any, file: str = "<command line>") -> Node:
    """Builtins as nodes without a position."""
    if isinstance(value, Mapping):
        return Node({key: as_node(child, file) for key, child in value.items()}, file)
    if isinstance(value, (list, tuple)):
        return Node([as_node(child, file) for child in value], file)
    return value if isinstance(value, Node) else Node(value, file)


def plugins_of(node: Node, folder: Path) -> Registry:
    """Load the plugins as the config's `plugins:` says; `./plugins` is looked into even unnamed. Raises ConfigError."""
    reader = Reader(Registry())
    settings = {key: (child, path) for key, child, path in reader.mapping(node.value.get("plugins"), "plugins")}
    if settings:
        reader.unknown_keys(node.value["plugins"], "plugins", ("dirs", "disable"))
    names = {key: reader.value(*settings[key], tuple[str, ...], ()) if key in settings else None for key in ("dirs", "disable")}
    if reader.mistakes:
        raise ConfigError(reader.mistakes)
    dirs = names["dirs"]
    if dirs is None:
        dirs = ("plugins",) if (folder / "plugins").is_dir() else ()
    return load_plugins([folder / Path(each).expanduser() for each in dirs], names["disable"] or ())


class _Load:
    def __init__(self, root: Node, folder: Path, environ: Mapping[str, str], pipelines: Mapping[str, Node] | None = None) -> None:
        self._root = root
        self._folder = folder
        self._environ = environ
        self._pipelines = Folder(folder / "pipelines", pipelines)

    def run(self, path: Path | None, *, all_pipelines: bool) -> Loaded:
        root = self._root
        if not isinstance(root.value, dict):
            raise ConfigError([root.mistake("", f"expected a mapping, found {shown(root)}")])
        early = Reader(Registry())
        substitute(root, self._environ, early.mistakes)
        override(root, self._environ, dict.fromkeys(KEYS), early.mistakes)
        reader = self._reader = Reader(plugins_of(root, self._folder))
        reader.mistakes += early.mistakes
        config = self._config(root.value, all_pipelines)
        if reader.mistakes:
            raise ConfigError(sorted(reader.mistakes, key=lambda mistake: (mistake.file, mistake.line, mistake.column)))
        return Loaded(config, reader.registry, path)

    def _config(self, top: Mapping[str, Node], all_pipelines: bool) -> Config:
        reader = self._reader
        reader.unknown_keys(self._root, "", KEYS)
        feeds = {name: reader.plugin("feed", child, path, use=name) for name, child, path in reader.mapping(top.get("feeds"), "feeds")}
        sinks = {name: reader.plugin("sink", child, path, use=name) for name, child, path in reader.mapping(top.get("sinks"), "sinks")}
        pairs = self._pairs(top.get("pairs"))
        symbols = [symbol for child, path in reader.items(top.get("symbols"), "symbols") if (symbol := reader.text(child, path, as_symbol))]
        used = {pair.pipeline: node for pair, node in pairs} | ({DEFAULT_PIPELINE: top["symbols"]} if symbols else {})
        pipelines = {name: each for name, node in used.items() if (each := self._pipeline(name, node, list(feeds), list(sinks)))}
        for name in set(self._pipelines.names()) - set(used) if all_pipelines else ():
            self._pipeline(name, self._root, [*feeds, *reader.registry.names("feed")], [*sinks, *reader.registry.names("sink")])
        return Config(
            pairs=tuple(pair for pair, _ in pairs),
            symbols=tuple(dict.fromkeys(symbols)),
            feeds=feeds,
            store=reader.plugin("store", top["store"], "store") if "store" in top else None,
            sinks=sinks,
            jobs=tuple(stage for child, path in reader.items(top.get("jobs"), "jobs") if (stage := self._job(child, path))),
            pipelines=pipelines,
            state_dir=self._state_dir(top.get("state")),
            log=reader.value(top.get("log"), "log", Level, "info"),
        )

    def _pairs(self, node: Node | None) -> list[tuple[PairEntry, Node]]:
        reader = self._reader
        pairs: list[tuple[PairEntry, Node]] = []
        for child, path in reader.items(node, "pairs"):
            pair = self._pair(child, path)
            if pair and any(pair == other for other, _ in pairs):
                reader.wrong(child, path, f"{pair.name} through {pair.pipeline!r} stands here twice")
            elif pair and any(pair.name == other.name for other, _ in pairs):
                reader.wrong(child, path, f"{pair.name} is already processed by another pipeline: a pair goes through one")
            elif pair:
                pairs.append((pair, child))
        return pairs

    def _pair(self, node: Node, path: str) -> PairEntry | None:
        text, pipeline = node, Node(DEFAULT_PIPELINE, node.file, node.line, node.column)
        if isinstance(node.value, dict):
            if len(node.value) != 1:
                self._reader.wrong(node, path, "expected Y-X, or Y-X: pipeline")
                return None
            ((name, pipeline),) = node.value.items()
            text = Node(name, node.file, node.line, node.column)
        legs = self._reader.text(text, path, as_legs)
        chosen = self._reader.value(pipeline, path, Text)
        return PairEntry(legs[0], legs[1], chosen) if legs and chosen else None

    def _job(self, node: Node, path: str) -> DaemonJobStage | None:
        reader = self._reader
        job = reader.plugin("job", node, path, besides=["every"])
        if job is None:
            return None
        if not isinstance(job, DaemonJob):
            reader.wrong(node, path, "works on a pair: name it under `jobs:` of a pipeline")
            return None
        given = node.value.get("every") if isinstance(node.value, dict) else None
        if given is None:
            reader.wrong(node, path, "'every' is missing: how often it runs, like 1h")
            return None
        period = reader.text(given, f"{path}.every", duration)
        return DaemonJobStage(period, job) if period else None

    def _pipeline(self, name: str, node: Node, feeds: list[str], sinks: list[str]) -> Pipeline | None:
        reader = self._reader
        try:
            keys = self._pipelines.node(name)
        except ConfigError as error:
            reader.mistakes += error.mistakes
            return None
        except QuantdError as error:
            reader.wrong(node, "", str(error))
            return None
        substitute(keys, self._environ, reader.mistakes)
        return read_pipeline(reader, name, keys, feeds, sinks)

    def _state_dir(self, node: Node | None) -> Path:
        reader = self._reader
        for key, child, path in reader.mapping(node, "state"):
            if key == "dir":
                return Path(reader.value(child, path, Text, STATE_DIR)).expanduser()
            reader.unknown_keys(Node({key: child}, child.file, child.line, child.column, node.keys if node else {}), "state", ["dir"])
        return Path(STATE_DIR).expanduser()


def as_symbol(text: str) -> str:
    """A symbol, in upper case; any letters will do, for not all are Latin. Raises ValueError.

    >>> as_symbol("btcusdt")
    'BTCUSDT'
    """
    if not text or any(letter in "-/:" or letter.isspace() or unicodedata.category(letter)[0] == "C" for letter in text):
        raise ValueError(f"{text!r} is not a symbol: write it like BTCUSDT")
    return text.upper()


def as_legs(text: str) -> tuple[str, str]:
    """The legs of `Y-X`. Raises ValueError.

    >>> as_legs("BTCUSDT-ethusdt")
    ('BTCUSDT', 'ETHUSDT')
    """
    y, dash, x = text.partition("-")
    if not dash:
        raise ValueError(f"{text!r} is not a pair: write it like BTCUSDT-ETHUSDT")
    legs = as_symbol(y), as_symbol(x)
    if legs[0] == legs[1]:
        raise ValueError(f"{text!r} pairs a symbol with itself: its spread is always 0")
    return legs
