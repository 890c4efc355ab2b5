"""The one composition root: a checked config becomes a runtime. Replay, demo and daemon all come through here."""

from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import msgspec

from quantd.clock import Clock, EventClock
from quantd.config.load import DEFAULT_PIPELINE
from quantd.config.model import Config, PairEntry, Pipeline
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.outbox import Outbox
from quantd.flow.events import EventStage
from quantd.flow.exports import Exports
from quantd.flow.history import History
from quantd.flow.hub import Hub
from quantd.flow.pairs import Background, Inline, PairSeries, PairSpec
from quantd.flow.pipeline import FeedFlow, Outlets, PairStage, SymbolStage
from quantd.flow.record import Recorder
from quantd.plugin.base import Exporter, Plugin, Resampler
from quantd.plugin.guard import Guard
from quantd.plugin.registry import Registry
from quantd.runtime import Guards, Runtime
from quantd.timeframes import duration


def build(config: Config, registry: Registry, clock: Clock, directory: Path, *, warm: bool = False) -> Runtime:
    """Wire what the config names; the store opens below `directory`. `warm` fills the windows from the feeds' past first."""
    return Builder(config, registry, clock, warm=warm).build(directory)


class Builder:
    """Makes each stage once: a symbol's for all pairs that share its feed and its way of making bars, an exporter's for equal settings."""

    def __init__(self, config: Config, registry: Registry, clock: Clock, *, warm: bool = False) -> None:
        self._config = config
        self._guards = Guards(registry, clock)
        self._clock = clock
        self._warm = warm
        self._backgrounds: dict[str, Background] = defaultdict(Inline if isinstance(clock, EventClock) else Background)
        self._history = History(config.store)
        self._uses: list[tuple[Pipeline, tuple[str, ...]]] = [(config.pipelines[pair.pipeline], (pair.y, pair.x)) for pair in config.pairs]
        self._uses += [(config.pipelines[DEFAULT_PIPELINE], (symbol,)) for symbol in config.symbols]
        self._exporters: dict[bytes, Exporter] = {}
        self._stages: dict[tuple[str, str, bytes], SymbolStage] = {}
        self._flows: dict[str, FeedFlow] = {}

    def build(self, directory: Path) -> Runtime:
        config, guards = self._config, self._guards
        if config.store:
            config.store.open(directory)
        outlets = Outlets(
            history=self._history,
            alerts=self._alerts(),
            outbox=Outbox({name: (sink, guards(sink, name)) for name, sink in config.sinks.items()}),
            hub=Hub(),
            recorder=Recorder(config.store, guards(config.store, "store"), self._clock) if config.store else None,
        )
        self._flows = {name: self._flow(name, outlets) for name in config.feeds if any(use.feed == name for use, _ in self._uses)}
        exporters = [(each, self._guard_of(each), self._metrics(each)) for each in self._exporters.values()]
        return Runtime(list(self._flows.values()), outlets, exporters, guards, self._watch_symbol, self._watch_pair)

    def _flow(self, name: str, outlets: Outlets) -> FeedFlow:
        tell = self._clock.advance_to if isinstance(self._clock, EventClock) else None
        flow = FeedFlow(name, self._config.feeds[name], outlets, self._clock, self._backgrounds[name], warm=self._warm, tell_time=tell)
        for pipeline, symbols in self._uses:
            for symbol in symbols if pipeline.feed == name else ():
                self._stage(pipeline, symbol)
        flow.pairs[:] = [self._pair(pair) for pair in self._config.pairs if self._config.pipelines[pair.pipeline].feed == name]
        for (feed, _, _), stage in self._stages.items():
            if feed == name:
                flow.add(stage)
        return flow

    def _watch_symbol(self, symbol: str) -> None:
        pipeline = self._for_guests
        if not pipeline:
            return
        key = (pipeline.feed, symbol, _settings(pipeline.bars))
        if self._stages.get(key) in self._flows[pipeline.feed].stages:
            return
        self._stages.pop(key, None)
        if (pipeline, (symbol,)) not in self._uses:
            self._uses.append((pipeline, (symbol,)))
        self._flows[pipeline.feed].add(self._stage(pipeline, symbol))

    def _watch_pair(self, y: str, x: str) -> None:
        pipeline = self._for_guests
        if pipeline:
            self._watch_symbol(y)
            self._watch_symbol(x)
            self._flows[pipeline.feed].add_pair(self._pair(PairEntry(y, x, pipeline.name)))

    @property
    def _for_guests(self) -> Pipeline | None:
        """The pipeline of what the config does not name: the default one, or the first where none uses that."""
        pipelines = self._config.pipelines
        return pipelines.get(DEFAULT_PIPELINE) or next(iter(pipelines.values()), None)

    def _stage(self, pipeline: Pipeline, symbol: str) -> SymbolStage:
        key = (pipeline.feed, symbol, _settings(pipeline.bars))
        if key not in self._stages:
            sharing = [use for use, symbols in self._uses if symbol in symbols and (use.feed, symbol, _settings(use.bars)) == key]
            every = dict.fromkeys(name for use in sharing for name in use.bars.every)
            resampler = msgspec.structs.replace(pipeline.bars, every=tuple(every))
            rules = {rule.label: rule for use in sharing for rule in use.event_bars}
            events = [EventStage(symbol, rule, self._guards(rule, f"{symbol} {label}")) for label, rule in rules.items()]
            extras = frozenset(extra for use in sharing for extra in use.streams)
            stage = SymbolStage(symbol, resampler, self._guards(resampler, symbol), self._exports(sharing), events, extras)
            stage.seconds_needed = max(2 * use.zscore.reach(use.regression.window) + 2 for use in sharing)
            self._stages[key] = stage
        return self._stages[key]

    def _pair(self, pair: PairEntry) -> PairStage:
        pipeline = self._config.pipelines[pair.pipeline]
        reopen = duration(pipeline.bars.reopen)
        series: list[PairSeries] = []
        for every in pipeline.bars.every:
            jobs = tuple(stage.job for stage in pipeline.jobs if stage.every == every)
            spec = PairSpec(pair.name, every, pipeline.regression, pipeline.zscore, jobs, pipeline.spread)
            recall = partial(self._history.points, pair.name, every) if self._warm else None
            series.append(PairSeries(spec, self._guards, reopen, self._backgrounds[pipeline.feed], recall))
        y, x = self._stage(pipeline, pair.y), self._stage(pipeline, pair.x)
        return PairStage(y, x, tuple(series), self._exports([pipeline]))

    def _exports(self, pipelines: Iterable[Pipeline]) -> Exports:
        chosen = {_named(exporter): exporter for pipeline in pipelines for exporter in pipeline.exports}
        shared = [self._exporters.setdefault(key, exporter) for key, exporter in chosen.items()]
        return Exports([(exporter, self._guard_of(exporter)) for exporter in shared])

    def _guard_of(self, exporter: Exporter) -> Guard:
        return self._guards(exporter, str(list(self._exporters.values()).index(exporter) + 1))

    def _metrics(self, exporter: Exporter) -> tuple[str, ...]:
        """The metrics in the points of the pipelines that use an exporter."""
        using = [pipeline for pipeline, _ in self._uses if exporter in pipeline.exports]
        return tuple(dict.fromkeys(name for pipeline in using for stage in pipeline.jobs for name in stage.job.metrics))

    def _alerts(self) -> AlertEngine:
        engine = AlertEngine()
        for pair in self._config.pairs:
            for rule in self._config.pipelines[pair.pipeline].alerts:
                engine.add(rule, pair.name)
        return engine


def _settings(resampler: Resampler) -> bytes:
    """What makes two resamplers the same but for their timeframes."""
    return _named(msgspec.structs.replace(resampler, every=()))


def _named(plugin: Plugin) -> bytes:
    return repr(type(plugin)).encode() + msgspec.json.encode(plugin)
