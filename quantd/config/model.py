"""The config, read and checked."""

from pathlib import Path

from msgspec import Struct

from quantd.config.rules import Rule
from quantd.log import Level
from quantd.plugin.base import AlertSink, DaemonJob, Exporter, Feed, PairJob, Regression, Resampler, Store


class PairEntry(Struct, frozen=True):
    """One line of `pairs:`: y minus beta times x, through a pipeline."""

    y: str
    x: str
    pipeline: str

    @property
    def name(self) -> str:
        return f"{self.y}-{self.x}"


class DaemonJobStage(Struct, frozen=True):
    """A daemon-wide job and its period in ms."""

    every: int
    job: DaemonJob


class PairJobStage(Struct, frozen=True):
    """A pair's job and the timeframe at whose closes it runs."""

    every: str
    job: PairJob


class Pipeline(Struct, frozen=True):
    """How a pair is processed, top to bottom."""

    name: str
    feed: str
    bars: Resampler
    regression: Regression
    zscore_window: int
    jobs: tuple[PairJobStage, ...] = ()
    alerts: tuple[Rule, ...] = ()
    exports: tuple[Exporter, ...] = ()


class Config(Struct, frozen=True):
    """Everything that quantd.yaml and the pipelines it uses say."""

    pairs: tuple[PairEntry, ...]
    symbols: tuple[str, ...]
    feeds: dict[str, Feed]
    store: Store | None
    sinks: dict[str, AlertSink]
    jobs: tuple[DaemonJobStage, ...]
    pipelines: dict[str, Pipeline]
    state_dir: Path
    log: Level
