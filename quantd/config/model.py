"""The config, read and checked."""

import re
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from quantd.config.addresses import check_host, check_origin
from quantd.config.rules import Rule
from quantd.log import Level
from quantd.model import Spread
from quantd.plugin.base import AlertSink, DaemonJob, EventBars, Exporter, Extra, Feed, PairJob, Resampler, Store
from quantd.plugin.regression import Regression
from quantd.stats.zscore import ZScore

DEV_ORIGINS = tuple(f"http://{host}:{port}" for host in ("localhost", "127.0.0.1", "[::1]") for port in (8080, 8081, 8082, 3000, 5173))


_STRANGE = re.compile(r"[/\s@]")


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
    zscore: ZScore = ZScore()
    spread: Spread = "hedge"
    jobs: tuple[PairJobStage, ...] = ()
    alerts: tuple[Rule, ...] = ()
    exports: tuple[Exporter, ...] = ()
    event_bars: tuple[EventBars, ...] = ()
    streams: frozenset[Extra] = frozenset()
    """What the feed is asked for besides trades."""


class ApiSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the API listens and what it lets callers do."""

    listen: Annotated[str, Meta(description="host:port")] = "127.0.0.1:8000"
    hosts: Annotated[tuple[str, ...], Meta(description="Names that clients reach the API by, besides localhost and that of `listen`.")] = ()
    cors: Annotated[tuple[str, ...], Meta(description="Origins whose pages may read the answers.")] = DEV_ORIGINS
    max_symbols: Annotated[int, Meta(ge=1, le=10_000, description="Symbols that one request may start.")] = 10

    def __post_init__(self) -> None:
        host, _, port = self.listen.rpartition(":")
        if not host or _STRANGE.search(host) or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
            raise ValueError(f"listen: {self.listen!r} is not host:port, like 127.0.0.1:8000")
        for key, check in (("hosts", check_host), ("cors", check_origin)):
            for text in getattr(self, key):
                try:
                    check(text)
                except ValueError as error:
                    raise ValueError(f"{key}: {error}") from None


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
    api: ApiSettings = ApiSettings()
