"""Trades as columns hold what their structs hold."""

import math
from itertools import groupby
from operator import attrgetter

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from quantd.columns.ticks import TICK, RunFacts, TickBatch, TickRun, packed_of
from quantd.model import Tick
from quantd.testing import fakes


def ticks() -> list[Tick]:
    mixed = zip(fakes.ticks(9), fakes.ticks(9, symbol="ETHUSDT", seed=3), fakes.ticks(9, symbol="ADAUSDT", seed=4), strict=True)
    return [tick for each in mixed for tick in each][:-1]


def test_a_row_is_as_small_as_a_packed_trade() -> None:
    assert TICK.itemsize == 41


def test_the_structs_of_a_batch_equal_those_that_it_was_made_of() -> None:
    batch = TickBatch.of(ticks())
    assert list(batch) == ticks()
    assert [batch[at] for at in range(-len(batch), len(batch))] == ticks() * 2
    assert list(batch[3:11]) == ticks()[3:11]
    assert (list(TickBatch.of([])), TickBatch.of([]).runs()) == ([], [])


def test_the_structs_of_a_run_equal_those_that_it_was_made_of() -> None:
    run = TickRun("BTCUSDT", packed_of(fakes.ticks(9)))
    assert list(run) == fakes.ticks(9)
    assert [run[at] for at in (0, -1)] == [fakes.ticks(9)[at] for at in (0, -1)]
    assert list(run[2:7:2]) == fakes.ticks(9)[2:7:2]
    assert list(TickBatch.of(run)) == fakes.ticks(9)


def test_the_parts_of_a_joined_batch_follow_each_other() -> None:
    some = ticks()
    run = TickRun("ADAUSDT", packed_of(fakes.ticks(5)))
    joined = TickBatch.joined([some[:4], some[4:5], run, run, TickBatch.of(some[5:]), []])
    assert list(joined) == [*some[:5], *run, *run, *some[5:]]
    assert list(TickBatch.joined([])) == []


ANY = st.builds(
    Tick,
    st.sampled_from(["A", "B"]),
    st.integers(0, 6),
    st.integers(0, 3_000),
    st.just(0),
    st.sampled_from([1.0, 2.5, 3.0, 0.0, -1.0, 1e12, math.nan, math.inf]),
    st.sampled_from([0.0, 1.0, -1.0, 1e12, math.nan]),
    st.booleans(),
)
VALID = st.builds(
    lambda symbols, times: [
        Tick(symbol, 1 + symbols[:at].count(symbol), times[at], 0, 1.0 + times[at] % 7, 1.0, False) for at, symbol in enumerate(symbols)
    ],
    st.lists(st.sampled_from(["A", "B", "C"]), max_size=30),
    st.lists(st.integers(0, 3_000), min_size=30, max_size=30),
)


@given(st.one_of(st.lists(ANY, max_size=8), VALID))
def test_runs_are_the_trades_of_each_symbol_and_tell_what_is_plain(trades: list[Tick]) -> None:
    runs = TickBatch.of(trades).runs()
    by_symbol = {name: list(group) for name, group in groupby(sorted(trades, key=attrgetter("symbol")), attrgetter("symbol"))}
    assert {run.symbol: repr(list(run)) for run in runs} == {name: repr(group) for name, group in by_symbol.items()}
    for run in runs:
        assert run.facts == facts(by_symbol[run.symbol])


def facts(trades: list[Tick]) -> RunFacts | None:
    """The facts about the trades of a symbol, each looked at by itself."""
    ids, times, prices = ([getattr(tick, name) for tick in trades] for name in ("id", "ts", "price"))
    counts = ids[0] > 0 and ids == list(range(ids[0], ids[0] + len(ids)))
    if not counts or not all(0.0 < tick.price < 1e12 and 0.0 <= tick.qty < 1e12 for tick in trades):
        return None
    return RunFacts(ids[0], ids[-1], min(times), max(times), prices[0], max(prices), min(prices), prices[-1], times[-1])


def test_a_trade_of_an_invalid_price_makes_only_its_own_run_rough() -> None:
    some = ticks()
    some[4] = replace(some[4], price=math.nan)
    assert [run.facts is None for run in TickBatch.of(some).runs()] == [False, True, False]
