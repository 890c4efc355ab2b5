"""What the exchange no longer tells is looked for in the files of days."""

from collections.abc import AsyncIterator, Sequence
from functools import partial

from quantd.clock import EventClock
from quantd.errors import QuantdError
from quantd.flow.ingest.gaps import Gaps
from quantd.flow.ingest.ledger import FILED, LOST, Ledger
from quantd.flow.repair.by_day import GIVE_UP_AFTER_MS, PUBLISHED_AFTER_MS, RETRY_S, DayRepairer
from quantd.flow.repair.by_id import IdRepairer
from quantd.flow.repair.missing import MissingTrades
from quantd.model import Tick
from quantd.testing import fakes
from quantd.timeframes import DAY, HOUR
from tests.clocks import HostClock
from tests.unit.flow.repair.test_by_id import repaired

FIRST = 1_767_225_600_000


tick = partial(fakes.tick, "S", start=0)


class Files:
    """The days that are published, and what is in them: a trade an hour."""

    def __init__(self, *days: int, without: Sequence[int] = ()) -> None:
        self.days = {FIRST + DAY * day for day in days}
        self.asked: list[int] = []
        self.without = without

    async def fetch(self, symbol: str, day: int, first: int, last: int) -> AsyncIterator[list[Tick]]:
        self.asked.append((day - FIRST) // DAY)
        if day not in self.days:
            raise QuantdError("not published")
        for number in range(24):
            identity = (day - FIRST) // HOUR + number
            if first <= identity <= last and identity not in self.without:
                yield [tick(identity, FIRST + identity * HOUR)]


def with_holes_in(first: int, last: int) -> Ledger:
    """Every other one of the hours first..last is missing, and awaited in files."""
    ledger = Ledger()
    for hour in range(first, last + 1, 2):
        ledger.admit(tick(hour, FIRST + hour * HOUR))
    ledger.set_source(first, last, "file")
    return ledger


def absence(files: Files, until: int) -> tuple[Ledger, EventClock, IdRepairer, DayRepairer]:
    """A symbol with a trade an hour of which those of the hours 1 to `until` are missing, its clock at the end."""
    ledger, clock = Ledger(), EventClock(FIRST + until * HOUR + HOUR)
    ledger.admit(tick(0, FIRST))
    ledger.admit(tick(until, FIRST + until * HOUR))

    async def fetch(symbol: str, first: int, last: int) -> list[Tick]:
        oldest = (clock.now() - FIRST) // HOUR - 48
        return [tick(identity, FIRST + identity * HOUR) for identity in range(max(first, oldest), last + 1)]

    async def take(ticks: Sequence[Tick]) -> None:
        for each in ticks:
            ledger.admit(each)

    missing = [MissingTrades("S", ledger, take)]
    return (
        ledger,
        clock,
        IdRepairer(fetch, lambda: missing, clock, max_age=48 * HOUR, next_source="file"),
        DayRepairer(files.fetch, lambda: missing, clock),
    )


async def test_what_is_too_old_to_be_asked_for_is_in_the_files() -> None:
    files = Files(0, 1, 2, 3)
    ledger, clock, repairer, days = absence(files, 100)
    await repaired(repairer, ledger, clock)
    (old,) = ledger.holes
    assert (old.first, old.source, old.cause) == (1, "file", FILED)
    assert 45 < old.last < 60
    while file := days.next():
        await days.repair(file)
    assert files.asked == [2, 1, 0]
    assert (ledger.missing, ledger.lost) == (0, 0)


async def test_a_file_that_is_not_there_is_asked_for_again_until_nobody_expects_it() -> None:
    files = Files(0)
    ledger, clock, repairer, days = absence(files, 100)
    gaps = Gaps("S")
    await repaired(repairer, ledger, clock)
    while file := days.next():
        await days.repair(file)
    assert files.asked == [2, 1, 0]
    assert [gap.cause for gap in gaps.changes(ledger.holes, clock.now())] == [FILED]
    clock.advance_to(clock.now() + round(RETRY_S * 1000))
    files.days.add(FIRST + DAY)
    while file := days.next():
        await days.repair(file)
    assert files.asked[3:] == [2, 1]
    assert {hole.first // 24 for hole in ledger.holes} == {2}
    clock.advance_to(FIRST + 3 * DAY + GIVE_UP_AFTER_MS)
    assert days.next() is None
    assert ledger.missing == ledger.lost > 0
    closed, lost = gaps.changes(ledger.holes, clock.now())
    assert (closed.cause, lost.cause) == (FILED, LOST)


async def test_what_no_file_holds_is_lost_and_no_file_is_read_twice() -> None:
    files = Files(0, 1, 2, without=(10, 30))
    ledger, clock, repairer, days = absence(files, 100)
    await repaired(repairer, ledger, clock)
    while file := days.next():
        await days.repair(file)
    assert [(hole.first, hole.last, hole.lost) for hole in ledger.holes] == [(10, 10, True), (30, 30, True)]
    assert files.asked == [2, 1, 0]


def test_a_day_s_file_is_not_asked_for_before_it_can_be_there() -> None:
    ledger, clock, _, days = absence(Files(0), 23)
    ledger.set_source(1, 22, "file")
    assert days.next() is None
    clock.advance_to(FIRST + DAY + PUBLISHED_AFTER_MS)
    file = days.next()
    assert file is not None
    assert file.day == FIRST


async def test_a_file_is_read_once_for_all_that_is_missing_of_its_day() -> None:
    ledger, other = with_holes_in(0, 44), with_holes_in(2, 10)
    taken: list[int] = []
    files, clock = Files(0, 1), EventClock(FIRST + 3 * DAY)

    async def take(ticks: Sequence[Tick]) -> None:
        assert ticks
        taken.extend(each.id for each in ticks)
        assert all(ledger.admit(each) for each in ticks), "only what is missing"

    async def take_other(ticks: Sequence[Tick]) -> None:
        assert all(other.admit(each) for each in ticks)

    missing = [MissingTrades("S", ledger, take), MissingTrades("T", other, take_other)]
    days = DayRepairer(files.fetch, lambda: missing, clock)
    while file := days.next():
        await days.repair(file)
    assert files.asked == [1, 0, 0]
    assert sorted(taken) == list(range(1, 44, 2))
    assert (ledger.missing, other.missing) == (0, 0)


async def test_a_file_is_read_again_for_what_is_looked_for_in_it_later() -> None:
    """What the file lacks is lost all the same, and a file that was not there is no longer remembered once nobody needs it."""
    files, clock, ledger = Files(0, without=(3,)), EventClock(FIRST + 3 * DAY), Ledger()
    for hour in (0, 2, 4, 10, 12):
        ledger.admit(tick(hour, FIRST + hour * HOUR))

    async def take(ticks: Sequence[Tick]) -> None:
        assert all(ledger.admit(each) for each in ticks)

    days = DayRepairer(files.fetch, lambda: [MissingTrades("S", ledger, take)], clock)
    for first, last in ((1, 4), (5, 9)):
        ledger.set_source(first, last, "file")
        while file := days.next():
            await days.repair(file)
    assert files.asked == [0, 0]
    assert [(hole.first, hole.source) for hole in ledger.holes] == [(3, "none"), (11, "feed")]


async def test_a_clock_that_is_set_back_holds_up_no_file() -> None:
    files, clock, ledger = Files(), HostClock(FIRST + 3 * DAY), with_holes_in(0, 3)

    async def take(ticks: Sequence[Tick]) -> None:
        assert all(ledger.admit(each) for each in ticks)

    days = DayRepairer(files.fetch, lambda: [MissingTrades("S", ledger, take)], clock)
    while file := days.next():
        await days.repair(file)
    files.days.add(FIRST)
    clock.wall -= 5 * DAY
    clock.go_on(RETRY_S)
    file = days.next()
    assert file
    await days.repair(file)
    assert ledger.missing == 0
