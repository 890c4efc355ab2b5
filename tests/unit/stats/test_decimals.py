"""Sums of decimals that come as doubles, against arithmetic of decimals."""

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.model import Tick
from quantd.stats.decimals import Sums, decimal_sum, exact, folded, mean_price


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
        folded(kept)
    assert folded(kept) == expected
    assert len(kept) <= 2


@given(st.lists(st.floats(1e-6, 1e6), max_size=60), st.integers(1, 7))
def test_numbers_that_are_no_decimals_sum_the_same_in_any_parts(numbers: list[float], size: int) -> None:
    kept: list[float] = []
    for begin in range(0, len(numbers), size):
        kept += numbers[begin : begin + size]
        folded(kept)
    assert folded(kept) == decimal_sum(numbers) == pytest.approx(sum(numbers), rel=1e-12)


@pytest.mark.parametrize("number", [123456.78901234567, 0.1 + 0.2, 1e15 / 7, 2.0**53])
def test_what_is_no_decimal_of_15_digits_stays_within_two_bits(number: float) -> None:
    assert decimal_sum([number]) == pytest.approx(number, rel=2**-51)


@given(st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 10**6)), min_size=1, max_size=40), st.integers(1, 5), st.integers(0, 3))
def test_the_mean_price_is_within_the_prices(rows: list[tuple[int, int]], tick_digits: int, step_digits: int) -> None:
    sums = Sums()
    prices = [price / 10**tick_digits for price, _ in rows]
    for number, (price, (_, steps)) in enumerate(zip(prices, rows, strict=True)):
        sums.add(Tick("S", number, 0, 0, price, steps / 10**step_digits, number % 2 == 0))
    volume, mean, bought = sums.totals(min(prices), max(prices))
    steps, turnover = (Decimal(sum(values)) for values in (([s for _, s in rows]), [p * s for p, s in rows]))
    assert volume == float(steps.scaleb(-step_digits))
    assert bought == float(Decimal(sum(s for _, s in rows[1::2])).scaleb(-step_digits))
    assert min(prices) <= (mean or 0.0) <= max(prices)
    assert mean == pytest.approx(float(turnover.scaleb(-tick_digits) / steps), rel=1e-15)


def test_a_mean_price_leaves_no_range_by_rounding_and_needs_a_volume() -> None:
    assert mean_price(0.3 * 3, 3.0, 0.3, 0.3) == 0.3
    assert mean_price(0.0, 0.0, 1.0, 1.0) is None


def test_a_double_stands_for_the_shortest_decimal() -> None:
    assert exact(1e-7) * exact(0.1) == Decimal("1e-8")
