"""What trading the reversion of a pair's z-score would have made.

A signal is known at the close of a bar and is filled at the open of the next one, in both legs; the last bar's signal is never filled.
One position at a time, opened with a gross exposure of `notional`; beta is that of the signal and stays for the whole trade.
"""

import math
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quantd.stats import FloatArray

Reason = Literal["target", "stop", "end"]
BoolArray = NDArray[np.bool_]
_BPS = 1e-4


class Rules(Struct, frozen=True, kw_only=True):
    """When to trade, how much, and at what cost. Raises ValueError, beginning with the field's name."""

    entry: float = 2.0
    """Sell the spread when z >= entry, buy it when z <= -entry."""
    exit: float = 0.0
    """A sold spread is left when z <= exit, a bought one when z >= -exit."""
    stop: float | None = None
    """A sold spread is given up when z >= stop, a bought one when z <= -stop. Then none is opened before a |z| < entry; and never one
    at a |z| >= stop."""
    fee_bps: float = 5.0
    slippage_bps: float = 0.0
    """Both of the traded value of each leg, at entry and at exit."""
    notional: float = 1000.0
    """Of a position as it is opened: |value of y| + |value of x|, in the quote currency."""

    def __post_init__(self) -> None:
        _demand(0 < self.entry < math.inf, "entry", "a number above 0", self.entry)
        _demand(-self.entry < self.exit < self.entry, "exit", f"a number between {-self.entry:g} and {self.entry:g} (entry)", self.exit)
        if self.stop is not None:
            _demand(self.entry < self.stop < math.inf, "stop", f"a number above {self.entry:g} (entry)", self.stop)
        _demand(0 <= self.fee_bps < 10_000, "fee_bps", "a number from 0 to 9999", self.fee_bps)
        _demand(0 <= self.slippage_bps < 10_000, "slippage_bps", "a number from 0 to 9999", self.slippage_bps)
        _demand(0 < self.notional <= 1e15, "notional", "a number above 0, at most 1e15", self.notional)


def _demand(holds: bool, name: str, wanted: str, given: float) -> None:
    if not holds:
        raise ValueError(f"{name}: expected {wanted}, found {given:g}")


class Market(Struct, frozen=True):
    """The bars of both legs, oldest first; arrays of shape (n,), prices finite and above 0."""

    y_open: FloatArray
    x_open: FloatArray
    y_close: FloatArray
    x_close: FloatArray
    zscore: FloatArray
    """As of the bar's close, NaN where there is none."""
    beta: FloatArray
    signals: BoolArray
    """Whether an entry may be decided at this close."""
    fills: BoolArray
    """Whether an entry may be filled at this open."""
    elastic: bool = False
    """beta relates logarithms of prices: the value of x is beta times the value of y, where else x is beta units to one of y."""


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
    gross: float
    fees: float
    slippage: float
    net: float
    bars: int
    reason: Reason


class Trip(Deal, frozen=True, kw_only=True, gc=False):
    """One position from its opening to its end."""

    side: int
    """1: the spread was bought (y bought, x sold where beta > 0). -1: sold."""
    opened: int
    """The row at whose open it was filled."""
    closed: int
    """The row at whose open it was left; for `end`, the last row, at its close."""


class Outcome(Struct, frozen=True):
    """What came of it."""

    trips: list[Trip]
    equity: FloatArray
    """Shape (n,): what has been made by each close, an open position at that close's prices; costs are paid when they arise."""
    held: int
    """The closes at which a position was open."""
    lapsed: int
    """Entries that were signalled and not filled."""
    traded: float
    """The value of all that was bought and sold."""


def simulate(market: Market, rules: Rules) -> Outcome:
    """Trade these bars. A position that is open after the last of them is closed at its close, with costs (reason `end`)."""
    trader = _Trader(market, rules)
    signals = zip(market.zscore.tolist(), market.beta.tolist(), market.signals.tolist(), strict=True)
    for row, (zscore, beta, may) in enumerate(signals):
        trader.fill(row)
        trader.mark(row)
        trader.decide(zscore, beta, may)
    trader.end()
    return Outcome(trader.trips, np.array(trader.equity, dtype=float), trader.held, trader.lapsed, trader.traded)


def units(side: int, beta: float, y: float, x: float, notional: float, *, elastic: bool) -> tuple[float, float]:
    """How much of y and x to hold at these prices, negative where sold: gross exposure is `notional`.

    >>> units(1, 2.0, 100.0, 50.0, 1000.0, elastic=False)    # 5 y against twice as many x
    (5.0, -10.0)
    >>> units(-1, 1.5, 100.0, 50.0, 1000.0, elastic=True)    # 400 of y against 600 of x
    (-4.0, 12.0)
    """
    if elastic:
        value = side * notional / (1 + abs(beta))
        return value / y, -beta * value / x
    amount = side * notional / (y + abs(beta) * x)
    return amount, -beta * amount


