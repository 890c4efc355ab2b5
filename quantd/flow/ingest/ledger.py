"""Which trade ids of a symbol have come: each is let through once, and the missing ones are named."""

from bisect import bisect_right

from msgspec import Struct

from quantd.model import Gap, Tick

Span = tuple[int, int]
FOR_EVER = 2**62


class Hole(Struct):
    """Ids first..last are missing; they were traded between the times of the trades around them."""

    first: int
    last: int
    start: int
    end: int
    opened: int


class Ledger:
    """The ids of one symbol, which a venue counts up by one: seen ones as one range with holes in it."""

    def __init__(self, symbol: str) -> None:
        self.duplicates = 0
        self._symbol = symbol
        self._first = 0
        self._first_ts = 0
        self._next = 0
        self._ts = 0
        self._holes: list[Hole] = []
        self._doubted = False
        self._spans: tuple[Span, ...] | None = None

    def admit(self, tick: Tick) -> bool:
        """Whether this trade is new. Opens, shrinks or closes holes as its id tells."""
        identity = tick.id
        if identity == self._next and not self._doubted:
            self._next = identity + 1
            self._ts = tick.ts
            return True
        return self._admit_out_of_turn(tick)

    def doubt(self) -> None:
        """The connection was lost, or time has leapt: until the next id tells, trades may be missing since the last one."""
        if self._next:
            self._doubted = True
            self._spans = None

    def spans(self) -> tuple[Span, ...]:
        """The times (ms, both ends included) between which trades are missing; the same object until that changes."""
        if self._spans is None:
            known = [(min(hole.start, hole.end), max(hole.start, hole.end)) for hole in self._holes]
            self._spans = tuple([*known, (self._ts, FOR_EVER)] if self._doubted else known)
        return self._spans

    def gaps(self) -> list[Gap]:
        """The open gaps, by id."""
        return [Gap(self._symbol, hole.first, hole.last, hole.opened, None, "missing from the feed") for hole in self._holes]

    @property
    def missing(self) -> int:
        """How many ids are missing."""
        return sum(hole.last - hole.first + 1 for hole in self._holes)

    def _admit_out_of_turn(self, tick: Tick) -> bool:
        self._spans = None
        self._doubted = self._doubted and tick.id < self._next
        if not self._next:
            self._first, self._first_ts = tick.id, tick.ts
        elif tick.id == self._next:
            pass
        elif tick.id > self._next:
            self._holes.append(Hole(self._next, tick.id - 1, self._ts, tick.ts, tick.recv))
        elif tick.id < self._first:
            return self._admit_before_first(tick)
        else:
            return self._fill(tick)
        self._next, self._ts = tick.id + 1, tick.ts
        return True

    def _admit_before_first(self, tick: Tick) -> bool:
        if tick.id + 1 < self._first:
            self._holes.insert(0, Hole(tick.id + 1, self._first - 1, tick.ts, self._first_ts, tick.recv))
        self._first, self._first_ts = tick.id, tick.ts
        return True

    def _fill(self, tick: Tick) -> bool:
        at = bisect_right(self._holes, tick.id, key=lambda hole: hole.first) - 1
        if at < 0 or tick.id > self._holes[at].last:
            self.duplicates += 1
            return False
        hole = self._holes[at]
        before = Hole(hole.first, tick.id - 1, hole.start, tick.ts, hole.opened)
        after = Hole(tick.id + 1, hole.last, tick.ts, hole.end, hole.opened)
        self._holes[at : at + 1] = [part for part in (before, after) if part.first <= part.last]
        return True


class Numbering:
    """Ids for trades of a venue that gives none: ordered by time of trade, then of arrival, up to 1,000 a millisecond."""

    def __init__(self) -> None:
        self._taken: dict[int, int] = {}

    def number(self, ts: int) -> int:
        """An id for the next trade at `ts`."""
        count = self._taken.pop(ts, 0)
        self._taken[ts] = count + 1
        if len(self._taken) > 10_000:
            del self._taken[next(iter(self._taken))]
        return ts * 1_000 + count
