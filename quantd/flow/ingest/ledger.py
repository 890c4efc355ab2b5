"""Which trade ids of a symbol have come: each is let through once, and the missing ones are named.

What has come is one range of ids with holes in it, so that a billion ids take no memory:

    _first                        _next           the next trade has the id
       1  2  3  .  .  6  7  .  9    10               10  it is expected, and the range grows
               └hole┘     └hole┘                     12  it is let through, and 10 to 11 become a hole
                                                      5  it is in a hole, which shrinks (or splits in two)
                                                      6  it is in no hole, so it came before: a duplicate
                                                      0  the range begins with it now

A hole lies between the times of the trades around it. Bars that hold a moment of that time lack trades.

Ids tell that trades are missing only once a later one comes. Until then it is *doubted* whether all have come where they may have been
missed: a connection was lost, the daemon was not running, or time has leapt by much:

    time ──── 9 ───╳ lost ── back ──────── 12 ────▶
              │◀──── in doubt ────────────▶│         before 12 comes: bars from the time of 9 on lack trades, perhaps
              │◀──── hole: 10 to 11 ──────▶│         since 12 came; if 10 comes first, nothing was missed and no doubt is left

What an earlier run has recorded is put in front of the range when the first trade comes: what is missing in between is a hole, too. Where a
venue gives no ids, nothing can show that a doubt was wrong: such spans of time are kept as untold.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from quantd.model import Tick
from quantd.timeframes import SECOND

Span = tuple[int, int]
FOR_EVER = 2**62
LONG_BEFORE_MS = 60_000
MOST_UNTOLD = 1_000
SKIPPED = "did not come"
DISCONNECTED = "disconnected"
STOPPED = "not running"
FILED = "no longer told by the exchange, awaited in its daily file"
LOST = "not to be had from the exchange"
NOT_RECORDED = "not recorded"
RECORD_BROKEN = "record broken"
Source = Literal["feed", "file", "none"]
"""Where missing trades are to be had from: the feed's past by id, the file that the venue publishes of a day, nowhere."""


class Hole(Struct, frozen=True):
    """Ids first..last are missing; they were traded between the times (ms) of the trades around them."""

    first: int
    last: int
    start: int
    end: int
    opened: int
    cause: str
    source: Source = "feed"

    @property
    def lost(self) -> bool:
        """Whether nobody has them."""
        return self.source == "none"


class Known(Struct, frozen=True):
    """What a record holds of a symbol: everything up to the trade `last_id` of time `ts`, but for the holes."""

    last_id: int
    ts: int
    holes: tuple[Hole, ...] = ()


