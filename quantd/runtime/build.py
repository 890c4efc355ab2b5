"""The one composition root: a checked config becomes a runtime. Replay, demo and daemon all come through here."""

import logging
import sys
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Struct

from quantd.clock import Clock, EventClock, MarketClock, venue_time
from quantd.config.model import Config, PairEntry, Pipeline
from quantd.config.pairs import DEFAULT_PIPELINE
from quantd.flow.ahead import Ahead
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.outbox import Outbox
from quantd.flow.bars.events import EventStage
from quantd.flow.environment import Environment
from quantd.flow.exports import Export, Exports
from quantd.flow.feed import FeedFlow
from quantd.flow.hub import Hub
from quantd.flow.outputs import Outputs
from quantd.flow.pair import PairStage
from quantd.flow.pairs import Background, Inline, PairSeries, PairSpec
from quantd.flow.record import Recorder
from quantd.flow.symbol import SymbolStage
from quantd.history.history import History
from quantd.plugin.base import Exporter, Plugin, Store
from quantd.plugin.registry import Registry
from quantd.plugin.watch import Watch
from quantd.runtime.runtime import Guards, Runtime
from quantd.state import Prefixed, State
from quantd.supervision.losses import Losses
from quantd.supervision.troubles import Troubles

_log = logging.getLogger("quantd.live")


class Lasting(Struct, frozen=True):
    """What a daemon has besides its config; of a replay none of it."""

    troubles: Troubles
    """What is wrong is reported there."""
    losses: Losses
    """What of the state was found broken."""
    state: State


def build(
    config: Config, registry: Registry, clock: Clock, directory: Path, *, warm: bool = False, lasting: Lasting | None = None
) -> Runtime:
    """Wire what the config names; the store opens below `directory`. `warm` fills the windows from the feeds' past first."""
    return Builder(config, registry, clock, lasting, warm=warm).build(directory)


