"""Reads the config, loads the plugins that it names, and checks everything in one pass."""

from collections.abc import Collection, Mapping
from os.path import exists, expanduser
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from quantd.config.access import found_from
from quantd.config.heartbeat import check_heartbeat
from quantd.config.makers import Mention, one_maker_a_bar
from quantd.config.model import Config, ConfigFile, PairEntry, Pipeline, PipelineFile, PluginSettings
from quantd.config.named import Named
from quantd.config.node import Node, shown
from quantd.config.pairs import DEFAULT_PIPELINE, name_and_pipeline
from quantd.config.pipelines import Folder, NoPipeline, read_file, read_pipeline
from quantd.config.reader import Reader
from quantd.config.routing import check_names, check_routing
from quantd.config.sections import Part, read_section
from quantd.config.shapes import fields
from quantd.config.tree import PREFIX, override, substitute
from quantd.config.watched import Watchable, watched_rules
from quantd.config.writers import Writer, one_writer_a_place
from quantd.errors import ConfigError, Mistake, QuantdError
from quantd.plugin.base import Feed
from quantd.plugin.loader import load as load_plugins
from quantd.plugin.registry import Registry

KEYS = tuple(fields(ConfigFile))
_OF_A_PIPELINE = frozenset({"extends", *(key for key, field in fields(PipelineFile).items() if field.required)})
ETC = Path("/etc/quantd/quantd.yaml")


class NoConfig(QuantdError):
    """Raised if no config is named, and there is none where one is looked for."""


class Loaded(Struct, frozen=True):
    """A config with the plugins against which it was checked; `path` is None if it was not read from a file."""

    config: Config
    registry: Registry
    path: Path | None
    nodes: Mapping[str, Node] = {}
    """The nodes of the config: the top level under "", each pipeline in use under its name."""
    named: tuple[Named, ...] = ()
    """The symbols of its pairs and of `symbols:`, one entry for each mention."""


def find(given: Path | None, environ: Mapping[str, str]) -> Path:
    """Return the path of the config file: `--config`, `$QUANTD_CONFIG`, `./quantd.yaml` or `/etc/quantd/quantd.yaml`. Raises
    QuantdError."""
    named = given or (Path(environ["QUANTD_CONFIG"]) if environ.get("QUANTD_CONFIG") else None)
    if named:
        if not exists(named):
            raise QuantdError(f"{named}: no such file")
        return named
    for path in (Path("quantd.yaml"), ETC):
        if path.is_file():
            return path
    raise NoConfig(f"no config: there is neither ./quantd.yaml nor {ETC}; write one with `quantd init`, or name one with --config")


def load(given: Path | None, environ: Mapping[str, str], *, all_pipelines: bool = False) -> Loaded:
    """Read and check the config file. `all_pipelines` also checks pipelines that no pair uses. Raises ConfigError with every mistake."""
    path = find(given, environ)
    mistakes: list[Mistake] = []
    return _Load(read_file(path, mistakes), path.parent, environ, mistakes).run(path, all_pipelines=all_pipelines)


def nothing_to_watch(loaded: Loaded) -> str | None:
    """Return what to add to a config without pairs and symbols; None if it has any."""
    config = loaded.config
    if config.pairs or config.symbols:
        return None
    missing = {"feeds: {binance-futures: {}}": config.feeds, "sinks: {log: {}}": config.sinks}
    lines = ["pairs: [BTCUSDT-ETHUSDT]", *(line for line, there in missing.items() if not there)]
    return f"nothing to watch: there are no pairs and no symbols in {loaded.path}; write {', '.join(f'`{line}`' for line in lines)}"


def build(raw: Mapping[str, Any], pipelines: Mapping[str, Any], environ: Mapping[str, str]) -> Loaded:
    """Check settings that come from a command line instead of a file. Raises ConfigError with every mistake."""
    nodes = {name: as_node(pipeline) for name, pipeline in pipelines.items()}
    settings = {name: value for name, value in environ.items() if not name.startswith(PREFIX)}
    return _Load(as_node(raw), Path(), settings, [], nodes).run(None, all_pipelines=False)


