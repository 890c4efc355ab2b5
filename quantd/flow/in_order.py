"""Puts the trades of one symbol in the order of their ids, for event bars.

An event bar cannot be made again when a missing trade is found later: all bars after it would change. So trades wait while an earlier
one may still arrive, and continue without it once nobody has it any more:

    arrived: 1 2 3 . . 6 7 .           4 and 5 are a hole
    in bars: 1 2 3                     6 and 7 wait while the ledger says that the feed may still deliver 4 and 5,
                                       or, if nothing is fetched, for a second of event time
    arrived: 4 5             in bars: 1 2 3 4 5 6 7

If nothing is missing, nothing waits. After a start, trades wait until the earlier ones have been read from the record. If too many wait,
they are dropped from memory and read from the record when it is their turn.
"""

from collections.abc import Iterable, Sequence

from quantd.flow.bars.events import EventStage
from quantd.flow.ingest.ledger import MOST_UNTOLD, Ledger, overlapping
from quantd.model import Tick
from quantd.timeframes import MINUTE, SECOND
from quantd.times import FOR_EVER

REACH_MS = SECOND
"""A missing trade that is not fetched is awaited until event time is this far (ms) past the trade after it."""
PATIENCE_MS = 10 * MINUTE
"""A trade that may be fetched is awaited for this long (ms) after the last fetched trade of the symbol."""
MOST_WAITING = 200_000


class _Waiting:
    """The trades that wait, by id. If there are too many, they are dropped: they can be read from the record."""

    def __init__(self, most: int) -> None:
        self.lowest = FOR_EVER
        """The smallest id that waits or was dropped."""
        self.let_go = False
        """Whether trades were dropped that must be read from the record again."""
        self._ticks: dict[int, Tick] = {}
        self._most = most

    def __len__(self) -> int:
        return len(self._ticks)

    @property
    def too_many(self) -> bool:
        """Whether no more trades should wait in memory."""
        return len(self._ticks) > self._most

    @property
    def ids(self) -> list[int]:
        """The ids in memory, in order."""
        return sorted(self._ticks)

    def time(self, identity: int) -> int:
        """Return the time (ms) of a waiting trade."""
        return self._ticks[identity].ts

    def put(self, tick: Tick) -> None:
        """Add a trade that waits."""
        self._ticks[tick.id] = tick
        self.lowest = min(self.lowest, tick.id)

    def run_from(self, identity: int) -> list[Tick]:
        """Remove and return the trades from this id on that follow one another without a hole."""
        run = []
        while (tick := self._ticks.pop(identity, None)) is not None:
            run.append(tick)
            identity += 1
        self._look(run)
        return run

    def take(self, ids: Iterable[int]) -> list[Tick]:
        """Remove and return the trades of these ids that wait."""
        taken = [tick for identity in ids if (tick := self._ticks.pop(identity, None)) is not None]
        self._look(taken)
        return taken

    def _look(self, taken: Sequence[Tick]) -> None:
        if taken:
            self.lowest = min(self._ticks, default=FOR_EVER)

    def drop_before(self, identity: int) -> None:
        """Drop the trades before this id: they need not wait."""
        self._ticks = {each: tick for each, tick in self._ticks.items() if each >= identity}
        self.lowest = min(self._ticks, default=FOR_EVER)

    def let_all_go(self) -> None:
        """Drop all trades from memory."""
        self._ticks.clear()
        self.let_go = True

    def keep(self) -> None:
        """Note that the dropped trades are recorded. Trades that arrive from now on wait in memory."""
        self.let_go = False
        self.lowest = min(self._ticks, default=FOR_EVER)


class _Patience:
    """Limits how long missing trades that may be fetched are awaited."""

    def __init__(self) -> None:
        self.watermark = 0
        self._waited = 0
        self._missing = 0

    @property
    def has_ended(self) -> bool:
        """Whether nothing has been fetched for too long."""
        return self._waited >= PATIENCE_MS

    def advance(self, watermark: int, missing: int) -> None:
        """Note that event time has reached `watermark` (ms) and how many trades are missing."""
        if not missing or missing < self._missing:
            self._waited = 0
        else:
            self._waited += min(watermark - self.watermark, SECOND)  # nothing can be fetched during a leap in time
        self._missing, self.watermark = missing, watermark

    def end(self) -> None:
        """Stop waiting: no more trades can arrive."""
        self._waited = PATIENCE_MS