class Builder:
    """Makes each stage once: a symbol's for all pairs of its feed, an exporter's for equal settings."""

    def __init__(self, config: Config, registry: Registry, clock: Clock, lasting: Lasting | None = None, *, warm: bool = False) -> None:
        self._config = config
        self._guards = Guards(registry, clock, None if isinstance(clock, EventClock) else Watch(clock))
        self._clock = clock
        self._lasting = lasting
        self._troubles = lasting.troubles if lasting else Troubles(clock)
        self._warm = warm
        self._backgrounds: dict[str, Background] = defaultdict(Inline if isinstance(clock, EventClock) else Background)
        self._history = History(config.store)
        self._uses: list[tuple[Pipeline, tuple[str, ...]]] = [(config.pipelines[pair.pipeline], (pair.y, pair.x)) for pair in config.pairs]
        self._uses += [(config.pipelines[DEFAULT_PIPELINE], (symbol,)) for symbol in config.symbols]
        self._lines: dict[bytes, Export] = {}
        self._stages: dict[tuple[str, str], SymbolStage] = {}
        """By feed and symbol."""
        self._flows: dict[str, FeedFlow] = {}

    def build(self, directory: Path) -> Runtime:
        config, guards = self._config, self._guards
        if config.store:
            config.store.open(directory)
        ahead = Ahead(directory / "told" if self._warm and config.store else None)
        outputs = Outputs(
            history=self._history,
            alerts=self._alerts(),
            outbox=Outbox({name: (sink, guards(sink, name)) for name, sink in config.sinks.items()}),
            hub=Hub(),
            recorder=self._recorder(config.store, ahead) if config.store else None,
            records=self._lasting.state.records if self._lasting else None,
            ahead=ahead,
            troubles=self._troubles,
            losses=self._lasting.losses if self._lasting else Losses(),
        )
        self._flows = {name: self._flow(name, outputs) for name in config.feeds if any(use.feed == name for use, _ in self._uses)}
        exports = [(each, self._metrics(each.exporter)) for each in self._lines.values()]
        return Runtime(list(self._flows.values()), outputs, exports, guards, self._watch_symbol, self._watch_pair)

    def _recorder(self, store: Store, ahead: Ahead) -> Recorder:
        return Recorder(store, self._guards(store, "store", sys.maxsize), self._clock, self._troubles, ahead)

    def _flow(self, name: str, outputs: Outputs) -> FeedFlow:
        flow = FeedFlow(name, self._config.feeds[name], outputs, self._clock, self._backgrounds[name], self._environment(name))
        for pipeline, symbols in self._uses:
            for symbol in symbols if pipeline.feed == name else ():
                self._stage(pipeline, symbol)
        for (feed, _), stage in self._stages.items():
            if feed == name:
                flow.members.add(stage)
        for pair in self._config.pairs:
            pipeline = self._config.pipelines[pair.pipeline]
            if pipeline.feed == name:
                flow.members.begin_with(self._pair(pair, pipeline, name))
        return flow

    def _environment(self, name: str) -> Environment:
        driven = self._clock if isinstance(self._clock, EventClock) else None
        if self._lasting is None:
            return Environment(self._warm, driven)
        return Environment(self._warm, driven, Prefixed(self._lasting.state.kept, f"feed/{name}/"), self._config.state_dir / "raw" / name)

    def _watch_symbol(self, symbol: str) -> None:
        pipeline = self._for_guests
        if not pipeline or any(symbol == stage.symbol for flow in self._flows.values() for stage in flow.stages):
            return
        self._stages.pop((pipeline.feed, symbol), None)  # of a time when it was watched before
        if (pipeline, (symbol,)) not in self._uses:
            self._uses.append((pipeline, (symbol,)))
        self._flows[pipeline.feed].members.add(self._stage(pipeline, symbol))

    def _watch_pair(self, y: str, x: str) -> None:
        pipeline = self._for_guests
        if not pipeline:
            return
        self._watch_symbol(y)
        self._watch_symbol(x)
        flow = next((flow for flow in self._flows.values() if {y, x} <= {stage.symbol for stage in flow.stages}), None)
        if flow is None:
            _log.warning("%s-%s is not processed: its legs come from two feeds", y, x)
        elif not _shared(pipeline, self._stages[flow.name, y], self._stages[flow.name, x]):
            _log.warning("%s-%s is not processed: its legs have no bars in common of %s", y, x, ", ".join(pipeline.bars.every))
        else:
            flow.members.add_pair(partial(self._pair, PairEntry(y, x, pipeline.name), pipeline, flow.name))

    @property
    def _for_guests(self) -> Pipeline | None:
        """The pipeline of what the config does not name: the default one, or the first where none uses that. It exports nothing: the
        operator's files hold what the config names."""
        pipelines = self._config.pipelines
        chosen = pipelines.get(DEFAULT_PIPELINE) or next(iter(pipelines.values()), None)
        return chosen and msgspec.structs.replace(chosen, exports=())

    def _stage(self, pipeline: Pipeline, symbol: str) -> SymbolStage:
        """The stage of a symbol on a pipeline's feed, for all pipelines that it goes through: the config has them make its bars alike."""
        key = (pipeline.feed, symbol)
        if key not in self._stages:
            sharing = [use for use, symbols in self._uses if symbol in symbols and use.feed == pipeline.feed]
            every = dict.fromkeys(name for use in sharing for name in use.bars.every)
            resampler = msgspec.structs.replace(sharing[0].bars, every=tuple(every))
            rules = {rule.label: rule for use in sharing for rule in use.event_bars}
            events = [EventStage(symbol, rule, self._guards(rule, f"{symbol} {label}")) for label, rule in rules.items()]
            channels = frozenset(channel for use in sharing for channel in use.channels)
            needed = {name: max(_needed(use, name) for use in sharing) for name in every}
            guard = self._guards(resampler, symbol)
            self._stages[key] = SymbolStage(symbol, resampler, guard, self._exports(sharing), events, channels, needed)
        return self._stages[key]

    def _pair(self, pair: PairEntry, pipeline: Pipeline, feed: str) -> PairStage:
        """A series for each timeframe of the pair's pipeline that both legs have bars of."""
        y, x = self._stages[feed, pair.y], self._stages[feed, pair.x]
        series: list[PairSeries] = []
        for every in _shared(pipeline, y, x):
            spec = _spec(pipeline, pair.name, every)
            recall = partial(self._history.points, pair.name, every) if self._warm else None
            series.append(PairSeries(spec, self._guards, max(y.reopen, x.reopen), self._backgrounds[feed], recall))
        return PairStage(y, x, tuple(series), self._exports([pipeline]))

    def _exports(self, pipelines: Iterable[Pipeline]) -> Exports:
        chosen = {_named(exporter): exporter for pipeline in pipelines for exporter in pipeline.exports}
        return Exports([self._export(key, exporter) for key, exporter in chosen.items()])

    def _export(self, key: bytes, exporter: Exporter) -> Export:
        """One for all that use an exporter with equal settings."""
        if key not in self._lines:
            guard = self._guards(exporter, str(len(self._lines) + 1))
            self._lines[key] = Export(exporter, guard, self._clock, self._troubles)
        return self._lines[key]

    def _metrics(self, exporter: Exporter) -> tuple[str, ...]:
        """The metrics in the points of the pipelines that use an exporter."""
        using = [pipeline for pipeline, _ in self._uses if exporter in pipeline.exports]
        return tuple(dict.fromkeys(name for pipeline in using for stage in pipeline.jobs for name in stage.job.metrics))

    def _alerts(self) -> AlertEngine:
        market = MarketClock(self._clock, lambda: venue_time(flow.clock for flow in self._flows.values()))
        engine = AlertEngine(None if isinstance(self._clock, EventClock) else market)
        for pair in self._config.pairs:
            for rule in self._config.pipelines[pair.pipeline].alerts:
                engine.add(rule, pair.name)
        return engine


def _shared(pipeline: Pipeline, y: SymbolStage, x: SymbolStage) -> list[str]:
    """The timeframes of a pipeline that both legs have bars of."""
    return [every for every in pipeline.bars.every if every in y.every and every in x.every]


def _spec(pipeline: Pipeline, pair: str, every: str) -> PairSpec:
    jobs = tuple(stage.job for stage in pipeline.jobs if stage.every == every)
    return PairSpec(pair, every, pipeline.regression, pipeline.zscore, jobs, pipeline.spread)


def _needed(pipeline: Pipeline, every: str) -> int:
    """How many bars stand behind a point; 0 of a timeframe that it makes none of."""
    return _spec(pipeline, "", every).memory if every in pipeline.bars.every else 0


def _named(plugin: Plugin) -> bytes:
    return repr(type(plugin)).encode() + msgspec.json.encode(plugin)
