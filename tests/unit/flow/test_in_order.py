"""Trades wait for those of before them while these may still come, and no longer."""

import math
from collections.abc import Iterable
from functools import partial

import pytest

from quantd.clock import EventClock
from quantd.flow.bars.events import EventStage
from quantd.flow.in_order import PATIENCE_MS, InOrder
from quantd.flow.ingest.intake import Intake
from quantd.model import Bar, Tick
from quantd.plugin.guard import Guard
from quantd.testing import fakes
from quantd_plugins.event_bars.tick import TickBars

DAWN = 1_700_006_400_000
SECOND = 1_000


def tick(identity: int) -> Tick:
    """Ten a second."""
    return fakes.tick("X", identity, identity * 100, start=DAWN)


def ids(bars: Iterable[Bar]) -> list[tuple[int | None, int | None, str]]:
    return [(bar.first_id, bar.last_id, bar.quality) for bar in bars]


class Bench:
    """The way into bars of two trades."""

    def __init__(self, *, recorded: bool = False, fetched: bool = False, most: int = 100_000) -> None:
        self.rule = EventStage("X", TickBars(count=2), Guard("event_bar", "tick", EventClock()))
        self.intake = Intake("X")
        self.line = InOrder([self.rule], self.intake.ledger, most=most)
        self.line.follow_record(recorded=recorded, fetched=fetched)
        self.line.advance(DAWN)

    def take(self, *identities: int) -> list[tuple[int | None, int | None, str]]:
        if good := self.intake.accept([tick(identity) for identity in identities], past=True):
            self.line.append(good)
        return ids(self.rule.closed())

    def advance(self, ms: int) -> list[tuple[int | None, int | None, str]]:
        self.line.advance(DAWN + ms)
        return ids(self.rule.closed())


def begun(*, fetched: bool, most: int = 100_000) -> Bench:
    """Trades 1 to 4 are in bars."""
    bench = Bench(fetched=fetched, most=most)
    assert bench.take(1, 2, 3, 4) == [], "which is the first is known a moment later"
    assert bench.advance(2_000) == [(1, 2, "complete"), (3, 4, "complete")]
    return bench


def test_nothing_waits_where_nothing_is_missing() -> None:
    bench = begun(fetched=True)
    assert bench.take(5, 6, 7) == [(5, 6, "complete")]
    assert bench.take(8) == [(7, 8, "complete")]


def test_where_nothing_is_fetched_a_second_of_event_time_is_waited() -> None:
    bench = begun(fetched=False)
    assert bench.take(7, 8) == []
    assert bench.take(6, 5) == [(5, 6, "complete"), (7, 8, "complete")]
    assert bench.take(11, 12) == []
    assert bench.advance(2_100) == []
    assert bench.advance(2_101) == [(11, 12, "gap")]
    assert bench.take(9, 10) == []
    assert bench.rule.lost == 2


def test_what_may_be_fetched_is_waited_for() -> None:
    bench = begun(fetched=True)
    assert bench.take(9, 10, 13, 14) == []
    assert bench.advance(60_000) == []
    assert bench.take(12, 11) == [], "the newest are fetched first"
    assert bench.take(5, 6, 7) == [(5, 6, "complete")]
    assert bench.take(8) == [(7, 8, "complete"), (9, 10, "complete"), (11, 12, "complete"), (13, 14, "complete")]


def test_what_the_feed_no_longer_tells_is_not_waited_for() -> None:
    bench = begun(fetched=True)
    bench.take(6, 7, 9, 10)
    bench.intake.ledger.set_source(5, 5, "file")
    assert bench.advance(10_000) == [(6, 7, "gap")]
    bench.intake.ledger.set_source(8, 8, "none")
    assert bench.advance(11_000) == [(9, 10, "gap")]


def test_waiting_has_an_end_unless_something_comes() -> None:
    bench = begun(fetched=True)
    bench.take(9, 10, 13, 14)
    seconds = PATIENCE_MS // SECOND
    for second in range(3, seconds):
        assert bench.advance(second * SECOND) == []
    assert bench.take(11, 12) == [], "repair is at work"
    for second in range(seconds, 2 * seconds):
        assert bench.advance(second * SECOND) == []
    assert bench.advance(2 * seconds * SECOND) == [(9, 10, "gap"), (11, 12, "complete"), (13, 14, "complete")]
    assert bench.take(15, 16) == [(15, 16, "complete")]


def test_time_that_leaps_is_no_waiting() -> None:
    bench = begun(fetched=True)
    bench.take(9, 10)
    assert bench.advance(100 * PATIENCE_MS) == []


def test_too_many_do_not_wait() -> None:
    bench = begun(fetched=True, most=5)
    assert bench.take(*range(7, 12)) == []
    assert bench.take(12, 13) == [(7, 8, "gap"), (9, 10, "complete"), (11, 12, "complete")]


def test_too_many_are_let_go_where_they_are_recorded() -> None:
    bench = Bench(recorded=True, fetched=True, most=7)
    bench.take(1)
    bench.rule.begin_at(1)
    bench.line.begin_at(DAWN)
    assert bench.line.catch_up()
    assert bench.take(2, 3, *range(7, 14)) == [(1, 2, "complete")]
    assert not bench.line.behind
    assert bench.take(14, 15, 16) == []
    assert bench.line.behind
    assert bench.line.blocked
    assert bench.take(4, 5, 6) == [], "they are recorded"
    assert not bench.line.blocked
    bench.line.keep()
    assert bench.take(17) == []
    assert bench.line.since == tick(3).ts
    assert bench.line.read([tick(identity) for identity in range(1, 12)], DAWN + 900)
    assert bench.line.read([tick(identity) for identity in range(12, 16)], DAWN + 5_000)
    assert bench.line.catch_up()
    assert ids(bench.rule.closed()) == [(first, first + 1, "complete") for first in range(3, 17, 2)]
    assert bench.take(18) == [(17, 18, "complete")]


def test_the_end_waits_for_nothing() -> None:
    bench = begun(fetched=True)
    bench.take(7, 8, 9)
    bench.line.flush()
    assert ids(bench.rule.flush()) == [(7, 8, "gap"), (9, 9, "partial")]


nameless = partial(fakes.tick, "X", 0, start=DAWN)


@pytest.mark.parametrize("size", [1, 2, 3, 9])
def test_a_refused_trade_without_an_id_breaks_the_bar_that_lacks_it_however_trades_are_batched(size: int) -> None:
    prices = [1.0, 2.0, 3.0, 4.0, math.nan, 5.0, 6.0, 7.0, 8.0]
    ticks = [nameless(number * 100, price) for number, price in enumerate(prices)]
    bench, bars = Bench(), []
    for begin in range(0, len(ticks), size):
        if good := bench.intake.accept(ticks[begin : begin + size]):
            bench.line.append(good)
        bars += bench.rule.closed()
    bench.line.advance(DAWN + 5_000)
    bars += bench.rule.closed()
    assert [bar.quality for bar in bars] == ["complete", "complete", "gap", "complete"]
