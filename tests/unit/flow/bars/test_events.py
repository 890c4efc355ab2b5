"""Bars that end with an event: every trade is in one of them, once, whatever the batches."""

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

import quantd
from quantd.clock import EventClock
from quantd.flow.bars.events import EventStage
from quantd.model import Bar, Tick
from quantd.plugin.guard import Guard
from quantd.testing import fakes
from quantd_plugins.event_bars.dollar import DollarBars
from quantd_plugins.event_bars.imbalance import ImbalanceBars
from quantd_plugins.event_bars.tick import TickBars
from quantd_plugins.event_bars.volume import VolumeBars

RULES = [
    TickBars(count=7),
    VolumeBars(size=5.0),
    DollarBars(size=700.0),
    ImbalanceBars(size=4.0),
    ImbalanceBars(size=3.0, of="trades"),
    ImbalanceBars(size=300.0, of="money"),
]
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.label)


def stage(rule: quantd.EventBars) -> EventStage:
    return EventStage("BTCUSDT", rule, Guard("event_bar", rule.label, EventClock()))


def played(rule: quantd.EventBars, ticks: list[Tick], size: int = 1_000) -> list[Bar]:
    made, bars = stage(rule), []
    for begin in range(0, len(ticks), size):
        made.append(ticks[begin : begin + size])
        bars += made.closed()
    return bars + made.flush()


def tenths(count: int) -> list[Tick]:
    return [Tick("BTCUSDT", number, number * 100, number * 100, 100.0, 0.1, False) for number in range(1, count + 1)]


@pytest.mark.parametrize(
    "rule",
    [VolumeBars(size=1), DollarBars(size=100), ImbalanceBars(size=1), ImbalanceBars(size=100, of="money")],
    ids=lambda rule: rule.label,
)
def test_ten_tenths_are_one(rule: quantd.EventBars) -> None:
    first, second, third, rest = played(rule, tenths(31))
    assert [bar.trades for bar in (first, second, third, rest)] == [10, 10, 10, 1]
    assert {(bar.volume, bar.vwap, bar.taker_buy_volume) for bar in (first, second, third)} == {(1.0, 100.0, 1.0)}
    assert (first.first_id, first.last_id, rest.volume) == (1, 10, 0.1)


def test_a_surplus_is_decimal_however_much_went_to_and_fro() -> None:
    rows = [(0.7, False), (0.6, True)] * 10
    ticks = [Tick("BTCUSDT", number, number, number, 1.0, qty, maker) for number, (qty, maker) in enumerate(rows, 1)]
    assert [bar.trades for bar in played(ImbalanceBars(size=1), ticks)] == [7, 13]


def test_a_long_bar_keeps_few_numbers_and_the_exact_sum() -> None:
    ticks = [Tick("BTCUSDT", number, number, number, 0.1, 0.7, False) for number in range(1, 20_001)]
    made = stage(TickBars(count=20_000))
    made.append(ticks[:-1])
    (bar,) = made.forming()
    assert (bar.volume, bar.vwap) == (13_999.3, 0.1)
    made.append(ticks[-1:])
    (bar,) = made.closed()
    assert (bar.volume, bar.taker_buy_volume, bar.vwap) == (14_000.0, 14_000.0, 0.1)


def test_trades_out_of_range_make_a_bar_without_vwap() -> None:
    made = stage(TickBars(count=3))
    made.append([Tick("BTCUSDT", number, number, number, 1e200, 1.7e308, False) for number in range(1, 4)])
    (bar,) = made.closed()
    assert (bar.volume, bar.taker_buy_volume, bar.vwap) == (math.inf, math.inf, None)


@every_rule
@given(seed=st.integers(0, 1_000), count=st.integers(1, 300), size=st.integers(1, 50))
def test_nothing_is_lost_or_counted_twice(rule: quantd.EventBars, seed: int, count: int, size: int) -> None:
    ticks = fakes.ticks(count, seed=seed, spacing=3)
    bars = played(rule, ticks, size)
    assert bars == played(rule, ticks)
    assert sum(bar.trades for bar in bars) == count
    assert math.fsum(bar.volume for bar in bars) == pytest.approx(math.fsum(tick.qty for tick in ticks), rel=1e-9)
    notional = math.fsum(bar.volume * (bar.vwap or 0.0) for bar in bars)
    assert notional == pytest.approx(math.fsum(tick.qty * tick.price for tick in ticks), rel=1e-9)
    bought = math.fsum(tick.qty for tick in ticks if not tick.buyer_maker)
    assert math.fsum(bar.taker_buy_volume or 0.0 for bar in bars) == pytest.approx(bought, rel=1e-9, abs=1e-9)
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)
    assert all(one.ts < other.ts for one, other in pairwise(bars))
    assert {bar.quality for bar in bars[:-1]} <= {"complete"}