class _Position(Struct, frozen=True, gc=False):
    side: int
    row: int
    zscore: float
    beta: float
    y_units: float
    x_units: float
    y: float
    x: float

    def value(self, y: float, x: float) -> float:
        """What changes hands at these prices."""
        return abs(self.y_units) * y + abs(self.x_units) * x

    def gross(self, y: float, x: float) -> float:
        """What it has made at these prices before costs."""
        return self.y_units * (y - self.y) + self.x_units * (x - self.x)


class _Trader:
    def __init__(self, market: Market, rules: Rules) -> None:
        self._rules = rules
        self._elastic = market.elastic
        self._opens = list(zip(market.y_open.tolist(), market.x_open.tolist(), strict=True))
        self._closes = list(zip(market.y_close.tolist(), market.x_close.tolist(), strict=True))
        self._fills = market.fills.tolist()
        self._position: _Position | None = None
        self._leaving: Reason | None = None
        self._entering: tuple[int, float, float] | None = None
        self._barred = False
        self._cash = 0.0
        self.trips: list[Trip] = []
        self.equity: list[float] = []
        self.held = 0
        self.lapsed = 0
        self.traded = 0.0

    def fill(self, row: int) -> None:
        """Do at the open what was decided at the close before."""
        if self._position and self._leaving:
            self._close(self._position, row, *self._opens[row], self._leaving)
        if self._entering:
            self._open(row, *self._entering)
        self._leaving = self._entering = None

    def mark(self, row: int) -> None:
        self.held += self._position is not None
        self.equity.append(self._cash + (self._position.gross(*self._closes[row]) if self._position else 0.0))

    def decide(self, zscore: float, beta: float, may: bool) -> None:
        """What to do at the next open. Without a z-score all stays as it is."""
        if math.isnan(zscore):
            return
        if abs(zscore) < self._rules.entry:
            self._barred = False
        if self._position:
            self._leaving = self._why_leave(self._position.side, zscore)
            self._barred |= self._leaving == "stop"
        side = self._wanted(zscore)
        if side and may and math.isfinite(beta) and (self._position is None or self._leaving):
            self._entering = side, zscore, beta

    def end(self) -> None:
        self.lapsed += self._entering is not None
        if self._position:
            last = len(self._closes) - 1
            self._close(self._position, last, *self._closes[last], "end")
            self.equity[last] = self._cash

    def _why_leave(self, side: int, zscore: float) -> Reason | None:
        against = -side * zscore
        if self._rules.stop is not None and against >= self._rules.stop:
            return "stop"
        return "target" if against <= self._rules.exit else None

    def _wanted(self, zscore: float) -> int:
        beyond = self._rules.stop is not None and abs(zscore) >= self._rules.stop
        if self._barred or beyond or abs(zscore) < self._rules.entry:
            return 0
        return -1 if zscore > 0 else 1

    def _open(self, row: int, side: int, zscore: float, beta: float) -> None:
        if not self._fills[row]:
            self.lapsed += 1
            return
        y, x = self._opens[row]
        y_units, x_units = units(side, beta, y, x, self._rules.notional, elastic=self._elastic)
        self._position = position = _Position(side, row, zscore, beta, y_units, x_units, y, x)
        self._cash -= self._costs(position.value(y, x))
        self.traded += position.value(y, x)

    def _close(self, position: _Position, row: int, y: float, x: float, reason: Reason) -> None:
        before, after = position.value(position.y, position.x), position.value(y, x)
        gross, fees, slippage = position.gross(y, x), *(each * _BPS * (before + after) for each in self._rates)
        self._cash += gross - self._costs(after)
        self.traded += after
        self._position = None
        self.trips.append(
            Trip(
                side=position.side,
                opened=position.row,
                closed=row,
                zscore=position.zscore,
                beta=position.beta,
                y_units=position.y_units,
                x_units=position.x_units,
                y_entry=position.y,
                x_entry=position.x,
                y_exit=y,
                x_exit=x,
                gross=gross,
                fees=fees,
                slippage=slippage,
                net=gross - fees - slippage,
                bars=row - position.row + (reason == "end"),
                reason=reason,
            )
        )

    @property
    def _rates(self) -> tuple[float, float]:
        return self._rules.fee_bps, self._rules.slippage_bps

    def _costs(self, value: float) -> float:
        return sum(self._rates) * _BPS * value
