"""Trades of one symbol, put in the order of their ids, on their way into bars that end with an event.

A bar that ends with an event cannot be cut anew when a trade is found later: all bars after it would move. So trades wait while one of
before them may still come, and go on without it when nobody has it any more:

    came:    1 2 3 . . 6 7 .           4 and 5 are a hole
    in bars: 1 2 3                     6 and 7 wait while the ledger says that the feed may tell 4 and 5,
                                       or where nothing is fetched, for a second of event time
    came:    4 5             in bars: 1 2 3 4 5 6 7

Where nothing is missing nothing waits. After a start, trades wait until those of before them have been read from the record; too many of
them are let go, and read from the record when their turn comes.
"""

from collections.abc import Iterable, Sequence

from quantd.flow.bars.events import EventStage
from quantd.flow.ingest.ledger import FOR_EVER, MOST_UNTOLD, Ledger, overlapping
from quantd.model import Tick
from quantd.timeframes import MINUTE, SECOND

REACH_MS = SECOND
"""A missing trade that nobody fetches is waited for until event time has passed the one behind it by so much."""
PATIENCE_MS = 10 * MINUTE
"""One that may be fetched is waited for so long after the last time that fetching brought anything of the symbol."""
MOST_WAITING = 200_000


class _Waiting:
    """The trades that wait, by id; of too many only that there are some, for they are recorded."""

    def __init__(self, most: int) -> None:
        self.lowest = FOR_EVER
        """The least id that waits, or was let go."""
        self.let_go = False
        """Whether some are to be read from the record again."""
        self._ticks: dict[int, Tick] = {}
        self._most = most

    def __len__(self) -> int:
        return len(self._ticks)

    @property
    def too_many(self) -> bool:
        """Whether no more should wait in memory."""
        return len(self._ticks) > self._most

    @property
    def ids(self) -> list[int]:
        """Of those in memory, in order."""
        return sorted(self._ticks)

    def time(self, identity: int) -> int:
        """When (ms) one was traded."""
        return self._ticks[identity].ts

    def put(self, tick: Tick) -> None:
        """One more waits."""
        self._ticks[tick.id] = tick
        self.lowest = min(self.lowest, tick.id)

    def run_from(self, identity: int) -> list[Tick]:
        """Take out those from this id on that follow without a hole."""
        run = []
        while (tick := self._ticks.pop(identity, None)) is not None:
            run.append(tick)
            identity += 1
        self._look(run)
        return run

    def take(self, ids: Iterable[int]) -> list[Tick]:
        """Take these out, as far as they wait."""
        taken = [tick for identity in ids if (tick := self._ticks.pop(identity, None)) is not None]
        self._look(taken)
        return taken

    def _look(self, taken: Sequence[Tick]) -> None:
        if taken:
            self.lowest = min(self._ticks, default=FOR_EVER)

    def drop_before(self, identity: int) -> None:
        """Those before this id need not wait."""
        self._ticks = {each: tick for each, tick in self._ticks.items() if each >= identity}
        self.lowest = min(self._ticks, default=FOR_EVER)

    def let_all_go(self) -> None:
        """None waits in memory any more."""
        self._ticks.clear()
        self.let_go = True

    def keep(self) -> None:
        """What was let go is in the record; what comes from now on is kept."""
        self.let_go = False
        self.lowest = min(self._ticks, default=FOR_EVER)


class _Patience:
    """How long trades that are missing, and may be fetched, are waited for."""

    def __init__(self) -> None:
        self.watermark = 0
        self._waited = 0
        self._missing = 0

    @property
    def has_ended(self) -> bool:
        """Whether nothing has come for too long."""
        return self._waited >= PATIENCE_MS

    def advance(self, watermark: int, missing: int) -> None:
        """Event time has reached `watermark` (ms), and so many trades are missing."""
        if not missing or missing < self._missing:
            self._waited = 0
        else:
            self._waited += min(watermark - self.watermark, SECOND)  # a leap in time is no time in which anything was fetched
        self._missing, self.watermark = missing, watermark

    def end(self) -> None:
        """Nothing comes any more."""
        self._waited = PATIENCE_MS


