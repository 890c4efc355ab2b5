"""Sums and prices of bars are those of the trades as decimals, whatever the order of arrival, the batches and the way to a timeframe."""

import random
from collections import defaultdict
from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from quantd.flow.bars.merge import Merger
from quantd.model import Bar, Tick
from quantd.stats.bars import lengthen
from quantd.timeframes import DAY, HOUR, timeframe
from quantd_plugins.resamplers.time import TimeBars

DAWN = 20_000 * DAY
EVERY = ("1s", "5s", "1m", "5m", "1h")
Rows = list[tuple[int, int, int]]
rows = st.lists(st.tuples(st.integers(0, 400_000), st.integers(1, 10**7), st.integers(1, 10**5)), min_size=1, max_size=60)
"""Milliseconds, and price and quantity in their steps: turnovers have 15 digits at most."""
digits = st.tuples(st.integers(1, 5), st.integers(0, 3))


def ticks(table: Rows, of_price: int, of_qty: int) -> list[Tick]:
    return [
        Tick("S", number, DAWN + ms, DAWN + ms, price / 10**of_price, qty / 10**of_qty, qty % 3 == 0)
        for number, (ms, price, qty) in enumerate(table, 1)
    ]


def played(arrivals: list[Tick], size: int, *, looks: bool = False) -> dict[tuple[str, int], Bar]:
    """The last revision of every bar, all of revision 0 to compare them."""
    bars, merger, top = TimeBars(reopen="1h"), Merger("1s", EVERY, HOUR), 0
    last: dict[tuple[str, int], Bar] = {}
    for begin in range(0, len(arrivals), size):
        batch = arrivals[begin : begin + size]
        bars.update(batch)
        top = max(top, *(tick.ts for tick in batch))
        if looks:
            merger.forming("1h", bars.forming())
        last |= {(bar.every, bar.ts): bar for bar in merger.add(bars.advance(top - 500))}
    last |= {(bar.every, bar.ts): bar for bar in merger.add(bars.flush(top)) + merger.flush()}
    return {key: msgspec.structs.replace(bar, revision=0) for key, bar in last.items()}


@given(rows, digits, st.randoms(use_true_random=False), st.integers(1, 9))
def test_order_batches_and_looks_make_no_difference(table: Rows, steps: tuple[int, int], chance: random.Random, size: int) -> None:
    made = ticks(table, *steps)
    in_order = played(made, len(made))
    chance.shuffle(made)
    assert played(made, size, looks=True) == in_order


@given(rows, digits)
def test_every_bar_is_that_of_its_trades(table: Rows, steps: tuple[int, int]) -> None:
    made = ticks(table, *steps)
    for (every, ts), bar in played(made, len(made)).items():
        inside = [(tick, qty) for tick, (_, _, qty) in zip(made, table, strict=True) if timeframe(every).floor(tick.ts) == ts]
        assert Decimal(repr(bar.volume)) == Decimal(sum(qty for _, qty in inside)).scaleb(-steps[1])
        bought = sum(qty for tick, qty in inside if not tick.buyer_maker)
        assert Decimal(repr(bar.taker_buy_volume)) == Decimal(bought).scaleb(-steps[1])
        if inside:
            prices = [tick.price for tick, _ in inside]
            assert (bar.open, bar.high, bar.low, bar.close) == (prices[0], max(prices), min(prices), prices[-1])
            assert bar.low <= (bar.vwap or 0.0) <= bar.high
            assert (bar.first_id, bar.last_id) == (inside[0][0].id, inside[-1][0].id)


@given(rows, digits)
def test_a_timeframe_is_the_same_by_any_way(table: Rows, steps: tuple[int, int]) -> None:
    made = ticks(table, *steps)
    by: dict[str, list[Bar]] = defaultdict(list)
    for (every, _), bar in sorted(played(made, len(made)).items()):
        by[every].append(bar)
    for every, source in (("1m", "1s"), ("1m", "5s"), ("5m", "1s"), ("5m", "5s"), ("1h", "1s"), ("1h", "5m")):
        again = lengthen(by[source], timeframe(source), timeframe(every))
        assert again == by[every][: len(again)]
        assert len(again) >= len(by[every]) - 1


@given(st.lists(st.tuples(st.floats(1e-5, 1e5), st.floats(1e-3, 1e12)), min_size=1, max_size=50))
def test_the_mean_price_is_within_the_prices_of_any_numbers(table: list[tuple[float, float]]) -> None:
    made = [Tick("S", number, DAWN + number * 7_000, 0, price, qty, False) for number, (price, qty) in enumerate(table, 1)]
    for bar in played(made, 7).values():
        assert bar.vwap is None or bar.low <= bar.vwap <= bar.high
