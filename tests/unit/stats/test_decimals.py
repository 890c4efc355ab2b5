"""Sums of decimals that come as doubles, against arithmetic of decimals."""

import math
import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.model import Tick
from quantd.stats.decimals import TradeSums, decimal_sum, exact, fold, mean_price
from quantd.testing import fakes


@st.composite
def amounts(draw: st.DrawFn) -> list[Decimal]:
    """Up to 60 decimals of one step, the sum of which has 15 digits at most."""
    digits = draw(st.integers(0, 8))
    return [Decimal(steps).scaleb(-digits) for steps in draw(st.lists(st.integers(0, 10**13), max_size=60))]


@given(amounts(), st.integers(1, 7), st.randoms(use_true_random=False))
def test_the_sum_is_that_of_the_decimals_in_any_order_and_any_parts(terms: list[Decimal], size: int, chance: random.Random) -> None:
    expected = float(sum(terms))
    numbers = list(map(float, terms))
    assert decimal_sum(numbers) == expected
    chance.shuffle(numbers)
    kept: list[float] = []
    for begin in range(0, len(numbers), size):
        kept += numbers[begin : begin + size]
        fold(kept)
    assert decimal_sum(kept) == expected
    assert len(kept) <= 2


@given(st.lists(st.floats(1e-6, 1e6), max_size=60), st.integers(1, 7))
def test_numbers_that_are_no_decimals_sum_the_same_in_any_parts(numbers: list[float], size: int) -> None:
    kept: list[float] = []
    for begin in range(0, len(numbers), size):
        kept += numbers[begin : begin + size]
        fold(kept)
    assert decimal_sum(kept) == decimal_sum(numbers) == pytest.approx(sum(numbers), rel=1e-12)


@pytest.mark.parametrize("number", [123456.78901234567, 0.1 + 0.2, 1e15 / 7, 2.0**53])
def test_what_is_no_decimal_of_15_digits_stays_within_two_bits(number: float) -> None:
    assert decimal_sum([number]) == pytest.approx(number, rel=2**-51)


@given(st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 10**6)), min_size=1, max_size=40), st.integers(1, 5), st.integers(0, 3))
def test_the_mean_price_is_within_the_prices(rows: list[tuple[int, int]], tick_digits: int, step_digits: int) -> None:
    sums = TradeSums()
    prices = [price / 10**tick_digits for price, _ in rows]
    for number, (price, (_, steps)) in enumerate(zip(prices, rows, strict=True)):
        sums.add(Tick("S", number, 0, 0, price, steps / 10**step_digits, number % 2 == 0))
    volume, mean, bought = sums.totals(min(prices), max(prices))
    total, turnover = (Decimal(sum(values)) for values in (([s for _, s in rows]), [p * s for p, s in rows]))
    assert volume == float(total.scaleb(-step_digits))
    assert bought == float(Decimal(sum(s for _, s in rows[1::2])).scaleb(-step_digits))
    assert min(prices) <= (mean or 0.0) <= max(prices)
    assert mean == pytest.approx(float(turnover.scaleb(-tick_digits) / total), rel=1e-15)


def test_a_mean_price_leaves_no_range_by_rounding_and_needs_a_volume() -> None:
    assert mean_price(0.3 * 3, 3.0, 0.3, 0.3) == 0.3
    assert mean_price(0.0, 0.0, 1.0, 1.0) is None


def test_a_double_stands_for_the_shortest_decimal() -> None:
    assert exact(1e-7) * exact(0.1) == Decimal("1e-8")


def trade(number: int, price: float, qty: float) -> Tick:
    return fakes.tick("S", number, price=price, qty=qty)


def test_to_read_totals_writes_nothing_and_to_fold_changes_none() -> None:
    sums = TradeSums()
    sums.extend(trade(number, number / 10, number / 1_000) for number in range(1, 101))
    before, kept = sums.totals(0.1, 10.0), len(sums)
    assert (before[0], before[2], kept) == (5.05, 2.5, 200)
    sums.fold(above=100)
    assert len(sums) == kept
    sums.fold(above=99)
    assert (sums.totals(0.1, 10.0), len(sums)) == (before, 6)


def test_few_numbers_are_kept_however_many_trades_come() -> None:
    one_by_one, at_once = TradeSums(), TradeSums()
    trades = [trade(number, 0.1, 0.7) for number in range(1, 10_001)]
    for tick in trades:
        one_by_one.add(tick)
        assert len(one_by_one) < 8_200
    at_once.extend(trades)
    assert len(at_once) == 6
    assert one_by_one.totals(0.1, 0.1) == at_once.totals(0.1, 0.1) == (7_000.0, 0.1, 3_500.0)


@pytest.mark.parametrize("rows", [[(1e200, 1e200)] * 3, [(1.0, 1.7e308)] * 4, [(1e200, 1e107)] * 50], ids=["product", "volume", "turnover"])
@pytest.mark.parametrize("above", [2, 100])
def test_what_is_out_of_range_is_infinite_and_has_no_mean(rows: list[tuple[float, float]], above: int) -> None:
    sums = TradeSums()
    for number, (price, qty) in enumerate(rows, 1):
        sums.add(trade(number, price, qty))
        sums.fold(above)
    sums.fold(above)
    volume, mean, bought = sums.totals(1.0, 1e200)
    assert (volume, mean) == (pytest.approx(sum(qty for _, qty in rows)), None)
    assert 0.0 < bought <= volume


def test_infinities_of_both_signs_are_refused_without_an_exception() -> None:
    assert decimal_sum([1e308, 1e308]) == decimal_sum([math.inf, -math.inf]) == math.inf
