"""Sums of decimals that come as doubles: the double of the exact sum, in any order and however they are split up.

A venue's quantities and prices are decimals of some digits; 0.1 as a double is a little more than that, and ten of them, added one by one,
a little less than 1. `math.fsum` rounds once, so its result is off by what the doubles themselves are: 2**-52 of the sum at most, or twice
that for products of them. A decimal of up to 15 significant digits that lies so near is the sum: any other is 1e-15 of it away, or more.

Where none lies so near (a sum of more digits, or numbers that are no decimals) the result is that of `math.fsum`.
"""

import math
from collections.abc import Iterable
from decimal import Decimal

from quantd.model import Tick

_NEAR = 2.0**-51
_MANY = 4096


def decimal_sum(terms: Iterable[float]) -> float:
    """The sum of numbers >= 0, each the double nearest to a decimal or the product of two such: to 15 significant digits it is exact.

    >>> sum([0.1] * 10), decimal_sum([0.1] * 10)
    (0.9999999999999999, 1.0)
    """
    return _decimal(_sum(terms))


def fold(terms: list[float]) -> None:
    """Leave two numbers in the place of more: the sum and what its rounding left out. They are off by 2**-106 of it at most, so a sum of
    them and of what comes later is that of all.

    >>> terms = [0.1] * 9
    >>> fold(terms)
    >>> len(terms), decimal_sum([*terms, 0.1])
    (2, 1.0)
    """
    if len(terms) > 2:
        total = _sum(terms)
        terms[:] = [total, math.fsum([*terms, -total])] if total < math.inf else [total]


def exact(number: float) -> Decimal:
    """The decimal that a double stands for: the shortest that reads as it.

    >>> exact(0.1) * 3
    Decimal('0.3')
    """
    return Decimal(repr(number))


def mean_price(turnover: float, volume: float, low: float, high: float) -> float | None:
    """turnover / volume, held within low and high, which rounding may leave by the last bit; None without volume, and where one of the two
    is out of range.

    >>> mean_price(9.0, 2.0, 4.0, 5.0), mean_price(0.0, 0.0, 4.0, 5.0), mean_price(math.inf, 2.0, 4.0, 5.0)
    (4.5, None, None)
    """
    if not (volume and volume < math.inf and turnover < math.inf):
        return None
    mean = turnover / volume
    return low if mean < low else high if mean > high else mean


class TradeSums:
    """The sums of trades. Quantities go to what takers bought or sold, and each trade's price times quantity to the turnover. Terms are
    kept as they come until they are many."""

    __slots__ = ("_bought", "_sold", "_turnover")

    def __init__(self) -> None:
        self._bought: list[float] = []
        self._sold: list[float] = []
        self._turnover: list[float] = []

    def __len__(self) -> int:
        """How many numbers are kept."""
        return len(self._bought) + len(self._sold) + len(self._turnover)

    def add(self, tick: Tick) -> None:
        """One more trade."""
        self.extend((tick,))

    def extend(self, ticks: Iterable[Tick]) -> None:
        """Further trades, in any order."""
        buy, sell, pay = self._bought.append, self._sold.append, self._turnover.append
        for tick in ticks:
            qty = tick.qty
            pay(tick.price * qty)
            if tick.buyer_maker:
                sell(qty)
            else:
                buy(qty)
        if len(self._turnover) > _MANY:
            self.fold()

    def fold(self, above: int = 2) -> None:
        """Keep two numbers of each sum if there are more than `above` terms of the turnover. The totals stay the same."""
        if len(self._turnover) > above:
            for terms in (self._bought, self._sold, self._turnover):
                fold(terms)

    def totals(self, low: float, high: float) -> tuple[float, float | None, float]:
        """Volume, mean price, which is within low and high, and the volume that takers bought."""
        if not self._turnover:
            return 0.0, None, 0.0
        volume = decimal_sum(self._bought + self._sold)
        bought = (decimal_sum(self._bought) if self._sold else volume) if self._bought else 0.0
        return volume, mean_price(decimal_sum(self._turnover), volume, low, high), bought


def _sum(terms: Iterable[float]) -> float:
    """The exact sum, rounded once; infinity where it is out of range."""
    try:
        return math.fsum(terms)
    except (OverflowError, ValueError):
        return math.inf


def _decimal(total: float) -> float:
    """The decimal of up to 15 significant digits that is so near that it must be meant, else the same number."""
    if not total < 1e15:
        return total
    steps = 1e8  # nearly always enough, and three times as fast as by way of a text
    while total * steps > 1e15:
        steps /= 10
    rounded = round(total * steps) / steps
    if abs(rounded - total) > _NEAR * total:
        rounded = float(f"{total:.15g}")
    return rounded if abs(rounded - total) <= _NEAR * total else total
