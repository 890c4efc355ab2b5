"""The ledger of the trade ids of a symbol: each trade passes once, and missing ids are named.

The ids that have arrived are one range with holes in it, so that a billion ids take no memory:

    _first                        _next           the next trade has the id
       1  2  3  .  .  6  7  .  9    10               10  it is expected, and the range grows
               └hole┘     └hole┘                     12  it passes, and 10 to 11 become a hole
                                                      5  it is in a hole, which shrinks (or splits in two)
                                                      6  it is in no hole, so it is a duplicate
                                                      0  the range begins with it now

A hole lies between the times of the trades around it. Bars that hold a moment of that time lack trades.

Ids show that trades are missing only once a later trade arrives. Until then the ledger *doubts* that all have arrived if some may have been
missed: a connection was lost, the daemon was not running, or time has leapt far:

    time ──── 9 ───╳ lost ── back ──────── 12 ────▶
              │◀──── in doubt ────────────▶│         before 12 arrives: bars from the time of 9 on may lack trades
              │◀──── hole: 10 to 11 ──────▶│         after 12 arrived; if 10 arrives first, nothing was missed and the doubt ends

What an earlier run recorded is put in front of the range when the first trade arrives: missing ids in between are a hole, too. If a
venue gives no ids, nothing can show that a doubt was wrong: such spans of time are kept as *untold*.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from quantd.columns.ticks import RunFacts
from quantd.model import Tick
from quantd.timeframes import SECOND
from quantd.times import FOR_EVER

Span = tuple[int, int]
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
"""Where missing trades can be fetched: from the feed by id, from the venue's file of a day, or nowhere."""


class Hole(Struct, frozen=True):
    """The missing ids first..last. Their trades were made between the times (ms) of the trades around them."""

    first: int
    last: int
    start: int
    end: int
    opened: int
    cause: str
    source: Source = "feed"

    @property
    def lost(self) -> bool:
        """Whether nobody has them any more."""
        return self.source == "none"


class Known(Struct, frozen=True):
    """The recorded trades of a symbol: all up to `last_id`, which has the time `ts` (ms), except for the holes."""

    last_id: int
    ts: int
    holes: tuple[Hole, ...] = ()