@every_rule
def test_bars_are_cut_where_the_rule_says(rule: Any) -> None:
    ticks = fakes.ticks(500)
    *bars, _ = played(rule, ticks)
    begin = 0
    for bar in bars:
        inside, begin = ticks[begin : begin + bar.trades], begin + bar.trades
        if isinstance(rule, TickBars):
            assert bar.trades == rule.count
            continue
        worth = {"volume": lambda tick: tick.qty, "money": lambda tick: tick.qty * tick.price, "trades": lambda tick: 1.0}
        of = rule.of if isinstance(rule, ImbalanceBars) else "money" if isinstance(rule, DollarBars) else "volume"
        signs = [-1.0 if isinstance(rule, ImbalanceBars) and tick.buyer_maker else 1.0 for tick in inside]
        values = [sign * worth[of](tick) for sign, tick in zip(signs, inside, strict=True)]
        assert abs(sum(values)) >= rule.size - 1e-9
        assert abs(sum(values[:-1])) < rule.size


def test_a_missing_id_makes_a_gap() -> None:
    ticks = [tick for tick in fakes.ticks(40) if tick.id not in (10, 17)]
    bars = played(TickBars(count=7), ticks)
    assert [bar.quality for bar in bars] == ["complete", "gap", "gap", "complete", "complete", "partial"]


def test_trades_of_one_moment_make_bars_of_different_times() -> None:
    ticks = [Tick("BTCUSDT", number, fakes.START, fakes.START, 100.0, 1.0, False) for number in range(1, 10)]
    assert [bar.ts - fakes.START for bar in played(TickBars(count=2), ticks)] == [0, 1, 2, 3, 4]


def test_the_forming_bar_is_shown() -> None:
    made = stage(TickBars(count=4))
    assert made.forming() == []
    made.append(fakes.ticks(2))
    (bar,) = made.forming()
    assert (bar.every, bar.trades, bar.quality) == ("tick-4", 2, "forming")


class Growing(quantd.EventBars):
    """Each bar has one trade more than the one before."""

    def __post_init__(self) -> None:
        self._wanted, self._trades = 1, 0

    @property
    def label(self) -> str:
        return "growing"

    def ends(self, tick: Tick) -> bool:
        self._trades += 1
        if self._trades < self._wanted:
            return False
        self._wanted, self._trades = self._wanted + 1, 0
        return True

    def state(self) -> bytes:
        return str(self._wanted).encode()

    def resume(self, state: bytes) -> None:
        self._wanted = int(state)


@pytest.mark.parametrize("rule", [*RULES, Growing()], ids=lambda rule: rule.label)
def test_it_goes_on_behind_any_of_its_bars_to_the_same_bits(rule: quantd.EventBars) -> None:
    ticks = fakes.ticks(300, spacing=1)
    whole = played(rule, ticks)
    for number, bar in enumerate(whole[:-1], 1):
        made = stage(rule)
        made.resume(bar)
        made.append(ticks)
        assert made.closed() + made.flush() == whole[number:]


def test_a_rule_that_cannot_go_on_begins_afresh() -> None:
    *_, bar, _ = played(Growing(), fakes.ticks(12))
    made = stage(Growing())
    made.resume(replace(bar, state=b"nonsense"))
    made.append(fakes.ticks(12))
    assert [(each.first_id, each.trades) for each in made.closed()] == [(11, 1)]


def test_what_comes_too_late_is_counted_and_the_bar_says_so() -> None:
    ticks = [replace(tick, id=tick.id * 10) for tick in fakes.ticks(250)]
    made = stage(TickBars(count=2))
    made.append_unnumbered(ticks, ())
    assert {bar.quality for bar in made.closed()} == {"complete"}
    for late in (replace(ticks[240], id=2_405), replace(ticks[241], id=2_415), replace(ticks[1], id=15)):
        made.mark_missing(late)
    assert [(bar.first_id, bar.quality, bar.revision) for bar in made.closed()] == [(2410, "gap", 1)], "the oldest is forgotten"
    assert made.lost == 3