class Ledger:
    """The ids of one symbol, which a venue counts up by one: seen ones as one range with holes in it."""

    def __init__(self) -> None:
        self.duplicates = 0
        self.breaks: deque[int] = deque(maxlen=MOST_UNTOLD)
        """The trades before which something went missing of which no id will ever tell, by the ids that they were given."""
        self.holes: list[Hole] = []
        """By id."""
        self._first = 0
        self._first_ts = 0
        self._next = 0
        self._ts = 0
        self._doubt: str | None = None
        self._known: Known | None = None
        self._causes: dict[tuple[int, int], str] = {}
        """Why ids are missing in the recorded trades that come again at a start."""
        self._spans: tuple[Span, ...] | None = None
        self._broke = False
        self._untold: list[Span] = []
        """Times of which no id will ever tell what is missing."""

    def admit_run(self, ticks: Sequence[Tick]) -> bool:
        """Whether these are the very next trades, one after the other. Only then they are let in, all at once."""
        expected = self._next
        if not expected or self._doubt is not None:
            return False
        for tick in ticks:
            if tick.id != expected:
                return False
            expected += 1
        if ticks:
            self._next, self._ts = expected, ticks[-1].ts
        return True

    def admit(self, tick: Tick) -> bool:
        """Whether this trade is new. Opens, shrinks or closes holes as its id tells."""
        identity = tick.id
        if identity == self._next and self._doubt is None:
            self._next = identity + 1
            self._ts = tick.ts
            return True
        return self._admit_out_of_turn(tick)

    def begin(self, ts: int) -> None:
        """Every trade from `ts` (ms) on is to come: from then on what is missing can be doubted, also before the first trade."""
        if not self._next:
            self._ts = ts

    def precedes(self, tick: Tick) -> bool:
        """Whether this trade is from long before the first that is known."""
        return 0 < tick.id < self._first and tick.ts < self._first_ts - LONG_BEFORE_MS

    def pass_by(self, ts: int, identity: int) -> None:
        """A trade without an id has come, and was given one. What was in doubt before it stays so: no id will tell."""
        if self._doubt is not None:
            self._untell(self._ts, max(self._ts, ts))
            self._doubt = None
        if self._broke:
            self.breaks.append(identity)
            self._broke = False
        self._ts = max(self._ts, ts)

    def miss(self, ts: int) -> None:
        """A trade without an id was refused: no id will tell that it is missing at `ts` (ms)."""
        self._untell(ts, ts)

    def doubt(self, cause: str) -> None:
        """The connection was lost, nobody was here, or time has leapt: until the next id tells, trades may be missing since the last one.
        Where there are no ids, a leap is taken for a quiet time."""
        if self._next or (self._ts and cause in (DISCONNECTED, STOPPED)):
            self._doubt = cause
            self._spans = None

    def restore(self, known: Known) -> None:
        """What was recorded before the first trade: what is missing of it, and since, is a hole from the first trade on."""
        self._known = known
        if self._next:
            self._join()

    def set_source(self, first: int, last: int, source: Source) -> None:
        """The missing ones of these ids are to be had from this source, no longer from the one before."""
        self.holes = [part for hole in self.holes for part in _with_source(hole, first, last, source)]
        self._spans = None

    @property
    def last_id(self) -> int | None:
        """The greatest id that has come; None before the first."""
        return self._next - 1 if self._next else None

    def spans(self) -> tuple[Span, ...]:
        """The times (ms, both ends included) between which trades are missing; the same object until that changes."""
        if self._spans is None:
            known = [(min(hole.start, hole.end), max(hole.start, hole.end)) for hole in self.holes]
            self._spans = (*self._untold, *known) if self._doubt is None else (*self._untold, *known, (self._ts, FOR_EVER))
        return self._spans

    @property
    def missing(self) -> int:
        """How many ids are missing."""
        return sum(hole.last - hole.first + 1 for hole in self.holes)

    @property
    def lost(self) -> int:
        """How many of them nobody has."""
        return sum(hole.last - hole.first + 1 for hole in self.holes if hole.lost)

    def _untell(self, first: int, last: int) -> None:
        """Note a span of time. One less than a second from the newest is joined to it, which touches no further second; where there are too
        many, the two oldest are joined: a false doubt is better than a hole that looks whole."""
        self._spans = None
        self._broke = True
        if self._untold and first < self._untold[-1][1] + SECOND and last > self._untold[-1][0] - SECOND:
            begin, end = self._untold.pop()
            first, last = min(first, begin), max(last, end)
        self._untold.append((first, last))
        if len(self._untold) > MOST_UNTOLD:
            (begin, _), (_, end) = sorted(self._untold[:2])
            self._untold[:2] = [(begin, max(end, self._untold[0][1]))]

    def _admit_out_of_turn(self, tick: Tick) -> bool:
        self._spans = None
        cause = self._doubt or SKIPPED
        if not self._next and self._doubt is not None:
            self._untell(self._ts, max(self._ts, tick.ts))
        if tick.id >= self._next:
            self._doubt = None
        if not self._next:
            self._first, self._first_ts = tick.id, tick.ts
            self._next, self._ts = tick.id + 1, tick.ts
            self._join()
            return True
        if tick.id > self._next:
            cause = self._causes.get((self._next, tick.id - 1), cause)
            self.holes.append(Hole(self._next, tick.id - 1, self._ts, tick.ts, tick.recv, cause))
        elif tick.id < self._first:
            return self._admit_before_first(tick)
        elif tick.id < self._next:
            return self._fill(tick)
        self._next, self._ts = tick.id + 1, tick.ts
        return True

    def _admit_before_first(self, tick: Tick) -> bool:
        if tick.id + 1 < self._first:
            self.holes.insert(0, Hole(tick.id + 1, self._first - 1, tick.ts, self._first_ts, tick.recv, SKIPPED))
        self._first, self._first_ts = tick.id, tick.ts
        return True

    def _fill(self, tick: Tick) -> bool:
        at = bisect_right(self.holes, tick.id, key=lambda hole: hole.first) - 1
        if at < 0 or tick.id > self.holes[at].last:
            self.duplicates += 1
            return False
        hole = self.holes[at]
        before = replace(hole, last=tick.id - 1, end=tick.ts)
        after = replace(hole, first=tick.id + 1, start=tick.ts)
        self.holes[at : at + 1] = [part for part in (before, after) if part.first <= part.last]
        return True

    def _join(self) -> None:
        """Put what was known before in front of the range."""
        known, self._known = self._known, None
        if known is None:
            return
        self._spans = None
        self._causes = {(hole.first, hole.last): hole.cause for hole in known.holes if hole.source == "feed"}
        older = [replace(hole, last=min(hole.last, self._first - 1)) for hole in known.holes if hole.first < self._first]
        if known.last_id + 1 < self._first:
            since = Hole(known.last_id + 1, self._first - 1, known.ts, self._first_ts, self._first_ts, STOPPED)
            older.append(since)
        if older:
            self.holes = sorted([*older, *self.holes], key=lambda hole: hole.first)
            self._first, self._first_ts = older[0].first, older[0].start