class Ledger:
    """The ids of one symbol, which a venue counts up by one: one range with holes in it."""

    def __init__(self) -> None:
        self.duplicates = 0
        self.breaks: deque[int] = deque(maxlen=MOST_UNTOLD)
        """Assigned ids of the trades before which something went missing that no id will ever reveal."""
        self.holes: list[Hole] = []
        """The holes, ordered by id."""
        self._first = 0
        self._first_ts = 0
        self._next = 0
        self._ts = 0
        self._doubt: str | None = None
        self._known: Known | None = None
        self._causes: dict[tuple[int, int], str] = {}
        """Causes of the holes in recorded trades, which arrive again at a start."""
        self._spans: tuple[Span, ...] | None = None
        self._broke = False
        self._untold: list[Span] = []
        """Spans of time in which trades may be missing that no id will ever reveal."""

    def admit_run(self, ticks: Sequence[Tick]) -> bool:
        """Admit these trades all at once if they continue the range without a gap. Return whether they do; if not, none is admitted."""
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

    def admit_plain(self, run: RunFacts) -> bool:
        """Do the same as `admit_run`, given the facts about a run whose ids count up by one."""
        if run.first_id != self._next or self._doubt is not None:
            return False
        self._next, self._ts = run.last_id + 1, run.last_ts
        return True

    def admit(self, tick: Tick) -> bool:
        """Admit a trade if it is new, and return whether it is. Opens, shrinks or closes holes according to its id."""
        identity = tick.id
        if identity == self._next and self._doubt is None:
            self._next = identity + 1
            self._ts = tick.ts
            return True
        return self._admit_out_of_turn(tick)

    def expect_from(self, ts: int) -> None:
        """Expect every trade from `ts` (ms) on. From then on missing trades can be doubted, even before the first trade."""
        if not self._next:
            self._ts = ts

    def precedes(self, tick: Tick) -> bool:
        """Return whether this trade is from long before the first known trade."""
        return 0 < tick.id < self._first and tick.ts < self._first_ts - LONG_BEFORE_MS

    def admit_unnumbered(self, ts: int, identity: int) -> None:
        """Record a trade that the venue gave no id, with the id assigned to it. Doubt about the time before it is never resolved by an
        id."""
        if self._doubt is not None:
            self._untell(self._ts, max(self._ts, ts))
            self._doubt = None
        if self._broke:
            self.breaks.append(identity)
            self._broke = False
        self._ts = max(self._ts, ts)

    def note_refused(self, ts: int) -> None:
        """Record that a trade without an id was refused at `ts` (ms): no id will reveal that it is missing."""
        self._untell(ts, ts)

    def doubt(self, cause: str) -> None:
        """Doubt that all trades since the last one have arrived, until the next id shows it. `cause` is a lost connection, a stop of the
        daemon, or a leap in time. Where there are no ids, a leap counts as a quiet time."""
        if self._next or (self._ts and cause in (DISCONNECTED, STOPPED)):
            self._doubt = cause
            self._spans = None

    def restore(self, known: Known) -> None:
        """Continue from what an earlier run recorded. When the first trade arrives, ids that are missing from the record or since its end
        become holes."""
        self._known = known
        if self._next:
            self._join()

    def set_source(self, first: int, last: int, source: Source) -> None:
        """Set the source of the missing ids from `first` to `last`. It replaces the previous source."""
        self.holes = [part for hole in self.holes for part in _with_source(hole, first, last, source)]
        self._spans = None

    def forget(self, before: int) -> None:
        """Forget what went missing before a time (ms), whose record was deleted on purpose: nobody is to fetch it any more."""
        self.holes = [hole for hole in self.holes if max(hole.start, hole.end) >= before]
        self._untold = [span for span in self._untold if span[1] >= before]
        if self._known:
            self._known = replace(self._known, holes=tuple(hole for hole in self._known.holes if max(hole.start, hole.end) >= before))
        self._spans = None

    @property
    def last_id(self) -> int | None:
        """The greatest id that has arrived; None before the first."""
        return self._next - 1 if self._next else None

    def spans(self) -> tuple[Span, ...]:
        """Return the times (ms, both ends included) between which trades are missing; the same object until they change."""
        if self._spans is None:
            known = [(min(hole.start, hole.end), max(hole.start, hole.end)) for hole in self.holes]
            self._spans = (*self._untold, *known) if self._doubt is None else (*self._untold, *known, (self._ts, FOR_EVER))
        return self._spans

    @property
    def missing(self) -> int:
        """Number of missing ids."""
        return sum(hole.last - hole.first + 1 for hole in self.holes)

    @property
    def lost(self) -> int:
        """Number of missing ids that nobody has."""
        return sum(hole.last - hole.first + 1 for hole in self.holes if hole.lost)

    def _untell(self, first: int, last: int) -> None:
        """Note an untold span of time. A span less than a second from the newest is joined to it, which touches no further second. If there
        are too many, the two oldest are joined: a false doubt is better than a hole that looks whole."""
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
        """Put the trades known before in front of the range."""
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
    """Return the parts of a hole after ids first..last get this source, unless they already have it or are lost."""
    low, high = max(hole.first, first), min(hole.last, last)
    if low > high or hole.lost or hole.source == source:
        return [hole]
    cause = LOST if source == "none" else FILED
    parts = [replace(hole, last=low - 1), replace(hole, first=low, last=high, cause=cause, source=source), replace(hole, first=high + 1)]
    return [part for part in parts if part.first <= part.last]


def overlapping(holes: list[Hole], first: int, last: int) -> list[Hole]:
    """Return the holes that overlap ids first..last. The holes are sorted and disjoint."""
    begin = bisect_left(holes, first, key=lambda hole: hole.last)
    end = bisect_right(holes, last, key=lambda hole: hole.first)
    return holes[begin:end]


def cleared(before: Sequence[Span], after: Sequence[Span]) -> list[Span]:
    """Return the parts of the spans before that are in none of the spans after. Ends are included.

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
    """Assigns ids to the trades of a venue that gives none: ordered by time of trade, then of arrival, up to 1,000 a millisecond."""

    def __init__(self) -> None:
        self._taken: dict[int, int] = {}

    def number(self, ts: int) -> int:
        """Return an id for the next trade at `ts` (ms)."""
        count = self._taken.pop(ts, 0)
        self._taken[ts] = count + 1
        if len(self._taken) > 10_000:
            del self._taken[next(iter(self._taken))]
        return ts * _A_MILLISECOND + count


def as_told(tick: Tick) -> Tick:
    """Return a recorded trade as its venue sent it: without the id that `Numbering` assigned.

    >>> as_told(Tick("A", 5_000_002, 5_000, 5_001, 1.0, 1.0, False)).id, as_told(Tick("A", 77, 5_000, 5_001, 1.0, 1.0, False)).id
    (0, 77)
    """
    return replace(tick, id=0) if tick.id // _A_MILLISECOND == tick.ts else tick
