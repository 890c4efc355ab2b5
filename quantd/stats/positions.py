"""A position in both legs of a pair: what it is worth, and how far the legs stand apart by the hedge that it was entered with."""

import math
from typing import Literal, get_args

from msgspec import Struct

from quantd.stats.zscore import Gauge

Reason = Literal["target", "stop", "end"]
Sizing = Literal["beta", "dollar"]
Prices = tuple[float, float]
"""Of y and of x."""
SIZINGS: tuple[Sizing, ...] = get_args(Sizing)
_BPS = 1e-4


class Deal(Struct, frozen=True, kw_only=True):
    """What was held, at what prices, and what that made, in the quote currency."""

    zscore: float
    """What the entry was decided on."""
    beta: float
    """As of then, for the whole trade."""
    y_units: float
    """Negative where sold."""
    x_units: float
    y_entry: float
    x_entry: float
    y_exit: float
    x_exit: float
    zscore_held: float
    """By beta, mean and std as of the entry's decision, at the close that decided the exit; for `end` at the last close."""
    spread_held: float
    """The spread with that beta, at the same close."""
    gross: float
    fees: float
    slippage: float
    funding: float | None
    """What was received for holding it, less what was paid; None where nothing is known of it."""
    funding_missing: int | None
    """Funding times of the trade of which a leg's rate is not known: they are not in `funding`. None where no time is known."""
    net: float
    """gross - fees - slippage, and `funding` as far as it is known."""
    bars: int
    """How long it was held, in bars; those that the record lacks count."""
    reason: Reason


class Trip(Deal, frozen=True, kw_only=True, gc=False):
    """One position from its opening to its end."""

    side: int
    """1: the spread was bought (y bought, x sold where beta > 0). -1: sold."""
    opened: int
    """The row at whose open it was filled."""
    closed: int
    """The row at whose open it was left; for `end`, the last row, at its close."""


class Costs(Struct, frozen=True, gc=False):
    """The rates of costs, in bps of the traded value."""

    fee: float
    slippage: float

    def of(self, value: float) -> Prices:
        """Fee and slippage."""
        return self.fee * _BPS * value, self.slippage * _BPS * value


class Carried(Struct, frozen=True, gc=False):
    """What holding a position has brought so far."""

    told: bool
    """Whether rates of both legs are known at all."""
    received: float = 0.0
    known: int = 0
    """Funding times."""
    missing: int = 0

    @property
    def funding(self) -> float | None:
        """0 where no time was due, None where none of those that were is known."""
        return self.received if self.told and (self.known or not self.missing) else None


class Signal(Struct, frozen=True, gc=False):
    """An entry as it was decided at a close, and what the position is measured with for as long as it is held. Prices are those that the
    regression sees."""

    side: int
    zscore: float
    alpha: float
    """What is taken off the spread; 0 where nothing is."""
    gauge: Gauge
    """Gives the closes that decided the entry the z-score that they had."""

    def spread(self, y: float, x: float) -> float:
        return y - self.gauge.beta * x - self.alpha

    def held(self, y: float, x: float) -> float:
        """The z-score of these prices by the entry's beta, mean and std."""
        return self.gauge.off(y, x) / self.gauge.std


def signal(side: int, zscore: float, beta: float, alpha: float, std: float, closes: Prices) -> Signal:
    """The entry that a z-score in units of `std`, above 0, asks for. Its middle is where y would have been with a z-score of 0, so that
    the held z-score begins as this one, whatever it was measured from.

    >>> signal(-1, 2.5, 2.0, 0.0, 0.4, (101.0, 50.0)).held(101.0, 50.0), signal(-1, 2.5, 2.0, 0.0, 0.4, (101.0, 50.0)).held(100.0, 50.0)
    (2.5, 0.0)
    """
    y, x = closes
    return Signal(side, zscore, alpha, Gauge(beta, y - zscore * std, x, std))


def units(side: int, beta: float, y: float, x: float, notional: float, *, elastic: bool, sizing: Sizing = "beta") -> tuple[float, float]:
    """How much of y and x to hold at these prices, negative where sold: gross exposure is `notional`. The leg x is opposite to y where
    beta is above 0, else on its side; with the sizing `dollar` both legs are worth the same.

    >>> units(1, 2.0, 100.0, 50.0, 1000.0, elastic=False)    # 5 y against twice as many x
    (5.0, -10.0)
    >>> units(-1, 1.5, 100.0, 50.0, 1000.0, elastic=True)    # 400 of y against 600 of x
    (-4.0, 12.0)
    >>> units(1, 1.5, 100.0, 50.0, 1000.0, elastic=False, sizing="dollar")
    (5.0, -10.0)
    """
    if sizing == "dollar":
        return side * notional / 2 / y, -math.copysign(notional / 2 / x, side * beta)
    if elastic:
        value = side * notional / (1 + abs(beta))
        return value / y, -beta * value / x
    amount = side * notional / (y + abs(beta) * x)
    return amount, -beta * amount


class Position(Struct, frozen=True, gc=False):
    """A position that was opened at the prices `y` and `x` of row `row`."""

    signal: Signal
    row: int
    y_units: float
    x_units: float
    y: float
    x: float

    def value(self, y: float, x: float) -> float:
        """The value that changes hands at these prices."""
        return abs(self.y_units) * y + abs(self.x_units) * x

    def gross(self, y: float, x: float) -> float:
        """The gain at these prices before costs."""
        return self.y_units * (y - self.y) + self.x_units * (x - self.x)

    def ended(self, row: int, bars: int, prices: Prices, closes: Prices, reason: Reason, costs: Costs, carried: Carried) -> Trip:
        """Left at these prices after so many bars; `closes`, as the regression sees them, decided it."""
        gross = self.gross(*prices)
        fees, slippage = costs.of(self.value(self.y, self.x) + self.value(*prices))
        funding = carried.funding
        return Trip(
            side=self.signal.side,
            opened=self.row,
            closed=row,
            zscore=self.signal.zscore,
            beta=self.signal.gauge.beta,
            y_units=self.y_units,
            x_units=self.x_units,
            y_entry=self.y,
            x_entry=self.x,
            y_exit=prices[0],
            x_exit=prices[1],
            zscore_held=self.signal.held(*closes),
            spread_held=self.signal.spread(*closes),
            gross=gross,
            fees=fees,
            slippage=slippage,
            funding=funding,
            funding_missing=carried.missing if carried.told else None,
            net=gross - fees - slippage + (funding or 0.0),
            bars=bars,
            reason=reason,
        )
