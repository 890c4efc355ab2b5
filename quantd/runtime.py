"""What runs: the flows of all feeds and what they write to, opened and closed together."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from quantd.clock import Clock
from quantd.errors import QuantdError
from quantd.flow.pipeline import FeedFlow, Outlets, PairStage
from quantd.plugin.base import Exporter, Plugin
from quantd.plugin.guard import Guard, Health
from quantd.plugin.registry import Registry


class Guards:
    """One guard for each use of a plugin: a sink that fails must not silence another, nor a pair another."""

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self._names = {entry.plugin: (entry.kind, entry.name) for entry in registry.entries()}
        self._clock = clock
        self._guards: dict[tuple[type[Plugin], str], Guard] = {}

    def __call__(self, plugin: Plugin, user: str) -> Guard:
        """The guard of a plugin for one `user` of it: a pair, a symbol, a sink's name."""
        key = (type(plugin), user)
        if key not in self._guards:
            kind, name = self._names[key[0]]
            self._guards[key] = Guard(kind, f"{name} ({user})", self._clock)
        return self._guards[key]

    def health(self) -> list[Health]:
        """How each plugin fares."""
        return [guard.health() for guard in self._guards.values()]


class Runtime:
    """The flows of all feeds, ready to run."""

    def __init__(
        self,
        flows: Sequence[FeedFlow],
        outlets: Outlets,
        exporters: Sequence[tuple[Exporter, Guard, tuple[str, ...]]],
        guards: Guards,
        watch_symbol: Callable[[str], None],
        watch_pair: Callable[[str, str], None],
    ) -> None:
        self.flows = flows
        self.outlets = outlets
        self.guards = guards
        self.watch_symbol = watch_symbol
        """Stream a symbol that the config does not name, through the default pipeline."""
        self.watch_pair = watch_pair
        """Process a pair that the config does not name, through the default pipeline."""
        self._exporters = exporters

    @property
    def pairs(self) -> list[PairStage]:
        """The pairs of all feeds."""
        return [pair for flow in self.flows for pair in flow.pairs]

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
        await self.outlets.outbox.start()
        try:
            yield
        finally:
            await self._close()

    def _open_exporters(self) -> None:
        for exporter, guard, metrics in self._exporters:
            try:
                exporter.open(metrics)
            except OSError as error:
                raise QuantdError(f"exporter {guard.name} cannot write to {error.filename}: {error.strerror}") from error

    async def _close(self) -> None:
        """Data first: a sink that hangs must not cost a row."""
        if self.outlets.recorder:
            await self.outlets.recorder.close()
        for exporter, guard, _ in self._exporters:
            guard.call(exporter.close)
        await self.outlets.outbox.stop()


def _leaves(group: BaseExceptionGroup[QuantdError]) -> list[BaseException]:
    return [leaf for error in group.exceptions for leaf in (_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])]
