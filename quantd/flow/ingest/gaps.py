"""What there is to tell of the missing trades of a symbol: when ids went missing, came after all, or were given up."""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from quantd.flow.ingest.ledger import Hole, overlapping
from quantd.model import Gap

GRACE_MS = 1_000
"""Ids that are missing for less are merely late: another connection, or the next frame, may bring them."""


class Gaps:
    """The gaps of one symbol as they were told last."""

    def __init__(self, symbol: str, told: Iterable[Gap] = ()) -> None:
        self._symbol = symbol
        self._open = {(gap.first_id, gap.last_id): gap for gap in told}

    def __bool__(self) -> bool:
        return bool(self._open)

    @property
    def open(self) -> list[Gap]:
        """Those that nothing has closed, by id."""
        return [self._open[key] for key in sorted(self._open)]

    def changes(self, holes: list[Hole], now: int) -> list[Gap]:
        """The gaps that closed, then those that are new, given what is missing at `now` (ms)."""
        closed = [gap for gap in self.open if not any(part.rung == "feed" or _of(part, gap) for part in self._rest(gap, holes))]
        for gap in closed:
            del self._open[gap.first_id, gap.last_id]
        fresh = list(self._fresh(holes, now))
        self._open |= {(gap.first_id, gap.last_id): gap for gap in fresh}
        return [replace(gap, closed=now) for gap in closed] + fresh

    def _rest(self, gap: Gap, holes: list[Hole]) -> list[Hole]:
        return overlapping(holes, gap.first_id, gap.last_id)

    def _fresh(self, holes: list[Hole], now: int) -> Iterator[Gap]:
        """Holes that are part of no open gap."""
        for hole in holes:
            inside = any(gap.first_id <= hole.first and hole.last <= gap.last_id for gap in self._open.values())
            if not inside and (hole.rung != "feed" or hole.opened <= now - GRACE_MS):
                yield Gap(self._symbol, hole.first, hole.last, hole.start, hole.end, hole.opened, None, hole.cause)


def _of(part: Hole, gap: Gap) -> bool:
    """Whether this part, which the feed no longer tells, is what the gap tells of."""
    return (part.first, part.last, part.cause) == (gap.first_id, gap.last_id, gap.cause)
