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
    return _decimal(math.fsum(terms))


def folded(terms: list[float]) -> float:
    """The same of numbers that come by and by. It leaves two in their place, the sum and what its rounding left out, which are off by
    2**-106 of it at most: what is kept stays small, and the next sum is that of all.

    >>> terms = [0.1] * 9
    >>> folded(terms), len(terms), folded([*terms, 0.1])
    (0.9, 2, 1.0)
    """
    if not terms:
        return 0.0
    total = math.fsum(terms)
    if len(terms) > 2:
        terms.append(-total)
        terms[:] = [total, math.fsum(terms)]
    return _decimal(total)


def exact(number: float) -> Decimal:
    """The decimal that a double stands for: the shortest that reads as it.

    >>> exact(0.1) * 3
    Decimal('0.3')
    """
    return Decimal(repr(number))


def mean_price(turnover: float, volume: float, low: float, high: float) -> float | None:
    """turnover / volume, held within low and high, which rounding may leave by the last bit; None without volume."""
    return min(max(turnover / volume, low), high) if volume else None


class Sums:
    """What trades come to. Quantities go to what takers bought or sold, and each trade's price times quantity to the turnover."""

    __slots__ = ("bought", "sold", "turnover")

    def __init__(self) -> None:
        self.bought: list[float] = []
        self.sold: list[float] = []
        self.turnover: list[float] = []

    def add(self, tick: Tick) -> None:
        """One more trade."""
        (self.sold if tick.buyer_maker else self.bought).append(tick.qty)
        self.turnover.append(tick.price * tick.qty)
        if len(self.turnover) > _MANY:
            self.totals(tick.price, tick.price)

    def totals(self, low: float, high: float) -> tuple[float, float | None, float]:
        """Volume, mean price, which is within low and high, and the volume that takers bought."""
        if not self.turnover:
            return 0.0, None, 0.0
        bought, _, turnover = folded(self.bought), folded(self.sold), folded(self.turnover)
        volume = decimal_sum([*self.bought, *self.sold])
        return volume, mean_price(turnover, volume, low, high), bought


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