def _with_source(hole: Hole, first: int, last: int, source: Source) -> Iterable[Hole]:
    """The parts of a hole, of which ids first..last have this source, unless they have it already or are lost."""
    low, high = max(hole.first, first), min(hole.last, last)
    if low > high or hole.lost or hole.source == source:
        return [hole]
    cause = LOST if source == "none" else FILED
    parts = [replace(hole, last=low - 1), replace(hole, first=low, last=high, cause=cause, source=source), replace(hole, first=high + 1)]
    return [part for part in parts if part.first <= part.last]


def overlapping(holes: list[Hole], first: int, last: int) -> list[Hole]:
    """Those of the holes, which are sorted and apart, that ids first..last touch."""
    begin = bisect_left(holes, first, key=lambda hole: hole.last)
    end = bisect_right(holes, last, key=lambda hole: hole.first)
    return holes[begin:end]


def cleared(before: Sequence[Span], after: Sequence[Span]) -> list[Span]:
    """What of the spans before is in none of those after, ends included.

    >>> cleared([(0, 9), (20, FOR_EVER)], [(0, 9), (30, 40)])
    [(20, 30), (40, 4611686018427387904)]
    """
    fresh = sorted(set(after) - set(before))
    parts: list[Span] = []
    for start, end in sorted(set(before) - set(after)):
        rest, touching = start, [span for span in fresh if span[0] <= end and span[1] >= start]
        for first, last in touching:
            if first > rest:
                parts.append((rest, first))
            rest = max(rest, last)
        if rest < end or not touching:
            parts.append((rest, end))
    return parts


_A_MILLISECOND = 1_000


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
        return ts * _A_MILLISECOND + count


def as_told(tick: Tick) -> Tick:
    """A recorded trade as its venue told it: without the id that `Numbering` gave it.

    >>> as_told(Tick("A", 5_000_002, 5_000, 5_001, 1.0, 1.0, False)).id, as_told(Tick("A", 77, 5_000, 5_001, 1.0, 1.0, False)).id
    (0, 77)
    """
    return replace(tick, id=0) if tick.id // _A_MILLISECOND == tick.ts else tick
