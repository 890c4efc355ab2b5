"""A position in both legs of a pair: its value, and its z-score by the hedge ratio of its entry."""

import math
from typing import Literal, get_args

from msgspec import Struct

from quantd.stats.zscore import Gauge

Reason = Literal["target", "stop", "end"]
Sizing = Literal["beta", "dollar"]
Prices = tuple[float, float]
"""A price of y and a price of x."""
SIZINGS: tuple[Sizing, ...] = get_args(Sizing)
_BPS = 1e-4


class Deal(Struct, frozen=True, kw_only=True):
    """Size, prices and results of a position, in the quote currency."""

    zscore: float
    """Z-score that decided the entry."""
    beta: float
    """Hedge ratio of the entry, kept for the whole trade."""
    y_units: float
    """Units of y, negative if sold."""
    x_units: float
    y_entry: float
    x_entry: float
    y_exit: float
    x_exit: float
    zscore_held: float
    """Z-score by the beta, mean and std of the entry, at the close that decided the exit; for `end` at the last close."""
    spread_held: float
    """Spread with the beta of the entry, at the same close."""
    gross: float
    fees: float
    slippage: float
    funding: float | None
    """Funding received for the position less funding paid; None if none is known."""
    funding_missing: int | None
    """Number of funding times during the trade at which the rate of a leg is not known; `funding` does not include them. None if no funding
    time is known."""
    net: float
    """gross - fees - slippage, plus `funding` as far as it is known."""
    bars: int
    """Duration in bars, including those that the record lacks."""
    reason: Reason


class Trip(Deal, frozen=True, kw_only=True, gc=False):
    """A round trip: one position from its opening to its close."""

    side: int
    """1: the spread was bought (y bought, x sold if beta > 0). -1: the spread was sold."""
    opened: int
    """Row at whose open the entry was filled."""
    closed: int
    """Row at whose open the exit was filled; for `end` the last row, at its close."""


class Costs(Struct, frozen=True, gc=False):
    """Cost rates in bps of the traded value."""

    fee: float
    slippage: float

    def of(self, value: float) -> Prices:
        """Return the fee and the slippage for a traded value."""
        return self.fee * _BPS * value, self.slippage * _BPS * value


class Carried(Struct, frozen=True, gc=False):
    """Funding that a position has accrued so far."""

    told: bool
    """Whether rates of both legs are known at all."""
    received: float = 0.0
    known: int = 0
    """Number of funding times with known rates."""
    missing: int = 0

    @property
    def funding(self) -> float | None:
        """Accrued funding: 0 if no funding time has passed, None if none of those that passed has known rates."""
        return self.received if self.told and (self.known or not self.missing) else None


class Signal(Struct, frozen=True, gc=False):
    """An entry as decided at a close, and the parameters by which the position is measured while it is held. Prices are those that the
    regression sees."""

    side: int
    zscore: float
    alpha: float
    """Intercept that is subtracted from the spread; 0 if none is."""
    gauge: Gauge
    """Gauge that gives the closes of the entry's decision the z-score that they had."""

    def spread(self, y: float, x: float) -> float:
        return y - self.gauge.beta * x - self.alpha

    def held(self, y: float, x: float) -> float:
        """Return the z-score of these prices by the beta, mean and std of the entry."""
        return self.gauge.off(y, x) / self.gauge.std


def signal(side: int, zscore: float, beta: float, alpha: float, std: float, closes: Prices) -> Signal:
    """Return the entry for a z-score in units of `std`, which is above 0. The gauge is centred where y would have had the z-score 0, so the
    held z-score starts at `zscore` however that was computed.

    >>> signal(-1, 2.5, 2.0, 0.0, 0.4, (101.0, 50.0)).held(101.0, 50.0), signal(-1, 2.5, 2.0, 0.0, 0.4, (101.0, 50.0)).held(100.0, 50.0)
    (2.5, 0.0)
    """
    y, x = closes
    return Signal(side, zscore, alpha, Gauge(beta, y - zscore * std, x, std))


def units(side: int, beta: float, y: float, x: float, notional: float, *, elastic: bool, sizing: Sizing = "beta") -> tuple[float, float]:
    """Return how much of y and x to hold at these prices, negative if sold; the gross exposure is `notional`. Leg x has the opposite side
    of y if beta is above 0, else the same side. With the sizing `dollar` both legs have the same value.

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
    """An open position, entered at the prices `y` and `x` of row `row`."""

    signal: Signal
    row: int
    y_units: float
    x_units: float
    y: float
    x: float

    def value(self, y: float, x: float) -> float:
        """Return the value that changes hands when the position is traded at these prices."""
        return abs(self.y_units) * y + abs(self.x_units) * x

    def gross(self, y: float, x: float) -> float:
        """Return the gain at these prices before costs."""
        return self.y_units * (y - self.y) + self.x_units * (x - self.x)

    def ended(self, row: int, bars: int, prices: Prices, closes: Prices, reason: Reason, costs: Costs, carried: Carried) -> Trip:
        """Return the round trip that ends at these prices after `bars` bars. `closes`, in the units that the regression sees, are those
        that decided the exit."""
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
