"""The door of the flow for one symbol: refuses what is no trade, numbers what has no id, drops what has come before."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from quantd.flow.ingest.gaps import Gaps
from quantd.flow.ingest.ledger import Known, Ledger, Numbering, Span, cleared
from quantd.model import Gap, Tick

_TOO_MUCH = 1e12
_MOST_CLEARED = 10_000


def is_price(value: float) -> bool:
    """Whether a number can be a price: above 0, and below what ruins a sum of squares."""
    return 0.0 < value < _TOO_MUCH  # NaN is not


def is_trade(tick: Tick) -> bool:
    """Whether price and quantity can be those of a trade."""
    return 0.0 < tick.price < _TOO_MUCH and 0.0 <= tick.qty < _TOO_MUCH


class Intake:
    """Ticks of one symbol in, good and new ones out, in the same order."""

    def __init__(self, symbol: str) -> None:
        self.accepted = 0
        self.refused = 0
        self.early = 0
        """Of the refused ones those that are from long before the first trade."""
        self.repaired = 0
        """Trades that were missing and came after all."""
        self.ledger = Ledger()
        self.gaps = Gaps(symbol)
        self._symbol = symbol
        self._numbering = Numbering()
        self._told: tuple[Span, ...] = ()
        self._marked: tuple[Span, ...] = ()
        """In which spans of time bars say that they lack trades."""
        self._cleared: deque[Span] = deque(maxlen=_MOST_CLEARED)

    def take(self, ticks: Sequence[Tick], *, past: bool = False) -> list[Tick]:
        """What of these may go on. Only those that are asked for as the past may be from long before the first one: a feed that sends such
        again of its own accord would open a hole that nobody wants filled."""
        good = [tick for tick in ticks if is_trade(tick)]
        if len(good) < len(ticks) or not self.ledger.admit_run(good):
            good = list(self._admitted(ticks, past))
        self.accepted += len(good)
        return good

    def _admitted(self, ticks: Sequence[Tick], past: bool) -> Iterator[Tick]:
        for tick in ticks:
            if not is_trade(tick):
                self._refuse(tick)
            elif not past and self.ledger.precedes(tick):
                self.refused += 1
                self.early += 1
            elif not tick.id:
                number = self._numbering.number(tick.ts)
                self.ledger.pass_by(tick.ts, number)
                yield msgspec.structs.replace(tick, id=number)
            elif self.ledger.admit(tick):
                yield tick

    def _refuse(self, tick: Tick) -> None:
        """Count what is no trade. Where it has an id, the next one shows a hole; where it has none, its time is noted."""
        self.refused += 1
        if not tick.id:
            self.ledger.miss(tick.ts)

    def restore(self, known: Known) -> None:
        """Go on from what an earlier run recorded; its bars were made in doubt where trades were missing."""
        self.ledger.restore(known)
        self._marked = tuple((hole.start, hole.end) for hole in known.holes)

    def count_refused(self) -> None:
        """A bar has come that is none."""
        self.refused += 1

    def count_repaired(self, count: int) -> None:
        """So many trades were missing, and have come after all."""
        self.repaired += count

    def resume_gaps(self, told: Iterable[Gap]) -> None:
        """Go on from the gaps that an earlier run has told of, and that nothing has closed."""
        self.gaps = Gaps(self._symbol, told)

    def news_of_holes(self) -> tuple[Span, ...] | None:
        """The spans of time in which trades are missing, if they changed since the last call."""
        spans = self.ledger.spans()
        if spans is self._told:
            return None
        self._cleared += cleared(self._marked, spans)
        self._told = self._marked = spans
        return spans

    def news_of_trust(self) -> list[Span]:
        """From when to when (ms) trades were missing as bars closed, and are no longer missing, since the last call."""
        found = list(self._cleared)
        self._cleared.clear()
        return found

    def news_of_gaps(self, now: int) -> list[Gap]:
        """The gaps that closed or opened since the last call."""
        holes = self.ledger.holes
        return self.gaps.changes(holes, now) if holes or self.gaps else []