class InOrder:
    """The way of one symbol's trades to its rules, given the ledger that knows what is missing. Trades without an id of the venue's go on
    as they come: of them nothing is known to be missing but what a lost connection, or a stop of the daemon, hid."""

    def __init__(self, rules: Sequence[EventStage], ledger: Ledger, *, most: int = MOST_WAITING) -> None:
        self.behind = False
        """Trades of before have to be read from the record; meanwhile all that come wait."""
        self.since = 0
        """From when on (ms) the record has what is not in all bars."""
        self.first: Tick | None = None
        """Of the trades that came before it was known where bars begin, the one with the least id."""
        self.rules = rules
        self._ledger = ledger
        self._recorded = self._fetched = False
        self._next: int | None = None
        """The least id that is not in all bars and may still get there."""
        self._waiting = _Waiting(most)
        self._patience = _Patience()
        self._broken: set[int] = set()
        """Ids that do not count up by one, before which trades may be missing."""

    @property
    def waiting(self) -> int:
        """How many trades wait in memory."""
        return len(self._waiting)

    def follow_record(self, *, recorded: bool, fetched: bool) -> None:
        """Called before any other: whether trades are recorded, so that bars go on from those of an earlier run, and whether missing ones
        are fetched."""
        self.behind = self._recorded = recorded
        self._fetched = fetched

    def take(self, ticks: Sequence[Tick]) -> None:
        """Good and new trades, in the order of receipt."""
        if self._ledger.last_id is None:
            self._take_uncounted(ticks)
        elif not self._is_run(ticks):
            for tick in ticks:
                self._put(tick)
                if not self.behind:
                    self._release()  # each for itself: how they are batched must make no difference

    def _is_run(self, ticks: Sequence[Tick]) -> bool:
        """Whether these are the very next trades, and none waits: then they go on at once."""
        expected = self._next
        if expected is None or self.behind or self._waiting:
            return False
        for tick in ticks:
            if tick.id != expected:
                return False
            expected += 1
        self._next = expected
        self._give(ticks)
        return True

    def _take_uncounted(self, ticks: Sequence[Tick]) -> None:
        self._broken.update(self._ledger.breaks)
        self._ledger.breaks.clear()
        if self.behind:
            for tick in ticks:
                self._put(tick)
            return
        for rule in self.rules:
            rule.take_as_they_come(ticks, self._broken)
        self._next = max(self._next or 0, max(tick.id for tick in ticks) + 1)
        self.since = max(self.since, ticks[-1].ts)

    def _put(self, tick: Tick) -> None:
        if self._next is not None and tick.id < self._next:
            for rule in self.rules:
                rule.miss(tick)
            return
        if self._next is None and (self.first is None or tick.id < self.first.id):
            self.first = tick
        self._waiting.put(tick)
        if self._waiting.too_many:
            self._make_room()

    def _make_room(self) -> None:
        """Too many wait. They are recorded, and read again; where they are not, what they wait for is given up."""
        if not self.behind:
            self._release()
        if not self._waiting.too_many:
            return
        if self._recorded:
            self._waiting.let_all_go()
            self.behind = True
        else:
            self._next = self._waiting.lowest
            self._release()

    def _release(self) -> None:
        """Hand on what follows without a hole."""
        if self._next is not None and (run := self._waiting.run_from(self._next)):
            self._next = run[-1].id + 1
            self._give(run)

    def _give(self, ticks: Sequence[Tick]) -> None:
        self.since = ticks[-1].ts
        broken = self._broken if self._ledger.last_id is None else None
        for rule in self.rules:
            rule.take(ticks, broken)

    def advance(self, watermark: int) -> None:
        """Event time has reached `watermark` (ms): what is missing and comes no more is waited for no longer."""
        self._patience.advance(watermark, self._ledger.missing if self._waiting or self._waiting.let_go else 0)
        if not self.behind:
            self._settle(watermark)

    def _settle(self, watermark: int) -> None:
        """Go on past holes that nothing fills any more."""
        if not self._waiting or self._may_come(self._waiting.lowest, watermark):
            return
        run: list[int] = []
        for identity in self._waiting.ids:
            if identity != self._next and self._may_come(identity, watermark):
                break
            run.append(identity)
            self._next = identity + 1
        if run:
            self._give(self._waiting.take(run))

    def _may_come(self, behind: int, watermark: int) -> bool:
        """Whether one that is missing before the waiting trade of this id may still come."""
        if self._ledger.last_id is None:
            return False
        return watermark <= self._waiting.time(behind) + REACH_MS or (self._next is not None and self._is_fetched(self._next, behind - 1))

    def _is_fetched(self, first: int, last: int) -> bool:
        if not self._fetched or self._patience.has_ended:
            return False
        return any(hole.source == "feed" for hole in overlapping(self._ledger.holes, first, last))

    def flush(self) -> None:
        """The stream has ended: nothing is missing that still comes."""
        self.behind = False
        self._patience.end()
        self.keep()
        self._settle(FOR_EVER)

    # After a start, and where too many trades wait, they are read from the record:

    @property
    def began(self) -> bool:
        """Whether it is known with which trade each rule's bars begin, or go on."""
        return self._next is not None

    @property
    def blocked(self) -> bool:
        """Whether what is recorded is of no use before what is missing has been fetched."""
        return self._waiting.let_go and self._next is not None and self._is_fetched(self._next, self._waiting.lowest - 1)

    @property
    def broken(self) -> list[int]:
        """Where the venue gives no ids: those before which trades may be missing, in bars that were not recorded when this run began."""
        return sorted(self._broken)[-MOST_UNTOLD:]

    def begin(self, since: int, broken: Iterable[int] = ()) -> None:
        """Each rule knows where its bars begin; what is not in all of them was traded from `since` (ms) on. `broken` is as an earlier run
        told it last, and with the first trade of this one."""
        self._broken |= {identity for identity in broken if any(identity > rule.cut for rule in self.rules)}
        self.since = since
        self._next = min((rule.reached or 0) + 1 for rule in self.rules)
        self._waiting.drop_before(self._next)

    def keep(self) -> None:
        """What has come before is in the record: what comes from now on is kept."""
        self._waiting.keep()

    def read(self, ticks: Sequence[Tick], until: int) -> bool:
        """Trades from the record by id; those of before `until` (ms) are read to their end. Whether it is of use to read on."""
        if self._waiting.let_go:
            return False
        fresh = [tick for tick in ticks if self._next is not None and tick.id >= self._next]
        for tick in fresh:
            self._waiting.put(tick)
        if self._ledger.last_id is None:
            self._read_on(fresh)
        else:
            self._release()
            self._settle(until)
        if self._waiting.too_many:
            self._make_room()
        return not self._waiting.let_go

    def _read_on(self, ticks: Sequence[Tick]) -> None:
        self._waiting.take(tick.id for tick in ticks)
        if ticks:
            self._next = ticks[-1].id + 1
            self._give(ticks)

    def catch_up(self) -> bool:
        """The record has been read to its end; whether what came meanwhile goes on from there."""
        if not self._waiting.let_go:
            self.behind = False
            self._release()
            self._settle(self._patience.watermark)
        return not self.behind