class InOrder:
    """Passes one symbol's trades to its event bar rules in order, given the ledger of missing ids. Trades without a venue id pass as they
    arrive: the only ones known to be missing are those that a lost connection, or a stop of the daemon, hid."""

    def __init__(self, rules: Sequence[EventStage], ledger: Ledger, *, most: int = MOST_WAITING) -> None:
        self.behind = False
        """Whether earlier trades must be read from the record. Meanwhile all trades that arrive wait."""
        self.since = 0
        """The time (ms) from which on the record holds trades that are not in all bars."""
        self.first: Tick | None = None
        """The trade with the smallest id that arrived before the start of the bars was known."""
        self.rules = rules
        self._ledger = ledger
        self._recorded = self._fetched = False
        self._next: int | None = None
        """The smallest id that is not in all bars and may still get there."""
        self._waiting = _Waiting(most)
        self._patience = _Patience()
        self._broken: set[int] = set()
        """Ids before which trades may be missing, where ids do not count up by one."""

    @property
    def waiting(self) -> int:
        """Number of trades that wait in memory."""
        return len(self._waiting)

    def follow_record(self, *, recorded: bool, fetched: bool) -> None:
        """Set whether trades are recorded, so that bars continue those of an earlier run, and whether missing trades are fetched. Called
        before any other method."""
        self.behind = self._recorded = recorded
        self._fetched = fetched

    def append(self, ticks: Sequence[Tick]) -> None:
        """Append valid new trades, in the order of receipt."""
        if self._ledger.last_id is None:
            self._take_uncounted(ticks)
        elif not self._is_run(ticks):
            for tick in ticks:
                self._put(tick)
                if not self.behind:
                    self._release()  # one at a time, so that batching makes no difference

    def _is_run(self, ticks: Sequence[Tick]) -> bool:
        """Return whether these are the next trades in order and none waits: then they pass at once."""
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
            rule.append_unnumbered(ticks, self._broken)
        self._next = max(self._next or 0, max(tick.id for tick in ticks) + 1)
        self.since = max(self.since, ticks[-1].ts)

    def _put(self, tick: Tick) -> None:
        if self._next is not None and tick.id < self._next:
            for rule in self.rules:
                rule.mark_missing(tick)
            return
        if self._next is None and (self.first is None or tick.id < self.first.id):
            self.first = tick
        self._waiting.put(tick)
        if self._waiting.too_many:
            self._make_room()

    def _make_room(self) -> None:
        """Make room when too many trades wait. If they are recorded, drop them to be read again; otherwise stop waiting for the missing
        ones."""
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
        """Pass on the trades that follow without a hole."""
        if self._next is not None and (run := self._waiting.run_from(self._next)):
            self._next = run[-1].id + 1
            self._give(run)

    def _give(self, ticks: Sequence[Tick]) -> None:
        self.since = ticks[-1].ts
        broken = self._broken if self._ledger.last_id is None else None
        for rule in self.rules:
            rule.append(ticks, broken)

    def advance(self, watermark: int) -> None:
        """Note that event time has reached `watermark` (ms), and stop waiting for trades that can no longer arrive."""
        self._patience.advance(watermark, self._ledger.missing if self._waiting or self._waiting.let_go else 0)
        if not self.behind:
            self._settle(watermark)

    def _settle(self, watermark: int) -> None:
        """Pass on trades behind holes that will not be filled."""
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
        """Return whether a trade that is missing before the waiting trade `behind` may still arrive."""
        if self._ledger.last_id is None:
            return False
        return watermark <= self._waiting.time(behind) + REACH_MS or (self._next is not None and self._is_fetched(self._next, behind - 1))

    def _is_fetched(self, first: int, last: int) -> bool:
        if not self._fetched or self._patience.has_ended:
            return False
        return any(hole.source == "feed" for hole in overlapping(self._ledger.holes, first, last))

    def flush(self) -> None:
        """Pass on all trades, since the stream has ended and no missing trade can arrive."""
        self.behind = False
        self._patience.end()
        self.keep()
        self._settle(FOR_EVER)

    # After a start, and where too many trades wait, they are read from the record:

    @property
    def began(self) -> bool:
        """Whether it is known where each rule's bars begin or continue."""
        return self._next is not None

    @property
    def blocked(self) -> bool:
        """Whether reading the record is of no use before missing trades have been fetched."""
        return self._waiting.let_go and self._next is not None and self._is_fetched(self._next, self._waiting.lowest - 1)

    @property
    def broken(self) -> list[int]:
        """The ids before which trades may be missing, in bars that were not yet recorded when this run began. Only a venue without ids
        has any."""
        return sorted(self._broken)[-MOST_UNTOLD:]

    def begin_at(self, since: int, broken: Iterable[int] = ()) -> None:
        """Begin, once each rule knows where its bars begin. Trades from `since` (ms) on may not be in all bars. `broken` holds the ids that
        an earlier run stored last, and the first id of this run."""
        self._broken |= {identity for identity in broken if any(identity > rule.cut for rule in self.rules)}
        self.since = since
        self._next = min((rule.reached or 0) + 1 for rule in self.rules)
        self._waiting.drop_before(self._next)

    def keep(self) -> None:
        """Note that all earlier trades are recorded. Trades that arrive from now on wait in memory."""
        self._waiting.keep()

    def read(self, ticks: Sequence[Tick], until: int) -> bool:
        """Read trades of the record by id; those before `until` (ms) are complete. Return whether it is of use to read on."""
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
        """Note that the record has been read to its end. Return whether the trades that arrived meanwhile continue from there."""
        if not self._waiting.let_go:
            self.behind = False
            self._release()
            self._settle(self._patience.watermark)
        return not self.behind
