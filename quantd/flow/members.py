"""Which symbols and pairs one flow has: they join and leave while it runs."""

from collections.abc import Callable, MutableMapping

from quantd.flow.join import Joining
from quantd.flow.outputs import Outputs
from quantd.flow.pair import PairStage
from quantd.flow.publish import Publisher
from quantd.flow.recovery import Recovery
from quantd.flow.symbol import Absent, SymbolStage
from quantd.flow.venue import VenueClock
from quantd.flow.wanted import wanted
from quantd.flow.watermark import Watermark
from quantd.plugin.base import Feed


class Members:
    """Adds to `of` and takes from it, the stages of a flow by symbol, and keeps the feed told of what is wanted."""

    def __init__(
        self,
        of: MutableMapping[str, SymbolStage],
        feed: Feed,
        outputs: Outputs,
        clock: VenueClock,
        publisher: Publisher,
        watermark: Watermark,
        recovery: Recovery,
    ) -> None:
        self._of = of
        self._feed = feed
        self._outputs = outputs
        self._publisher = publisher
        self._watermark = watermark
        self._recovery = recovery
        self._joining = Joining(outputs, publisher, clock)

    def add(self, stage: SymbolStage) -> None:
        """Have a symbol from now on."""
        self._recovery.add(stage, self._watermark.top)
        self._of[stage.symbol] = stage
        self._ask()

    def drop(self, symbol: str) -> None:
        """Have a symbol no more, nor the pairs that it is a leg of."""
        joining = self._joining.with_leg(symbol)
        for name in [*joining, *(pair.name for pair in self._publisher.pairs if symbol in (pair.y.symbol, pair.x.symbol))]:
            self.drop_pair(name)
        if stage := self._of.pop(symbol, None):
            self._recovery.forget(stage)
        self._outputs.history.forget(symbol)
        self._ask()

    def set_absent(self, symbol: str, absent: Absent | None) -> None:
        """The venue does not list a symbol, or (None) does: until then nothing of it is waited for, open bars close, and none opens."""
        if stage := self._of.get(symbol):
            self._recovery.stop_warming(stage)
            self._publisher.publish_bars([(stage, stage.set_absent(absent, self._watermark.top))])
        self._ask()

    def add_pair(self, make: Callable[[], PairStage]) -> None:
        """Have a pair from now on, beginning with the bars that its legs have had, if any. `make` makes it, once more if that fails."""
        self._joining.add(make, self._watermark.top)

    def drop_pair(self, name: str) -> None:
        """Have a pair no more."""
        self._joining.drop(name)
        self._publisher.drop_pair(name)
        self._outputs.history.forget(name)

    def _ask(self) -> None:
        self._feed.want(*wanted(self._of.values()))
