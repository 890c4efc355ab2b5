"""Missing trades are fetched by id, the newest first."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from quantd.clock import EventClock
from quantd.flow.ingest.ledger import Known, Ledger
from quantd.flow.repair.by_id import IdRepairer
from quantd.flow.repair.missing import MissingTrades
from quantd.model import Tick
from quantd.testing import fakes
from tests.clocks import HostClock

tick = partial(fakes.tick, "S", start=0)


async def repaired(repairer: IdRepairer, ledger: Ledger, clock: EventClock) -> None:
    """Repair until nothing is left to ask the feed for."""
    while any(hole.source == "feed" for hole in ledger.holes):
        if wanted := repairer.next():
            await repairer.repair(wanted)
        else:
            clock.advance_to(clock.now() + 1_000)


async def test_the_newest_that_is_missing_is_fetched_first_and_what_nobody_has_is_given_up() -> None:
    ledger, asked = Ledger(), []
    ledger.admit(tick(1))
    ledger.admit(tick(2_600, 50))

    async def fetch(symbol: str, first: int, last: int) -> list[Tick]:
        asked.append((first, last))
        return [tick(identity) for identity in range(first, last + 1) if identity != 2_000]

    async def take(ticks: Sequence[Tick]) -> None:
        assert all(ledger.admit(each) for each in ticks)

    missing, clock = MissingTrades("S", ledger, take), EventClock(60_000)
    await repaired(IdRepairer(fetch, lambda: [missing], clock), ledger, clock)
    assert asked[:3] == [(1_600, 2_599), (600, 1_599), (2, 599)]
    assert asked[3:] == [(2_000, 2_000)] * 4, "REST may be a little behind: it is asked again, later each time"
    assert (ledger.missing, ledger.lost) == (1, 1)


async def test_while_others_still_read_their_past_only_gaps_of_the_stream_are_repaired() -> None:
    ledger, starting = Ledger(), [True]
    ledger.restore(Known(5, 10))
    ledger.admit(tick(9, 20))
    ledger.admit(tick(12, 30))

    async def fetch(symbol: str, first: int, last: int) -> list[Tick]:
        return [tick(identity) for identity in range(first, last + 1)]

    async def take(ticks: Sequence[Tick]) -> None:
        assert all(ledger.admit(each) for each in ticks)

    missing = MissingTrades("S", ledger, take)
    repairer = IdRepairer(fetch, lambda: [missing], EventClock(60_000), is_starting=lambda: starting[0])
    wanted = repairer.next()
    assert wanted
    assert (wanted.first, wanted.last) == (10, 11)
    await repairer.repair(wanted)
    assert repairer.next() is None
    starting[0] = False
    wanted = repairer.next()
    assert wanted
    assert (wanted.first, wanted.last) == (6, 8)


async def test_repair_goes_on_after_an_error_of_whatever_kind_and_with_other_symbols_meanwhile() -> None:
    clock, asked = EventClock(60_000), []
    ledgers = {"DEAD": Ledger(), "OK": Ledger()}
    for symbol, ledger in ledgers.items():
        ledger.admit(tick(1))
        ledger.admit(tick(4, 50 if symbol == "OK" else 60))

    async def fetch(symbol: str, first: int, last: int) -> list[Tick]:
        asked.append(symbol)
        if symbol == "DEAD":
            raise RuntimeError("delisted")
        return [tick(identity) for identity in range(first, last + 1)]

    def missing(symbol: str) -> MissingTrades:
        async def take(ticks: Sequence[Tick]) -> None:
            for each in ticks:
                ledgers[symbol].admit(each)

        return MissingTrades(symbol, ledgers[symbol], take)

    repairer = IdRepairer(fetch, lambda: [missing("DEAD"), missing("OK")], clock)
    while wanted := repairer.next():
        await repairer.repair(wanted)
    assert asked == ["DEAD", "OK"], "the newest first"
    for pause in (1_000, 2_000, 4_000):
        clock.advance_to(clock.now() + pause - 1)
        assert repairer.next() is None, "left alone for a while, each time longer"
        clock.advance_to(clock.now() + 1)
        wanted = repairer.next()
        assert wanted
        await repairer.repair(wanted)
    assert ledgers["OK"].missing == 0


async def test_holes_within_a_page_are_asked_for_at_once() -> None:
    ledger, asked, taken = Ledger(), [], []
    for identity in (1, 3, 5, 700, 2_600):
        ledger.admit(tick(identity, identity))

    async def fetch(symbol: str, first: int, last: int) -> list[Tick]:
        asked.append((first, last))
        return [tick(identity, identity) for identity in range(first, last + 1)]

    async def take(ticks: Sequence[Tick]) -> None:
        taken.append(len(ticks))
        assert all(ledger.admit(each) for each in ticks), "only what is missing"

    repairer = IdRepairer(fetch, lambda: [MissingTrades("S", ledger, take)], EventClock(60_000))
    while wanted := repairer.next():
        await repairer.repair(wanted)
    assert asked == [(1_600, 2_599), (600, 1_599), (2, 599)]
    assert taken == [1_000, 999, 596]


@pytest.mark.parametrize("set_by", [-3_600_000, 2 * 86_400_000])
async def test_a_clock_that_is_set_holds_up_no_repair(set_by: int) -> None:
    """The hole was opened by the clock as it was before, perhaps that of another run."""
    clock, ledger = HostClock(10_000_000), Ledger()
    ledger.admit(Tick("S", 1, 9_990_000, clock.now(), 1.0, 1.0, False))
    ledger.admit(Tick("S", 3, 9_990_000, clock.now(), 1.0, 1.0, False))

    async def nothing(*_: object) -> Any:
        return []

    repairer = IdRepairer(nothing, lambda: [MissingTrades("S", ledger, nothing)], clock)
    assert repairer.next() is None
    clock.wall += set_by
    clock.go_on(1.0)
    assert repairer.next()
