"""Builds a runtime from a checked config. Replay, demo and daemon all use this module."""

import sys
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from quantd.clock import Clock, EventClock, MarketClock, venue_time
from quantd.config.model import Config, Pipeline
from quantd.config.own_settings import has_own
from quantd.config.pairs import DEFAULT_PIPELINE
from quantd.flow.ahead import Ahead
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.outbox import Outbox
from quantd.flow.alerts.rule import of_config
from quantd.flow.environment import Environment
from quantd.flow.feed import FeedFlow
from quantd.flow.hub import Hub
from quantd.flow.outputs import Outputs
from quantd.flow.pairs import Background, Inline
from quantd.flow.record import Recorder
from quantd.history.history import History
from quantd.plugin.base import Store
from quantd.plugin.registry import Registry
from quantd.plugin.watch import Watch
from quantd.runtime.exporters import Exporters
from quantd.runtime.guards import Guards
from quantd.runtime.members import RuntimeMembers
from quantd.runtime.runtime import Runtime
from quantd.runtime.stages import StageMaker
from quantd.runtime.uses import Use
from quantd.state import Prefixed, State
from quantd.supervision.losses import Losses
from quantd.supervision.troubles import Troubles


class Lasting(Struct, frozen=True):
    """The parts of a daemon that survive a restart. A replay has none of them."""

    troubles: Troubles
    """Where troubles are reported."""
    losses: Losses
    """The parts of the state that were found broken."""
    state: State


def build(
    config: Config, registry: Registry, clock: Clock, directory: Path, *, warm: bool = False, lasting: Lasting | None = None
) -> Runtime:
    """Build the runtime of a config. The store opens in `directory`. With `warm`, windows are filled from the feeds' past first."""
    return Builder(config, registry, clock, lasting, warm=warm).build(directory)


class Builder:
    """Makes the parts of a runtime, and starts it with the pairs and symbols of the config."""

    def __init__(self, config: Config, registry: Registry, clock: Clock, lasting: Lasting | None = None, *, warm: bool = False) -> None:
        self._config = config
        self._guards = Guards(registry, clock, None if isinstance(clock, EventClock) else Watch(clock))
        self._clock = clock
        self._lasting = lasting
        self._troubles = lasting.troubles if lasting else Troubles(clock)
        self._warm = warm

    def build(self, directory: Path) -> Runtime:
        config, guards = self._config, self._guards
        if config.store:
            config.store.open(directory)
        flows: dict[str, FeedFlow] = {}
        outputs = self._outputs(directory, flows)
        uses = self._uses()
        backgrounds: dict[str, Background] = {}
        for name in config.feeds:
            if any(use.pipeline.feed == name for use in uses):
                backgrounds[name] = Inline() if isinstance(self._clock, EventClock) else Background()
                flows[name] = FeedFlow(name, config.feeds[name], outputs, self._clock, backgrounds[name], self._environment(name))
        exporters = Exporters(guards, self._clock, self._troubles)
        maker = StageMaker(guards, exporters, outputs.history, backgrounds, warm=self._warm)
        members = RuntimeMembers(flows, outputs.alerts, exporters, guards, maker)
        members.begin(uses)
        for rule in config.alerts:
            if not has_own(rule, config):  # otherwise LiveRules has its points made
                outputs.alerts.put(of_config(rule, rule.of))
        return Runtime(list(flows.values()), outputs, exporters, guards, members, _default(config))

    def _uses(self) -> list[Use]:
        pipelines = self._config.pipelines
        pairs = [Use.of_pair(pair, pipelines[pair.pipeline]) for pair in self._config.pairs]
        return pairs + [Use.of_symbol(symbol, pipelines[DEFAULT_PIPELINE]) for symbol in self._config.symbols]

    def _outputs(self, directory: Path, flows: Mapping[str, FeedFlow]) -> Outputs:
        config, guards = self._config, self._guards
        ahead, history = Ahead(directory / "told" if self._warm and config.store else None), History(config.store)
        return Outputs(
            history=history,
            alerts=self._alerts(flows, history),
            outbox=Outbox(
                {name: (sink, guards(sink, name, sys.maxsize)) for name, sink in config.sinks.items()},
                self._market_clock(flows) or self._clock,
            ),
            hub=Hub(),
            recorder=self._recorder(config.store, ahead, history) if config.store else None,
            records=self._lasting.state.records if self._lasting else None,
            ahead=ahead,
            troubles=self._troubles,
            losses=self._lasting.losses if self._lasting else Losses(),
            routing=config.routing,
            clock=self._market_clock(flows),
        )

    def _recorder(self, store: Store, ahead: Ahead, history: History) -> Recorder:
        return Recorder(store, self._guards(store, "store", sys.maxsize), self._clock, self._troubles, ahead, history)

    def _environment(self, name: str) -> Environment:
        driven = self._clock if isinstance(self._clock, EventClock) else None
        if self._lasting is None:
            return Environment(self._warm, driven)
        return Environment(self._warm, driven, Prefixed(self._lasting.state.kept, f"feed/{name}/"), self._config.state_dir / "raw" / name)

    def _alerts(self, flows: Mapping[str, FeedFlow], history: History) -> AlertEngine:
        return AlertEngine(self._market_clock(flows), history)

    def _market_clock(self, flows: Mapping[str, FeedFlow]) -> Clock | None:
        """Return the venue's clock; None in a replay, in which the data tell the time."""
        if isinstance(self._clock, EventClock):
            return None
        return MarketClock(self._clock, lambda: venue_time(flow.clock for flow in flows.values()))


def _default(config: Config) -> Pipeline | None:
    """Return the pipeline for pairs and symbols that the config does not name: the default one, or the first if none uses the default."""
    return config.pipelines.get(DEFAULT_PIPELINE) or next(iter(config.pipelines.values()), None)
