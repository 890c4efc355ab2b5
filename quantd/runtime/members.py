"""The symbols and pairs that a runtime processes. Dropping one undoes adding it."""

import logging
from collections.abc import Iterable, Mapping
from functools import partial

from msgspec.structs import replace

from quantd.config.model import Pipeline
from quantd.errors import QuantdError
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.rule import AlertRule, of_pipeline
from quantd.flow.feed import FeedFlow
from quantd.runtime.exporters import Exporters
from quantd.runtime.guards import Guards
from quantd.runtime.stages import StageMaker
from quantd.runtime.uses import Use, Uses

_log = logging.getLogger("quantd.live")


class RuntimeMembers:
    """The symbols and pairs of the flows, each with its pipeline."""

    def __init__(self, flows: Mapping[str, FeedFlow], alerts: AlertEngine, exporters: Exporters, guards: Guards, maker: StageMaker) -> None:
        self._flows = flows
        self._alerts = alerts
        self._exporters = exporters
        self._guards = guards
        self._maker = maker
        self._uses = Uses()

    def __contains__(self, name: str) -> bool:
        """Return whether there is a pair or symbol of that name."""
        return self._uses.get(name) is not None

    def begin(self, uses: Iterable[Use]) -> None:
        """Add these before the stream starts. A symbol that several uses share makes the bars that all of them need."""
        begun = {use.name: use for use in uses}.values()
        for step in (self._register, self._join_legs, self._join_pair):
            for use in begun:
                step(use)

    def add(self, use: Use) -> None:
        """Add a pair or symbol to the running flows, with the legs of the pair. Raises QuantdError, without any change, if it is present
        already, its feed does not run, the legs have no timeframe in common, or an exporter cannot be opened."""
        bars, flow = use.pipeline.bars, self._flows.get(use.pipeline.feed)
        if flow is None:
            raise QuantdError(f"{use.name} is not processed: feed {use.pipeline.feed!r} of pipeline {use.pipeline.name!r} does not run")
        legs = [stage for symbol in use.symbols if (stage := flow.stage(symbol))] if use.is_pair else []
        if not any(all(every in leg.every for leg in legs) for every in bars.every):
            raise QuantdError(f"{use.name} is not processed: its legs have no bars in common of {', '.join(bars.every)}")
        self._register(use)
        self._join_legs(use)
        self._join_pair(use)

    def drop_pair(self, name: str) -> bool:
        """Drop a pair. Return whether there was one. Its legs stream on, and may be dropped separately."""
        use = self._uses.get(name)
        if use is None or not use.is_pair:
            return False
        self._uses.drop(name)
        flow = self._flows[use.pipeline.feed]
        flow.members.drop_pair(name)
        self._alerts.remove_of_pipelines(name)
        self._release(use, flow)
        return True

    def drop_symbol(self, symbol: str) -> bool:
        """Drop a symbol, and the pairs that use it as a leg. Return whether it was present."""
        for pair in self._uses.pairs_of(symbol):
            self.drop_pair(pair.name)
        use, found = self._uses.drop(symbol), False
        for flow in self._flows.values():
            if flow.stage(symbol):
                found = True
                _let_go(flow, symbol)
        if use:
            self._release(use, self._flows[use.pipeline.feed])
        self._guards.forget(symbol)
        return found

    def _register(self, use: Use) -> None:
        self._uses.add(use)
        try:
            self._exporters.add(use)
        except QuantdError:
            self._uses.drop(use.name)
            raise

    def _join_legs(self, use: Use) -> None:
        flow = self._flows[use.pipeline.feed]
        for symbol in use.symbols:
            sharing = self._uses.of_feed(flow.name, symbol)
            if stage := flow.stage(symbol):
                stage.exports.set(self._exporters.of(sharing))
            else:
                flow.members.add(self._maker.symbol(symbol, sharing))

    def _join_pair(self, use: Use) -> None:
        if not use.is_pair:
            return
        flow = self._flows[use.pipeline.feed]
        y, x = (flow.stage(symbol) for symbol in use.symbols)
        if y and x:
            flow.members.add_pair(partial(self._maker.pair, use, y, x))
        for rule in use.pipeline.alerts:
            self._alerts.put(self.informed(of_pipeline(rule, use.name)))

    def informed(self, rule: AlertRule) -> AlertRule:
        """Return a rule that says whether the beta of its pair is of logarithms of prices."""
        use = self._uses.get(rule.on)
        return replace(rule, log=bool(use and use.is_pair and use.pipeline.regression.prices == "log"))

    def _release(self, use: Use, flow: FeedFlow) -> None:
        """Release the exporters and guards of a dropped use. Legs that stream on are exported as their remaining uses say."""
        for symbol in use.symbols:
            if stage := flow.stage(symbol):
                stage.exports.set(self._exporters.of(self._uses.of_feed(flow.name, symbol)))
        self._exporters.drop(use.name)
        self._guards.forget(use.name)


def _let_go(flow: FeedFlow, symbol: str) -> None:
    try:
        flow.members.drop(symbol)
    except Exception:  # a feed's plugin may raise anything
        _log.exception("feed %s does not let go of %s", flow.name, symbol)


def guest(pipeline: Pipeline, feed: str) -> Pipeline:
    """Return the pipeline on a feed for symbols and pairs that the config does not name. It has no exports and no rules: the operator's
    files and alerts concern only what the config names."""
    return replace(pipeline, feed=feed, exports=(), alerts=())
