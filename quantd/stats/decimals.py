"""Exact sums of decimal numbers given as doubles: the result is the double nearest to the exact sum, in any order and however the terms are
grouped.

A venue's quantities and prices are decimals of a few digits. As a double, 0.1 is a little more than a tenth, and the sum of ten of them,
added one by one, is a little less than 1. `math.fsum` rounds once, so its result is off only by the representation errors of the terms: at
most 2**-52 of the sum, or twice that for products. If a decimal of up to 15 significant digits lies that close, it is the sum, because any
other such decimal is at least 1e-15 of it away.

If there is no such decimal (the sum has more digits, or the numbers are not decimals), the result is that of `math.fsum`.
"""

import math
from array import array
from collections.abc import Iterable
from decimal import Decimal

import numpy as np
from msgspec import Struct, field

from quantd.columns.ticks import TICK, TickRun
from quantd.model import Tick

_NEAR = 2.0**-51
_MANY = 4096
_RESTING: list[float] = []
"""Stands for terms that are packed."""


def decimal_sum(terms: Iterable[float]) -> float:
    """Return the sum of numbers >= 0, each the double nearest to a decimal or the product of two such doubles; the sum is exact to 15
    significant digits.

    >>> sum([0.1] * 10), decimal_sum([0.1] * 10)
    (0.9999999999999999, 1.0)
    """
    return _decimal(_sum(terms))


def fold(terms: list[float]) -> None:
    """Replace the terms by two numbers: their sum and what its rounding left out. The error is at most 2**-106 of the sum, so adding later
    terms to these two gives the same total as adding them to all terms.

    >>> terms = [0.1] * 9
    >>> fold(terms)
    >>> len(terms), decimal_sum([*terms, 0.1])
    (2, 1.0)
    """
    if len(terms) > 2:
        total = _sum(terms)
        terms[:] = [total, math.fsum([*terms, -total])] if total < math.inf else [total]


def exact(number: float) -> Decimal:
    """Return the decimal that a double stands for: the shortest one that reads back as the same double.

    >>> exact(0.1) * 3
    Decimal('0.3')
    """
    return Decimal(repr(number))


def mean_price(turnover: float, volume: float, low: float, high: float) -> float | None:
    """Return turnover / volume, clipped to [low, high], which rounding may miss by the last bit. None if the volume is 0 or one of the two
    is out of range.

    >>> mean_price(9.0, 2.0, 4.0, 5.0), mean_price(0.0, 0.0, 4.0, 5.0), mean_price(math.inf, 2.0, 4.0, 5.0)
    (4.5, None, None)
    """
    if not (volume and volume < math.inf and turnover < math.inf):
        return None
    mean = turnover / volume
    return low if mean < low else high if mean > high else mean


class TradeSums(Struct, gc=False):
    """The sums of trades: the volume that takers bought, the volume that they sold, and the turnover, price times quantity. Terms are kept
    as they come and are folded when there are many. While they rest they are packed: there may be 300 seconds for each of 500 symbols."""

    _bought: list[float] = field(default_factory=list)
    _sold: list[float] = field(default_factory=list)
    _turnover: list[float] = field(default_factory=list)
    _runs: list[TickRun] | None = None
    """Trades whose terms are made when they are needed, all at once; `_waiting` is their number."""
    _waiting: int = 0
    _packed: tuple[bytes, bytes, bytes] | None = None
    """The three lists of terms, while they rest."""

    def rest(self, above: int = 2) -> None:
        """Fold the terms if there are more than `above` of the turnover, and pack them. Whatever is called next takes them out again."""
        self.fold(above)
        bought, sold, turnover = (array("d", terms).tobytes() for terms in (self._bought, self._sold, self._turnover))
        self._packed = bought, sold, turnover
        self._bought = self._sold = self._turnover = _RESTING

    def _wake(self) -> None:
        if self._packed is not None:
            self._bought, self._sold, self._turnover = (array("d", packed).tolist() for packed in self._packed)
            self._packed = None

    def __len__(self) -> int:
        """Return how many terms are kept."""
        self._make_terms()
        return len(self._bought) + len(self._sold) + len(self._turnover)

    def add(self, tick: Tick) -> None:
        """Add one trade."""
        self.extend((tick,))

    def extend(self, ticks: Iterable[Tick]) -> None:
        """Add trades, in any order."""
        self._wake()
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

    def add_run(self, run: TickRun) -> None:
        """Add trades, in any order."""
        self._wake()
        if self._runs is None:
            self._runs = []
        self._runs.append(run)
        self._waiting += len(run)
        if self._waiting + len(self._turnover) > _MANY:
            self.fold()

    def _make_terms(self) -> None:
        self._wake()
        if not self._runs:
            return
        rows = np.frombuffer(b"".join([run.packed for run in self._runs]), TICK)
        self._runs, self._waiting = None, 0
        quantities, sells = rows["qty"], rows["buyer_maker"]
        self._turnover += (rows["price"] * quantities).tolist()
        self._sold += quantities[sells].tolist()
        self._bought += quantities[~sells].tolist()

    def fold(self, above: int = 2) -> None:
        """Reduce each sum to two terms if there are more than `above` terms of the turnover. The totals stay the same."""
        self._make_terms()
        if len(self._turnover) > above:
            for terms in (self._bought, self._sold, self._turnover):
                fold(terms)

    def totals(self, low: float, high: float) -> tuple[float, float | None, float]:
        """Return the volume, the mean price clipped to [low, high], and the volume that takers bought."""
        self._make_terms()
        if not self._turnover:
            return 0.0, None, 0.0
        volume = decimal_sum(self._bought + self._sold)
        bought = (decimal_sum(self._bought) if self._sold else volume) if self._bought else 0.0
        return volume, mean_price(decimal_sum(self._turnover), volume, low, high), bought


def _sum(terms: Iterable[float]) -> float:
    """Return the exact sum, rounded once; infinity if it is out of range."""
    try:
        return math.fsum(terms)
    except (OverflowError, ValueError):
        return math.inf


def _decimal(total: float) -> float:
    """Return the decimal of up to 15 significant digits that is within the rounding error of `total`, or `total` itself if there is
    none."""
    if not total < 1e15:
        return total
    steps = 1e8  # nearly always enough, and three times as fast as going through a string
    while total * steps > 1e15:
        steps /= 10
    rounded = round(total * steps) / steps
    if abs(rounded - total) > _NEAR * total:
        rounded = float(f"{total:.15g}")
    return rounded if abs(rounded - total) <= _NEAR * total else total
