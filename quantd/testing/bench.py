"""A test bench for a flow: the runtime of a config on a fake venue, with a clock that follows the trades."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from quantd.clock import EventClock
from quantd.config.model import Config, PairEntry, Pipeline
from quantd.flow.feed import FeedFlow
from quantd.flow.hub import Hub
from quantd.history.history import History
from quantd.model import Event
from quantd.plugin.base import Exporter, Feed, Plugin, Resampler, RowKind, Store, Subscription
from quantd.plugin.registry import KINDS, Registry
from quantd.plugin.regression import Regression
from quantd.runtime.build import Lasting, build
from quantd.runtime.runtime import Runtime
from quantd.state import State
from quantd.supervision.losses import Losses
from quantd.supervision.troubles import Troubles


class Venue(Feed):
    """A feed that sends what a test puts into `events`. An empty batch ends the stream."""

    def __post_init__(self) -> None:
        self.events: asyncio.Queue[Sequence[Event]] = asyncio.Queue()

    async def stream(self, subscription: Subscription) -> AsyncIterator[Sequence[Event]]:
        while batch := await self.events.get():
            yield batch


class KeptRows(Exporter):
    """An exporter that keeps the rows in memory, by kind."""

    def __post_init__(self) -> None:
        self.rows: dict[RowKind, list[Any]] = {"ticks": [], "bars": [], "points": []}

    def open(self, metrics: Sequence[str]) -> None: ...

    def write(self, kind: RowKind, rows: Sequence[Any]) -> None:
        self.rows[kind] += rows

    def close(self) -> None: ...


def pair_config(bars: Resampler, regression: Regression, feed: Feed | None = None, *, store: Store | None = None, **keys: Any) -> Config:
    """Return the config of the pair Y-X on one feed, by default a `Venue`. `keys` are keys of a pipeline, such as `event_bars`, `channels`
    and `zscore`, with plugins instead of their settings."""
    pipeline = Pipeline(name="default", feed="venue", bars=bars, regression=regression, **keys)
    pairs = (PairEntry("Y", "X", pipeline.name),)
    return Config(pairs=pairs, feeds={"venue": feed or Venue()}, store=store, pipelines={pipeline.name: pipeline})


class Bench:
    """The runtime of a config with one feed, with a clock that follows the trades, and its output.

    `process` takes events at once. Alternatively a task runs `runtime.run()`, and the events go into the `events` of a `Venue`. Rows
    come out in `kept.rows`, whatever happens on the `hub`, and the past in the `history`. A plugin of the test's own needs no name::

        bench = Bench(pair_config(TimeBars(every=("1s",)), MyRegression(window=60)))
        bench.process([fakes.tick("Y", 1), fakes.tick("X", 1), fakes.tick("Y", 2, 1_500)])
        assert [bar.symbol for bar in bench.kept.rows["bars"]] == ["Y", "X"]
    """

    def __init__(
        self,
        config: Config,
        folder: Path | None = None,
        *,
        registry: Registry | None = None,
        now: int = 0,
        warm: bool = False,
        state: State | None = None,
    ) -> None:
        """Build the runtime. The store of the config opens below `folder`. `registry` holds the names of the config's plugins, if the
        config was read from a file. The clock begins at `now` (ms) and follows the watermark. `warm` makes the flow fetch the past from the
        feed first. With a `state`, what alerts change survives in it."""
        self.kept = KeptRows(kinds=("ticks", "bars", "points"))
        pipelines = {name: replace(each, exports=(*each.exports, self.kept)) for name, each in config.pipelines.items()}
        self.config = replace(config, pipelines=pipelines)
        self.registry = registry or Registry()
        for plugin in _plugins(self.config):
            _name(self.registry, type(plugin))
        self.clock = EventClock(now)
        lasting = Lasting(Troubles(self.clock), Losses(), state) if state else None
        self.runtime: Runtime = build(self.config, self.registry, self.clock, folder or Path(), warm=warm, lasting=lasting)

    def process(self, events: Sequence[Event]) -> None:
        """Process events as if the feed had sent them together."""
        self.flow.process(events)

    def finish(self) -> None:
        """Close the open bars, as at the end of a replay."""
        self.flow.finish()

    @property
    def flow(self) -> FeedFlow:
        """The flow that processes the events of the feed."""
        return self.runtime.flows[0]

    @property
    def hub(self) -> Hub:
        """The hub, to which a test can subscribe."""
        return self.runtime.outputs.hub

    @property
    def history(self) -> History:
        """The history: the bars, points and trades so far."""
        return self.runtime.outputs.history


def _plugins(config: Config) -> Iterator[Plugin]:
    """Yield all plugins of a config."""
    yield from (*config.feeds.values(), *config.sinks.values(), *(stage.job for stage in config.jobs))
    if config.store:
        yield config.store
    for each in config.pipelines.values():
        yield from (each.bars, *each.event_bars, each.regression, *(stage.job for stage in each.jobs), *each.exports)


def _name(registry: Registry, plugin: type[Plugin]) -> None:
    """Register a plugin class under the name of the class, unless the registry has a name for it."""
    if all(entry.plugin is not plugin for entry in registry.entries()):
        kind = next(kind for kind, base in KINDS.items() if issubclass(plugin, base))
        registry.add(kind, plugin.__name__, plugin, plugin.__module__)
