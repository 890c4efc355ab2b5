"""The sections of quantd.yaml and of a pipeline.

A field here is a key there. Its type, bounds and default are checked when a file is read; the JSON Schema, `quantd config show` and the
test of docs/config.md follow from them. A new key is therefore a new field. `shapes` tells how each type is written in a file.
"""

from os.path import expanduser
from pathlib import Path
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from quantd.config.access import AuthSettings, Network
from quantd.config.addresses import as_host, as_listen, as_origin
from quantd.config.heartbeat import HeartbeatSettings
from quantd.config.limits import LimitSettings
from quantd.config.node import Node
from quantd.config.pairs import SCHEMA, read_pair
from quantd.config.reader import Reader
from quantd.config.routing import Routing
from quantd.config.rules import Rule, WatchedRule
from quantd.config.shapes import Stage, Written, parsed
from quantd.config.texts import Period, Symbol, Text, Timeframe
from quantd.log import Level
from quantd.model import Spread
from quantd.plugin.base import AlertSink, Channel, DaemonJob, EventBars, Exporter, Feed, PairJob, Resampler, Store
from quantd.plugin.regression import Regression
from quantd.stats.zscore import ZScore

DEV_ORIGINS = tuple(f"http://{host}:{port}" for host in ("localhost", "127.0.0.1", "[::1]") for port in (8080, 8081, 8082, 3000, 5173))
HostName = Annotated[str, parsed(as_host)]
Origin = Annotated[str, parsed(as_origin)]


class PairEntry(Struct, frozen=True):
    """One line of `pairs:`: y minus beta times x, through a pipeline."""

    y: str
    x: str
    pipeline: str

    @property
    def name(self) -> str:
        return f"{self.y}-{self.x}"


def _pair(reader: Reader, node: Node, path: str) -> PairEntry | None:
    found = read_pair(reader, node, path)
    return PairEntry(*found) if found else None


Pair = Annotated[PairEntry, Written(_pair, SCHEMA)]


class DaemonJobStage(Stage, frozen=True, kw_only=False):
    """A daemon-wide job and its period."""

    elsewhere: ClassVar[str] = "works on a pair: name it under `jobs:` of a pipeline"
    every: Period
    job: DaemonJob


class PairJobStage(Stage, frozen=True, kw_only=True):
    """A pair's job and the timeframe at whose closes it runs."""

    elsewhere: ClassVar[str] = "works for the whole daemon: name it under `jobs:` of quantd.yaml"
    every: Timeframe = ""
    job: PairJob


class ApiSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The section `api:`, with the address to listen on and the limits for callers."""

    listen: Annotated[str, parsed(as_listen), Meta(description="host:port")] = "127.0.0.1:8000"
    hosts: Annotated[
        tuple[HostName, ...],
        Meta(description="Host names by which clients reach the API, besides localhost and that of `listen`."),
    ] = ()
    cors: Annotated[tuple[Origin, ...], Meta(description="Origins whose pages may read the answers.")] = DEV_ORIGINS
    max_symbols: Annotated[int, Meta(ge=1, le=10_000, description="Maximum number of symbols that one request may start.")] = 10
    auth: AuthSettings = AuthSettings()
    trusted_proxies: Annotated[
        tuple[Network, ...],
        Meta(description="Addresses and networks of proxies that tell the address of the client."),
    ] = ()
    limits: LimitSettings = LimitSettings()


class StateSettings(Struct, frozen=True, kw_only=True):
    """The section `state:`, with the place of the state that the daemon needs after a restart."""

    dir: Annotated[str, Meta(min_length=1, description="Folder of the state, for one daemon alone; ~ is the home directory.")] = (
        "~/.local/state/quantd"
    )


class PluginSettings(Struct, frozen=True, kw_only=True):
    """Which plugins are loaded besides the installed ones, and which are disabled."""

    dirs: Annotated[tuple[Text, ...], Meta(description="Folders of drop-in plugins, relative to the config.")] = ("plugins",)
    disable: Annotated[tuple[str, ...], Meta(description="Plugins not to load: names, or kind:name.")] = ()


class ConfigFile(Struct, frozen=True, kw_only=True):
    """The keys of quantd.yaml."""

    pairs: Annotated[tuple[Pair, ...], Meta(description="Y-X, read as y minus beta times x; or Y-X: pipeline.")] = ()
    symbols: Annotated[tuple[Symbol, ...], Meta(description="Symbols to record without a pair.")] = ()
    feeds: Annotated[dict[str, Feed], Meta(description="Where trades come from.")] = {}
    store: Annotated[Store | None, Meta(description="Where ticks, bars and points are recorded.")] = None
    sinks: Annotated[dict[str, AlertSink], Meta(description="Where alerts go.")] = {}
    routing: Routing = Routing()
    heartbeat: HeartbeatSettings = HeartbeatSettings()
    jobs: Annotated[tuple[DaemonJobStage, ...], Meta(description="Jobs that run periodically for the whole daemon.")] = ()
    alerts: Annotated[tuple[WatchedRule, ...], Meta(description="Alert rules on single pairs and symbols.")] = ()
    api: ApiSettings = ApiSettings()
    state: StateSettings = StateSettings()
    plugins: PluginSettings = PluginSettings()
    log: Annotated[Level, Meta(description="The lowest level that is logged.")] = "info"


class PipelineFile(Struct, frozen=True, kw_only=True):
    """The keys of a file of pipelines/: how a pair is processed, top to bottom."""

    extends: Annotated[str, Meta(min_length=1, description="The pipeline whose keys apply where this file does not set them.")] = ""
    feed: Annotated[str, Meta(min_length=1, description="A feed of quantd.yaml.")]
    channels: Annotated[frozenset[Channel], Meta(description="What the feed brings besides trades; book bars are made from it.")] = (
        frozenset()
    )
    bars: Annotated[Resampler, Meta(description="The resampler that makes bars from ticks.")]
    event_bars: Annotated[tuple[EventBars, ...], Meta(description="Bars that end with an event, in addition to time bars.")] = ()
    regression: Annotated[Regression, Meta(description="The regression that estimates the hedge ratio.")]
    spread: Annotated[Spread, Meta(description="y - beta * x, or y - beta * x - alpha.")] = "hedge"
    zscore: ZScore = ZScore()
    jobs: Annotated[
        tuple[PairJobStage, ...], Meta(description="Jobs that run at each close of a timeframe; their metrics are added to the points.")
    ] = ()
    alerts: Annotated[tuple[Rule, ...], Meta(description="Alert rules on the points.")] = ()
    exports: Annotated[tuple[Exporter, ...], Meta(description="Where bars and points are written.")] = ()


class Pipeline(PipelineFile, frozen=True, kw_only=True):
    """A pipeline with its name; a timeframe that was left out is the first of `bars.every`."""

    name: str


class Config(ConfigFile, frozen=True, kw_only=True):
    """The settings of quantd.yaml and of the pipelines that it uses."""

    pipelines: dict[str, Pipeline] = {}

    @property
    def state_dir(self) -> Path:
        return Path(expanduser(self.state.dir))
