"""The flows of all feeds and their outputs, opened and closed together."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from quantd.clock import venue_time
from quantd.config.model import PairEntry, Pipeline
from quantd.errors import QuantdError
from quantd.flow.alerts.rule import AlertRule
from quantd.flow.feed import FeedFlow
from quantd.flow.outputs import Outputs
from quantd.flow.pair import PairStage
from quantd.runtime.exporters import Exporters
from quantd.runtime.guards import Guards
from quantd.runtime.members import RuntimeMembers, guest
from quantd.runtime.uses import Use

_log = logging.getLogger("quantd.live")


class Runtime:
    """The flows of all feeds, ready to run."""

    def __init__(
        self,
        flows: Sequence[FeedFlow],
        outputs: Outputs,
        exporters: Exporters,
        guards: Guards,
        members: RuntimeMembers,
        default: Pipeline | None,
    ) -> None:
        """`default` is the pipeline of symbols and pairs that the config does not name."""
        self.flows = flows
        self.outputs = outputs
        self.guards = guards
        self._exporters = exporters
        self._members = members
        self._default = default

    def venue_time(self) -> int | None:
        """Return the time (ms) of the first feed that reports it."""
        return venue_time(flow.clock for flow in self.flows)

    @property
    def pairs(self) -> list[PairStage]:
        """The pairs of all feeds."""
        return [pair for flow in self.flows for pair in flow.pairs]

    def add_pair(self, pair: PairEntry, pipeline: Pipeline) -> None:
        """Process a pair from now on, starting with the past bars of its legs, with the rules and exporters of its pipeline. Legs that
        stream already stay as they are: the pair has the timeframes of which both legs make bars. Raises QuantdError, without any change,
        if the pair is present already, its feed does not run, or an exporter cannot be opened."""
        self._members.add(Use.of_pair(pair, pipeline))

    def drop_pair(self, name: str) -> bool:
        """Stop processing a pair. Return whether there was one. Its legs stream until they are dropped, too."""
        return self._members.drop_pair(name)

    def add_symbol(self, symbol: str, pipeline: Pipeline) -> None:
        """Stream a symbol from now on. Raises QuantdError as `add_pair` does."""
        self._members.add(Use.of_symbol(symbol, pipeline))

    def drop_symbol(self, symbol: str) -> bool:
        """Stop streaming a symbol and processing the pairs that use it as a leg. Return whether it was present."""
        return self._members.drop_symbol(symbol)

    def add_rule(self, rule: AlertRule) -> None:
        """Judge a rule from now on. The rule replaces one with the same id and starts with a fresh state."""
        self.outputs.alerts.put(self._members.informed(rule))

    def drop_rule(self, rule_id: str) -> None:
        """Stop judging a rule and delete its state. If it fires, its receivers are told that this is over."""
        self.outputs.alerts.remove(rule_id)
        self.outputs.dispatcher.forget(rule_id)

    def watch_symbol(self, symbol: str) -> None:
        """Stream a symbol that the config does not name through the default pipeline, unless it streams already."""
        if self._default and not any(flow.stage(symbol) for flow in self.flows):
            try:
                self._members.add(Use.of_symbol(symbol, guest(self._default, self._default.feed)))
            except QuantdError as error:
                _log.warning("%s", error)

    def watch_pair(self, y: str, x: str) -> None:
        """Process a pair that the config does not name through the default pipeline, unless it is processed already. Raises QuantdError if
        its legs come from two feeds or have no bars in common."""
        if not self._default or f"{y}-{x}" in self._members:
            return
        self.watch_symbol(y)
        self.watch_symbol(x)
        flow = next((flow for flow in self.flows if flow.stage(y) and flow.stage(x)), None)
        if flow is None:
            raise QuantdError(f"{y}-{x} is not processed: its legs come from two feeds")
        self._members.add(Use.of_pair(PairEntry(y, x, self._default.name), guest(self._default, flow.name)))

    async def run(self) -> None:
        """Run every feed to its end. Raises QuantdError for errors that the operator can fix."""
        async with self.opened():
            try:
                async with asyncio.TaskGroup() as group:
                    for flow in self.flows:
                        group.create_task(flow.run(), name=f"feed {flow.name}")
            except* QuantdError as errors:
                raise QuantdError("\n".join(str(error) for error in _leaves(errors))) from None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Open sinks, exporters and the store, and close them after the body, even if it fails."""
        self._exporters.open()
        await self.outputs.outbox.start()
        try:
            yield
        finally:
            await self._close()

    async def _close(self) -> None:
        """Close the data outputs first: a sink that hangs must not cost a row."""
        if self.outputs.recorder:
            await self.outputs.recorder.close()
            self.outputs.save_late()
        self._exporters.close()
        await self.outputs.outbox.stop()


def _leaves(group: BaseExceptionGroup[QuantdError]) -> list[BaseException]:
    return [leaf for error in group.exceptions for leaf in (_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])]
