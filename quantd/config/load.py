"""Reads the config, loads the plugins it names, and checks everything in one pass."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from os.path import exists, expanduser
from pathlib import Path
from typing import Any

from msgspec import Struct

from quantd.config.convert import Invalid
from quantd.config.lookalikes import oddities, plain
from quantd.config.makers import Mention, one_maker_a_bar
from quantd.config.model import ApiSettings, Config, DaemonJobStage, PairEntry, Pipeline
from quantd.config.named import Named
from quantd.config.node import Node, shown
from quantd.config.pipelines import Folder, NoPipeline, Text, read_file, read_pipeline
from quantd.config.reader import Reader
from quantd.config.tree import PREFIX, override, substitute
from quantd.config.writers import Writer, one_writer_a_place
from quantd.errors import ConfigError, Mistake, QuantdError
from quantd.log import Level
from quantd.plugin.base import DaemonJob, Feed
from quantd.plugin.loader import load as load_plugins
from quantd.plugin.registry import Registry
from quantd.timeframes import DAY, SECOND, duration

KEYS = ("pairs", "symbols", "feeds", "store", "sinks", "jobs", "api", "state", "plugins", "log")
DEFAULT_PIPELINE = "default"
STATE_DIR = "~/.local/state/quantd"
_APART = re.compile(r"[\s/:|,~-]+")
ETC = Path("/etc/quantd/quantd.yaml")


class Loaded(Struct, frozen=True):
    """A config with the plugins it was checked against; `path` is None for one that was not read from a file."""

    config: Config
    registry: Registry
    path: Path | None
    nodes: Mapping[str, Node] = {}
    """Where it stands: the top under "", each pipeline that is used under its name."""
    named: tuple[Named, ...] = ()
    """The symbols of its pairs and of `symbols:`, each as often as it stands there."""


def find(given: Path | None, environ: Mapping[str, str]) -> Path:
    """The config file: `--config`, `$QUANTD_CONFIG`, `./quantd.yaml`, `/etc/quantd/quantd.yaml`. Raises QuantdError."""
    named = given or (Path(environ["QUANTD_CONFIG"]) if environ.get("QUANTD_CONFIG") else None)
    if named:
        if not exists(named):
            raise QuantdError(f"{named}: no such file")
        return named
    for path in (Path("quantd.yaml"), ETC):
        if path.is_file():
            return path
    raise QuantdError(f"no config: there is neither ./quantd.yaml nor {ETC}; write one with `quantd init`, or name one with --config")


def load(given: Path | None, environ: Mapping[str, str], *, all_pipelines: bool = False) -> Loaded:
    """Read and check the config file. `all_pipelines` checks those that no pair uses, too. Raises ConfigError with every mistake."""
    path = find(given, environ)
    mistakes: list[Mistake] = []
    return _Load(read_file(path, mistakes), path.parent, environ, mistakes).run(path, all_pipelines=all_pipelines)


def nothing_to_watch(loaded: Loaded) -> str | None:
    """What to write where there are neither pairs nor symbols; None where there are."""
    config = loaded.config
    if config.pairs or config.symbols:
        return None
    missing = {"feeds: {binance-futures: {}}": config.feeds, "sinks: {log: {}}": config.sinks}
    lines = ["pairs: [BTCUSDT-ETHUSDT]", *(line for line, there in missing.items() if not there)]
    return f"nothing to watch: there are no pairs and no symbols in {loaded.path}; write {', '.join(f'`{line}`' for line in lines)}"


def build(raw: Mapping[str, Any], pipelines: Mapping[str, Any], environ: Mapping[str, str]) -> Loaded:
    """The same for settings that stand in no file: what a command line says."""
    nodes = {name: as_node(pipeline) for name, pipeline in pipelines.items()}
    settings = {name: value for name, value in environ.items() if not name.startswith(PREFIX)}
    return _Load(as_node(raw), Path(), settings, [], nodes).run(None, all_pipelines=False)


def as_node(value: Any, file: str = "<command line>") -> Node:
    """Builtins as nodes without a position; nodes stay what they are."""
    if isinstance(value, Mapping):
        return Node({key: as_node(child, file) for key, child in value.items()}, file, 0)
    if isinstance(value, (list, tuple)):
        return Node([as_node(child, file) for child in value], file, 0)
    return value if isinstance(value, Node) else Node(value, file, 0)


class Plugins(Struct, frozen=True):
    """What the plugins section asks for, loaded."""

    registry: Registry
    disabled: tuple[str, ...]


def find_plugins(given: Path | None, environ: Mapping[str, str]) -> tuple[Registry, list[Mistake]]:
    """The plugins that the config asks for, and what keeps it from being read; without a config, those of ./plugins.

    Raises ConfigError for mistakes in the plugins section, QuantdError for a config that was named and is not there."""
    try:
        path = find(given, environ)
    except QuantdError:
        if given or environ.get("QUANTD_CONFIG"):
            raise
        path = Path("quantd.yaml")
    wrong: list[Mistake] = []
    try:
        root = read_file(path, []) if exists(path) else Node({}, str(path))
    except ConfigError as error:
        root, wrong = Node({}, str(path)), error.mistakes
    if not isinstance(root.value, dict):
        root = Node({}, str(path))
    override(root, {name: text for name, text in environ.items() if name.startswith(f"{PREFIX}PLUGINS__")}, KEYS, [])
    mistakes: list[Mistake] = []
    section = root.value.get("plugins")
    if section:
        substitute(section, environ, mistakes, "plugins")
    plugins = plugins_of(section, path.parent, mistakes)
    if mistakes:
        raise ConfigError(mistakes)
    return plugins.registry, wrong


def plugins_of(node: Node | None, folder: Path, mistakes: list[Mistake]) -> Plugins:
    """Load the plugins as the section `plugins:` says; `./plugins` is looked into even unnamed. What is wrong there has no effect."""
    reader = Reader(Registry())
    keys = reader.keys(node, "plugins", ("dirs", "disable"))
    dirs = reader.value(keys.get("dirs"), "plugins.dirs", tuple[Text, ...])
    disable = reader.value(keys.get("disable"), "plugins.disable", tuple[str, ...], ())
    mistakes += reader.mistakes
    if dirs is None:
        dirs = ("plugins",) if (folder / "plugins").is_dir() else ()
    return Plugins(load_plugins([folder / expanduser(each) for each in dirs], disable), disable)


class _Load:
    def __init__(
        self, root: Node, folder: Path, environ: Mapping[str, str], mistakes: list[Mistake], pipelines: Mapping[str, Node] | None = None
    ) -> None:
        self._root = root
        self._folder = folder
        self._environ = environ
        self._mistakes = mistakes
        self._pipelines = Folder(folder / "pipelines", environ, pipelines, mistakes)
        self._writers: list[Writer] = []
        self._read: dict[str, Node] = {}
        self._mentions: list[Mention] = []

    def run(self, path: Path | None, *, all_pipelines: bool) -> Loaded:
        root, mistakes = self._root, self._mistakes
        if not isinstance(root.value, dict):
            raise ConfigError([root.mistake("", f"expected a mapping, found {shown(root)}")])
        if root.value and not set(KEYS) - {"jobs"} & set(root.value) and {"extends", "feed", "bars", "regression"} & set(root.value):
            raise ConfigError([root.mistake("", "is a pipeline: give the quantd.yaml that names it")])
        override(root, self._environ, KEYS, mistakes)
        substitute(root, self._environ, mistakes)
        plugins = plugins_of(root.value.get("plugins"), self._folder, mistakes)
        reader = self._reader = Reader(plugins.registry, plugins.disabled)
        config = self._config(all_pipelines)
        known = {_place(mistake) for mistake in mistakes}
        mistakes += [mistake for mistake in reader.mistakes if not mistake.line or _place(mistake) not in known]
        if mistakes:
            raise ConfigError(sorted(dict.fromkeys(mistakes), key=_place))
        named = [Named(symbol, config.pipelines[pipeline].feed, node, path) for symbol, pipeline, node, path in self._mentions]
        return Loaded(config, reader.registry, path, {"": root} | self._read, tuple(named))

    def _config(self, all_pipelines: bool) -> Config:
        reader = self._reader
        top = reader.keys(self._root, "", KEYS)
        feeds = {name: reader.plugin("feed", child, path, use=name) for name, child, path in reader.mapping(top.get("feeds"), "feeds")}
        sinks = {name: reader.plugin("sink", child, path, use=name) for name, child, path in reader.mapping(top.get("sinks"), "sinks")}
        pairs = self._pairs(top.get("pairs"))
        symbols = self._symbols(top.get("symbols"))
        used = {entry.pipeline: (node, path) for entry, node, path in pairs}
        if symbols:
            used.setdefault(DEFAULT_PIPELINE, (top["symbols"], "symbols"))
        pipelines = {name: each for name, (node, path) in used.items() if (each := self._pipeline(name, node, path, feeds, sinks))}
        self._writers += [
            Writer(feed, child, path) for name, child, path in reader.mapping(top.get("feeds"), "feeds") if (feed := feeds[name])
        ]
        one_writer_a_place(reader, self._writers)
        one_maker_a_bar(reader, self._mentions, pipelines, self._read)
        for name in self._pipelines.names() if all_pipelines else ():
            if name not in used:
                any_feed = dict.fromkeys(reader.registry.names("feed")) | feeds
                self._pipeline(name, self._root, "", any_feed, [*sinks, *reader.registry.names("sink")])
        return Config(
            pairs=tuple(entry for entry, *_ in pairs),
            symbols=tuple(dict.fromkeys(symbols)),
            feeds=feeds,
            store=reader.plugin("store", top["store"], "store") if "store" in top and not top["store"].is_nothing else None,
            sinks=sinks,
            jobs=tuple(stage for child, path in reader.items(top.get("jobs"), "jobs") if (stage := self._job(child, path))),
            pipelines=pipelines,
            api=reader.struct(top.get("api"), "api", ApiSettings) or ApiSettings(),
            state_dir=self._state_dir(top.get("state")),
            log=reader.value(top.get("log"), "log", Level, "info"),
        )

    def _pairs(self, node: Node | None) -> list[tuple[PairEntry, Node, str]]:
        """The pairs, with the place of each one's pipeline."""
        pairs: list[tuple[PairEntry, Node, str]] = []
        for child, path in self._reader.items(node, "pairs"):
            name, pipeline = self._pair(child, path)
            legs = self._reader.text(name, path, as_legs)
            chosen = self._chosen(pipeline, path) if name else None
            twice = next((entry for entry, *_ in pairs if legs == (entry.y, entry.x)), None)
            if twice and chosen:
                both = "" if twice.pipeline == chosen else f", through {twice.pipeline!r} and {chosen!r}: a pair goes through one pipeline"
                self._reader.wrong(child, path, f"{twice.name} stands here twice{both}")
            elif legs and chosen:
                pairs.append((PairEntry(legs[0], legs[1], chosen), pipeline, path))
                self._mentions += [Mention(leg, chosen, name or child, path) for leg in legs]
        return pairs

    def _chosen(self, node: Node, path: str) -> str | None:
        """A pipeline's name."""
        if isinstance(node.value, str):
            return self._reader.value(node, path, Text)  # type: ignore[no-any-return]
        self._reader.wrong(node, path, f"expected the name of a pipeline, found {shown(node)}")
        return None

    def _symbols(self, node: Node | None) -> list[str]:
        found: list[str] = []
        for child, path in self._reader.items(node, "symbols"):
            if symbol := self._reader.text(child, path, as_symbol):
                found.append(symbol)
                self._mentions.append(Mention(symbol, DEFAULT_PIPELINE, child, path))
        return found

    def _pair(self, node: Node, path: str) -> tuple[Node | None, Node]:
        """The nodes of a pair and of its pipeline's name."""
        if not isinstance(node.value, dict):
            return node, Node(DEFAULT_PIPELINE, node.file, node.line, node.column)
        if len(node.value) != 1:
            self._reader.wrong(node, path, "expected Y-X, or Y-X: pipeline")
            return None, node
        ((name, pipeline),) = node.value.items()
        return node.at(name), pipeline

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
        period = reader.text(given, f"{path}.every", as_period)
        return DaemonJobStage(period, job) if period else None

    def _pipeline(self, name: str, node: Node, path: str, feeds: Mapping[str, Feed | None], sinks: Collection[str]) -> Pipeline | None:
        reader = self._reader
        try:
            keys = self._pipelines.node(name)
        except ConfigError as error:
            reader.mistakes += error.mistakes
            return None
        except NoPipeline as error:
            reader.wrong(node, path, str(error), error.suggestion)
            return None
        self._read[name] = keys
        return read_pipeline(reader, name, keys, feeds, sinks, self._writers)

    def _state_dir(self, node: Node | None) -> Path:
        keys = self._reader.keys(node, "state", ["dir"])
        return Path(expanduser(self._reader.value(keys.get("dir"), "state.dir", Text, STATE_DIR)))


