"""The symbols and pairs of one flow, which may join and leave while it runs."""

from collections.abc import Callable, MutableMapping
from itertools import count

from quantd.flow.join import Joining
from quantd.flow.outputs import Outputs
from quantd.flow.pair import PairStage
from quantd.flow.publish import Publisher
from quantd.flow.recovery import Recovery
from quantd.flow.subscription import subscribed
from quantd.flow.symbol import Absent, SymbolStage
from quantd.flow.venue import VenueClock
from quantd.flow.watermark import Watermark
from quantd.plugin.base import Feed


class Members:
    """Adds stages to `of`, the stages of a flow by symbol, and removes them; tells the feed which symbols to stream."""

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
        self._turns = count()

    def add(self, stage: SymbolStage) -> None:
        """Add a symbol."""
        stage.arrivals.turn = next(self._turns)
        self._recovery.add(stage, self._watermark.top)
        self._of[stage.symbol] = stage
        self._ask()

    def drop(self, symbol: str) -> None:
        """Drop a symbol, and the pairs that use it as a leg."""
        joining = self._joining.with_leg(symbol)
        for name in [*joining, *(pair.name for pair in self._publisher.pairs if symbol in (pair.y.symbol, pair.x.symbol))]:
            self.drop_pair(name)
        if stage := self._of.pop(symbol, None):
            self._recovery.forget(stage)
        self._outputs.history.forget(symbol)
        self._ask()

    def set_absent(self, symbol: str, absent: Absent | None) -> None:
        """Set whether the venue lists a symbol (None) or why not. While it does not, the symbol's past is not awaited, and its bars close
        and do not open."""
        if stage := self._of.get(symbol):
            self._recovery.stop_warming(stage)
            self._publisher.publish_bars([(stage, stage.set_absent(absent, self._watermark.top))])
        self._ask()

    def add_pair(self, make: Callable[[], PairStage]) -> None:
        """Add a pair, starting with the past bars of its legs, if any. `make` makes the pair; it is called again if that start fails."""
        self._joining.add(make, self._watermark.top)

    def drop_pair(self, name: str) -> None:
        """Drop a pair."""
        self._joining.drop(name)
        self._publisher.drop_pair(name)
        self._outputs.history.forget(name)

    def forget_missing(self, before: int) -> None:
        """Forget the trades that went missing before a time (ms), whose record was deleted. Their gaps close."""
        for stage in self._of.values():
            stage.intake.ledger.forget(before)
            self._publisher.to_ask.add(stage)

    def _ask(self) -> None:
        self._feed.want(*subscribed(self._of.values()))
