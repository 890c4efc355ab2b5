"""What runs: the flows of all feeds and what they write to, opened and closed together."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from quantd.clock import Clock, venue_time
from quantd.errors import QuantdError, StateUnusable
from quantd.flow.exports import Export
from quantd.flow.feed import FeedFlow
from quantd.flow.outputs import Outputs
from quantd.flow.pair import PairStage
from quantd.plugin.base import PairJob, Plugin
from quantd.plugin.guard import LIMIT, Guard, Health
from quantd.plugin.pace import Pace
from quantd.plugin.registry import Registry
from quantd.plugin.regression import Regression
from quantd.plugin.reports import reports_of
from quantd.plugin.watch import Watch

_OF_FLOWS = ("resampler", "event_bar", "regression", "job")
"""Kinds of plugins that are used by symbols and pairs."""
_log = logging.getLogger("quantd.live")


class Guards:
    """One guard for each use of a plugin: a sink that fails must not silence another, nor a pair another."""

    def __init__(self, registry: Registry, clock: Clock, watch: Watch | None = None) -> None:
        self.watch = watch
        """What says which of them holds up the loop, where there is one."""
        self._paces: dict[type[Plugin], Pace] = {}
        self._names = {entry.plugin: (entry.kind, entry.name) for entry in registry.entries()}
        self._clock = clock
        self._guards: dict[tuple[type[Plugin], str], Guard] = {}

    def __call__(self, plugin: Plugin, user: str, limit: int = LIMIT) -> Guard:
        """The guard of a plugin for one `user` of it: a pair, a symbol, a sink's name. It is left alone after `limit` faults in a row."""
        key = (type(plugin), user)
        if key not in self._guards:
            kind, name = self._names[key[0]]
            self._guards[key] = Guard(kind, f"{name} ({user})", self._clock, limit=limit, pace=self._pace(key[0]), watch=self.watch)
        return self._guards[key]

    def _pace(self, plugin: type[Plugin]) -> Pace | None:
        """Of what is called for each bar and can be done without: a regression, or a pair's job that does not run beside the flow. Without
        another plugin, trades, rows or alerts would be lost."""
        kind, name = self._names[plugin]
        if self.watch is None or not (issubclass(plugin, Regression) or (issubclass(plugin, PairJob) and not plugin.background)):
            return None
        return self._paces.setdefault(plugin, Pace(f"{kind} {name}", self._clock))

    def forget(self, name: str) -> None:
        """There is no such symbol or pair any more: how plugins fared for it says nothing of now."""
        for plugin, user in list(self._guards):
            if self._names[plugin][0] in _OF_FLOWS and f"{user} ".startswith(f"{name} "):
                del self._guards[plugin, user]

    def reported(self) -> list[tuple[tuple[str, str, str], float]]:
        """Kind, name and metric of each number that a plugin reported of itself, and the number."""
        told = [(kind, name, reports_of(plugin)) for plugin, (kind, name) in self._names.items()]
        return [((kind, name, metric), number) for kind, name, reports in told for metric, number in reports.numbers().items()]

    def health(self) -> list[Health]:
        """How each plugin fares."""
        return [guard.health() for guard in self._guards.values()]


class Runtime:
    """The flows of all feeds, ready to run."""

    def __init__(
        self,
        flows: Sequence[FeedFlow],
        outputs: Outputs,
        exports: Sequence[tuple[Export, tuple[str, ...]]],
        guards: Guards,
        watch_symbol: Callable[[str], None],
        watch_pair: Callable[[str, str], None],
    ) -> None:
        self.flows = flows
        self.outputs = outputs
        self.guards = guards
        self.watch_symbol = watch_symbol
        """Stream a symbol that the config does not name, through the default pipeline."""
        self.watch_pair = watch_pair
        """Process a pair that the config does not name, through the default pipeline."""
        self.exports = exports
        """All exporters, each with the metrics of its points."""

    def venue_time(self) -> int | None:
        """The time (ms) of the first feed that can tell it."""
        return venue_time(flow.clock for flow in self.flows)

    @property
    def pairs(self) -> list[PairStage]:
        """The pairs of all feeds."""
        return [pair for flow in self.flows for pair in flow.pairs]

    def drop_pair(self, name: str) -> None:
        """Process a pair no more."""
        for flow in self.flows:
            flow.members.drop_pair(name)
        self.guards.forget(name)

    def drop_symbol(self, symbol: str) -> None:
        """Stream a symbol no more, nor process the pairs that it is a leg of."""
        pairs = [pair.name for pair in self.pairs if symbol in (pair.y.symbol, pair.x.symbol)]
        for flow in self.flows:
            try:
                flow.members.drop(symbol)
            except Exception:  # of a feed's plugin
                _log.exception("feed %s does not let go of %s", flow.name, symbol)
        for name in (symbol, *pairs):
            self.guards.forget(name)

    async def run(self) -> None:
        """Run every feed to its end. Raises QuantdError for what the operator can mend."""
        async with self.opened():
            try:
                async with asyncio.TaskGroup() as group:
                    for flow in self.flows:
                        group.create_task(flow.run(), name=f"feed {flow.name}")
            except* QuantdError as errors:
                raise QuantdError("\n".join(str(error) for error in _leaves(errors))) from None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Sinks, exporters and the store are open meanwhile and closed after, whatever happens."""
        self._open_exporters()
        await self.outputs.outbox.start()
        try:
            yield
        finally:
            await self._close()

    def _open_exporters(self) -> None:
        for export, metrics in self.exports:
            try:
                export.open(metrics)
            except OSError as error:
                raise StateUnusable(f"exporter {export.name} cannot write to {error.filename}: {error.strerror}") from error

    async def _close(self) -> None:
        """Data first: a sink that hangs must not cost a row."""
        if self.outputs.recorder:
            await self.outputs.recorder.close()
            self.outputs.save_late()
        for export, _ in self.exports:
            export.close()
        await self.outputs.outbox.stop()


def _leaves(group: BaseExceptionGroup[QuantdError]) -> list[BaseException]:
    return [leaf for error in group.exceptions for leaf in (_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])]
