"""The entrance of the flow for one symbol: refuses invalid trades, numbers trades without an id, drops duplicates."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from quantd.columns.ticks import TOO_MUCH, TickRun
from quantd.flow.ingest.gaps import Gaps
from quantd.flow.ingest.ledger import Known, Ledger, Numbering, Span, cleared
from quantd.model import Gap, Tick

_MOST_CLEARED = 10_000


def is_price(value: float) -> bool:
    """Return whether a number can be a price: greater than 0, and small enough not to ruin a sum of squares."""
    return 0.0 < value < TOO_MUCH  # NaN compares as false


def is_trade(tick: Tick) -> bool:
    """Return whether price and quantity are those of a valid trade."""
    return 0.0 < tick.price < TOO_MUCH and 0.0 <= tick.qty < TOO_MUCH


class Intake:
    """Takes ticks of one symbol and returns the valid new ones, in the same order."""

    def __init__(self, symbol: str) -> None:
        self.accepted = 0
        self.refused = 0
        self.early = 0
        """Number of refused trades that are from long before the first trade."""
        self.repaired = 0
        """Number of missing trades that have arrived after all."""
        self.ledger = Ledger()
        self.gaps = Gaps(symbol)
        self._symbol = symbol
        self._numbering = Numbering()
        self._told: tuple[Span, ...] = ()
        self._marked: tuple[Span, ...] = ()
        """The spans of time for which bars are marked as lacking trades."""
        self._cleared: deque[Span] = deque(maxlen=_MOST_CLEARED)

    def accept(self, ticks: Sequence[Tick], *, past: bool = False) -> Sequence[Tick]:
        """Return the valid new trades among these. Only requested past trades may be from long before the first trade: if a feed resends
        old trades unasked, they would open a hole that nobody wants filled."""
        if type(ticks) is TickRun and ticks.facts and self.ledger.admit_plain(ticks.facts):
            self.accepted += len(ticks)
            return ticks
        good = [tick for tick in ticks if 0.0 < tick.price < TOO_MUCH and 0.0 <= tick.qty < TOO_MUCH]  # `is_trade`, without a call each
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
                self.ledger.admit_unnumbered(tick.ts, number)
                yield msgspec.structs.replace(tick, id=number)
            elif self.ledger.admit(tick):
                yield tick

    def _refuse(self, tick: Tick) -> None:
        """Count an invalid trade. If it has an id, the next trade reveals a hole; otherwise its time is noted."""
        self.refused += 1
        if not tick.id:
            self.ledger.note_refused(tick.ts)

    def restore(self, known: Known) -> None:
        """Continue from what an earlier run recorded. Its bars are already marked where trades were missing."""
        self.ledger.restore(known)
        self._marked = tuple((hole.start, hole.end) for hole in known.holes)

    def count_refused(self) -> None:
        """Count an invalid bar."""
        self.refused += 1

    def count_repaired(self, count: int) -> None:
        """Count missing trades that have arrived after all."""
        self.repaired += count

    def resume_gaps(self, told: Iterable[Gap]) -> None:
        """Continue from the open gaps that an earlier run reported."""
        self.gaps = Gaps(self._symbol, told)

    @property
    def unsettled(self) -> bool:
        """Whether trades are missing, or there may be news of gaps or of trust."""
        return bool(self.ledger.holes or self._cleared or self.gaps)

    @property
    def waits(self) -> bool:
        """Whether a hole becomes a gap by time alone, once its grace period is over."""
        return self.gaps.waits and bool(self.ledger.holes)

    def news_of_holes(self) -> tuple[Span, ...] | None:
        """Return the spans of time in which trades are missing, if they changed since the last call; otherwise None."""
        spans = self.ledger.spans()
        if spans is self._told:
            return None
        self._cleared += cleared(self._marked, spans)
        self._told = self._marked = spans
        return spans

    def news_of_trust(self) -> list[Span]:
        """Return the spans of time (ms) in which trades were missing when bars closed and have stopped missing since the last call."""
        found = list(self._cleared)
        self._cleared.clear()
        return found

    def news_of_gaps(self, now: int) -> list[Gap]:
        """Return the gaps that closed or opened since the last call."""
        holes = self.ledger.holes
        return self.gaps.changes(holes, now) if holes or self.gaps else []
