"""Makes the stages of symbols and pairs from their pipelines."""

from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from quantd.config.model import Pipeline
from quantd.flow.bars.events import EventStage
from quantd.flow.exports import Exports
from quantd.flow.pair import PairStage
from quantd.flow.pairs import Background, PairSeries, PairSpec
from quantd.flow.symbol import SymbolStage
from quantd.history.history import History
from quantd.runtime.exporters import Exporters
from quantd.runtime.guards import Guards
from quantd.runtime.uses import Use


class StageMaker:
    """Makes stages and stores none. Slow jobs run in the `backgrounds` of the feeds. With `warm`, recursive regressions resume from
    recorded states."""

    def __init__(
        self, guards: Guards, exporters: Exporters, history: History, backgrounds: Mapping[str, Background], *, warm: bool
    ) -> None:
        self._guards = guards
        self._exporters = exporters
        self._history = history
        self._backgrounds = backgrounds
        self._warm = warm

    def symbol(self, symbol: str, sharing: Sequence[Use]) -> SymbolStage:
        """Make the stage of a symbol for all uses that share it. The config ensures that they make its bars alike."""
        pipelines = [use.pipeline for use in sharing]
        every = dict.fromkeys(name for pipeline in pipelines for name in pipeline.bars.every)
        resampler = msgspec.structs.replace(pipelines[0].bars, every=tuple(every))
        rules = {rule.label: rule for pipeline in pipelines for rule in pipeline.event_bars}
        events = [EventStage(symbol, rule, self._guards(rule, f"{symbol} {label}")) for label, rule in rules.items()]
        channels = frozenset(channel for pipeline in pipelines for channel in pipeline.channels)
        needed = {name: max(_needed(pipeline, name) for pipeline in pipelines) for name in every}
        exports = Exports(self._exporters.of(sharing))
        return SymbolStage(symbol, resampler, self._guards(resampler, symbol), exports, events, channels, needed)

    def pair(self, use: Use, y: SymbolStage, x: SymbolStage) -> PairStage:
        """Make the stage of a pair, with a series for each timeframe of its pipeline that both legs have bars of."""
        pipeline = use.pipeline
        series: list[PairSeries] = []
        for every in pipeline.bars.every:
            if every in y.every and every in x.every:
                spec = _spec(pipeline, use.name, every)
                recall = partial(self._history.points, use.name, every, states=True) if self._warm else None
                series.append(PairSeries(spec, self._guards, max(y.reopen, x.reopen), self._backgrounds[pipeline.feed], recall))
        return PairStage(y, x, tuple(series), Exports(self._exporters.of([use])))


def _spec(pipeline: Pipeline, pair: str, every: str) -> PairSpec:
    jobs = tuple(stage.job for stage in pipeline.jobs if stage.every == every)
    return PairSpec(pair, every, pipeline.regression, pipeline.zscore, jobs, pipeline.spread)


def _needed(pipeline: Pipeline, every: str) -> int:
    """Return the number of bars behind a point; 0 for a timeframe without points."""
    return _spec(pipeline, "", every).memory if every in pipeline.bars.every else 0