def _place(mistake: Mistake) -> tuple[str, int, int]:
    return mistake.file, mistake.line, mistake.column


def as_period(text: str) -> int:
    """Milliseconds from one run of a job to the next, from 1s to 366d. Raises ValueError."""
    period = duration(text)
    if not SECOND <= period <= 366 * DAY:
        raise ValueError(f"{text!r} is not between 1s and 366d")
    return period


def as_symbol(text: str) -> str:
    """A symbol, in upper case; any letters will do, for not all are Latin. Raises ValueError.

    >>> as_symbol("btcusdt")
    'BTCUSDT'
    """
    _demand_no_oddities(text, "symbol")
    if not text or any(letter in "-/:" or letter.isspace() or unicodedata.category(letter)[0] == "C" for letter in text):
        raise ValueError(f"{text!r} is not a symbol: write it like BTCUSDT")
    return text.upper()


def as_legs(text: str) -> tuple[str, str]:
    """The legs of `Y-X`. Raises ValueError.

    >>> as_legs("BTCUSDT-ethusdt")
    ('BTCUSDT', 'ETHUSDT')
    """
    _demand_no_oddities(text, "pair")
    y, dash, x = text.partition("-")
    apart = [part for part in _APART.split(text) if part]
    if len(apart) == 2 and text != "-".join(apart):
        raise Invalid(f"{text!r} is not a pair: write it like BTCUSDT-ETHUSDT", "-".join(apart))
    if not dash:
        raise ValueError(f"{text!r} is not a pair: write it like BTCUSDT-ETHUSDT")
    legs = as_symbol(y), as_symbol(x)
    if legs[0] == legs[1]:
        raise ValueError(f"{text!r} pairs a symbol with itself: its spread is always 0")
    return legs


def _demand_no_oddities(text: str, what: str) -> None:
    if odd := oddities(text):
        raise Invalid(f"{text!r} is not a {what}: {'; '.join(odd)}", plain(text).upper())