def as_node(value: Any, file: str = "<command line>") -> Node:
    """Convert built-in values to nodes without a position; nodes are returned unchanged."""
    if isinstance(value, Mapping):
        return Node({key: as_node(child, file) for key, child in value.items()}, file, 0)
    if isinstance(value, (list, tuple)):
        return Node([as_node(child, file) for child in value], file, 0)
    return value if isinstance(value, Node) else Node(value, file, 0)


class Plugins(Struct, frozen=True):
    """The plugins that the section `plugins:` asks for, loaded."""

    registry: Registry
    disabled: tuple[str, ...]


def find_plugins(given: Path | None, environ: Mapping[str, str]) -> tuple[Registry, list[Mistake]]:
    """Return the plugins that the config asks for, and the mistakes that keep it from being read; without a config, the plugins of
    ./plugins.

    Raises ConfigError for mistakes in the section `plugins:`, QuantdError if a config was named and does not exist.
    """
    try:
        path = find(given, environ)
    except NoConfig:
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
    """Load the plugins as the section `plugins:` says; `./plugins` is searched even if it is not named. Wrong settings are noted and
    ignored."""
    reader = Reader(Registry())
    part = read_section(reader, node or Node({}, ""), "plugins", PluginSettings)
    mistakes += reader.mistakes
    dirs, disable = part.keys["dirs"], part.keys["disable"].value or ()
    if dirs.node is None and not (folder / "plugins").is_dir():
        return Plugins(load_plugins([], disable), disable)
    return Plugins(load_plugins([folder / expanduser(each) for each in dirs.value or ()], disable), disable)


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
        self._asked: set[str] = set()
        """Names of the pipelines that are used."""
        self._mentions: list[Mention] = []

    def run(self, path: Path | None, *, all_pipelines: bool) -> Loaded:
        root, mistakes = self._root, self._mistakes
        _demand_config(root)
        override(root, self._environ, KEYS, mistakes)
        substitute(root, self._environ, mistakes)
        plugins = plugins_of(root.value.get("plugins"), self._folder, mistakes)
        reader = self._reader = Reader(plugins.registry, plugins.disabled)
        config = self._config(read_section(reader, root, "", ConfigFile), all_pipelines=all_pipelines)
        known = {_place(mistake) for mistake in mistakes}
        mistakes += [mistake for mistake in reader.mistakes if not mistake.line or _place(mistake) not in known]
        if mistakes or config is None:
            raise ConfigError(sorted(dict.fromkeys(mistakes), key=_place))
        named = [Named(symbol, config.pipelines[pipeline].feed, node, path) for symbol, pipeline, node, path in self._mentions]
        return Loaded(config, reader.registry, path, {"": root} | self._read, tuple(named))

    def _config(self, part: Part, *, all_pipelines: bool) -> Config | None:
        """Return the config of the sections that were read, with the pipelines that it uses; None if one is wrong."""
        feeds, sinks = part.keys["feeds"].value or {}, part.keys["sinks"].value or {}
        check_routing(self._reader, part.keys["routing"], sinks)
        pairs = self._pairs(part.keys["pairs"])
        symbols = self._symbols(part.keys["symbols"])
        pipelines = self._used_pipelines(pairs, part.keys["symbols"] if symbols else None, feeds, sinks)
        named = [*part.keys["feeds"].keys.values(), *part.keys["sinks"].keys.values()]
        self._writers += [Writer(each.value, each.node, each.path) for each in named if each.value and each.node]
        check_heartbeat(self._reader, part.keys["heartbeat"], sinks)
        one_writer_a_place(self._reader, self._writers)
        one_maker_a_bar(self._reader, self._mentions, pipelines, self._read)
        watchable = Watchable([entry for entry, *_ in pairs], symbols, pipelines, sinks)
        alerts = watched_rules(self._reader, part.keys["alerts"], watchable)
        if not self._reader.mistakes:  # else not all labels are known
            rules = [*alerts, *(rule for pipeline in pipelines.values() for rule in pipeline.alerts)]
            check_names(self._reader, part.keys["routing"], {name for rule in rules for name in rule.labels})
        if all_pipelines:
            self._check_unused_pipelines(feeds, sinks)
        if part.value is None:
            return None
        api = part.value.api
        auth = msgspec.structs.replace(api.auth, jwt=found_from(self._folder, api.auth.jwt))
        made = {
            "api": msgspec.structs.replace(api, auth=auth),
            "pairs": tuple(entry for entry, *_ in pairs),
            "symbols": tuple(dict.fromkeys(symbols)),
            "pipelines": pipelines,
            "alerts": alerts,
        }
        return Config(**msgspec.structs.asdict(part.value) | made)

    def _pairs(self, part: Part) -> list[tuple[PairEntry, Node, str]]:
        """Return the pairs, each with the node and path of its pipeline."""
        pairs: dict[str, tuple[PairEntry, Node, str]] = {}
        for each in part.items:
            pair: PairEntry | None = each.value
            if pair is None or each.node is None:
                continue
            if pair.name in pairs:
                self._reader.wrong(each.node, each.path, _twice(pairs[pair.name][0], pair))
                continue
            name, pipeline = name_and_pipeline(each.node)
            pairs[pair.name] = pair, pipeline, each.path
            self._mentions += [Mention(leg, pair.pipeline, name or each.node, each.path) for leg in (pair.y, pair.x)]
        return list(pairs.values())

    def _symbols(self, part: Part) -> list[str]:
        symbols = [each for each in part.items if each.value and each.node]
        self._mentions += [Mention(each.value, DEFAULT_PIPELINE, each.node, each.path) for each in symbols if each.node]
        return [each.value for each in symbols]

    def _used_pipelines(
        self,
        pairs: list[tuple[PairEntry, Node, str]],
        symbols: Part | None,
        feeds: Mapping[str, Feed | None],
        sinks: Collection[str],
    ) -> dict[str, Pipeline]:
        """Return the pipelines of the pairs and of the symbols. If several places name one pipeline, the last place is reported."""
        used = {entry.pipeline: (node, path) for entry, node, path in pairs}
        if symbols and symbols.node:
            used.setdefault(DEFAULT_PIPELINE, (symbols.node, symbols.path))
        made = {name: self._pipeline(name, node, path, feeds, sinks) for name, (node, path) in used.items()}
        return {name: pipeline for name, pipeline in made.items() if pipeline}

    def _check_unused_pipelines(self, feeds: Mapping[str, Feed | None], sinks: Collection[str]) -> None:
        """Check the pipelines that nothing uses. They may name any feed and sink that could be configured."""
        names = self._reader.registry.names
        any_feed = {**dict.fromkeys(names("feed")), **feeds}
        for name in self._pipelines.names():
            if name not in self._asked:
                self._pipeline(name, self._root, "", any_feed, [*sinks, *names("sink")])

    def _pipeline(self, name: str, node: Node, path: str, feeds: Mapping[str, Feed | None], sinks: Collection[str]) -> Pipeline | None:
        reader = self._reader
        self._asked.add(name)
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


def _demand_config(root: Node) -> None:
    """Raise ConfigError unless the root is a mapping, as a quantd.yaml must be."""
    if not isinstance(root.value, dict):
        raise ConfigError([root.mistake("", f"expected a mapping, found {shown(root)}")])
    if root.value and not set(KEYS) - set(fields(PipelineFile)) & set(root.value) and _OF_A_PIPELINE & set(root.value):
        raise ConfigError([root.mistake("", "is a pipeline: give the quantd.yaml that names it")])


def _twice(first: PairEntry, second: PairEntry) -> str:
    through = f", through {first.pipeline!r} and {second.pipeline!r}: a pair goes through one pipeline"
    return f"{first.name} stands here twice{through if first.pipeline != second.pipeline else ''}"


def _place(mistake: Mistake) -> tuple[str, int, int]:
    return mistake.file, mistake.line, mistake.column
