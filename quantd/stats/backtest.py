"""Simulates trading on the mean reversion of a pair's z-score.

A signal is known at the close of a bar and is filled at the open of the next bar, in both legs; the signal of the last bar is never filled.
An exit waits for a bar in which both legs trade; an entry lapses instead. At most one position is open at a time. It is opened with a gross
exposure of `notional` and keeps the beta of its signal for the whole trade.
"""

import math

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quantd.stats import FloatArray, IntArray
from quantd.stats.funding import Funding
from quantd.stats.positions import SIZINGS, Carried, Costs, Position, Prices, Reason, Signal, Sizing, Trip, signal, units

BoolArray = NDArray[np.bool_]


class Rules(Struct, frozen=True, kw_only=True):
    """When to trade, how much, and at what cost. Raises ValueError with a message that begins with the name of the field."""

    entry: float = 2.0
    """Sell the spread if z >= entry, buy it if z <= -entry."""
    exit: float = 0.0
    """Close a short spread if z <= exit, a long spread if z >= -exit."""
    stop: float | None = None
    """Stop out a short spread if z >= stop, a long spread if z <= -stop. No position is opened after that until |z| < entry, and never
    while |z| >= stop."""
    hold: bool = False
    """Decide exits and stops by the z-score with the beta, mean and std of the position's entry. Entries, and whether they are allowed,
    always depend on the current z-score."""
    fee_bps: float = 5.0
    slippage_bps: float = 0.0
    """Slippage in bps of the traded value of each leg, at entry and at exit."""
    notional: float = 1000.0
    """Gross exposure of a position when it is opened, |value of y| + |value of x|, in the quote currency."""
    sizing: Sizing = "beta"
    """How the exposure is split between the legs. beta: beta units of x to one unit of y, or, if beta relates logarithms, beta of value in
    x to one of value in y. dollar: the same value in both legs. Either way x is sold if y is bought, unless beta is below 0; with `dollar`
    no position is opened at a beta of 0."""

    def __post_init__(self) -> None:
        _demand(0 < self.entry < math.inf, "entry", "a number above 0", self.entry)
        _demand(-self.entry < self.exit < self.entry, "exit", f"a number between {-self.entry:g} and {self.entry:g} (entry)", self.exit)
        if self.stop is not None:
            _demand(self.entry < self.stop < math.inf, "stop", f"a number above {self.entry:g} (entry)", self.stop)
        _demand(0 <= self.fee_bps < 10_000, "fee_bps", "a number from 0 to 9999", self.fee_bps)
        _demand(0 <= self.slippage_bps < 10_000, "slippage_bps", "a number from 0 to 9999", self.slippage_bps)
        _demand(0 < self.notional <= 1e15, "notional", "a number above 0, at most 1e15", self.notional)
        if self.sizing not in SIZINGS:
            raise ValueError(f"sizing: expected one of {', '.join(SIZINGS)}, found {self.sizing!r}")


def _demand(holds: bool, name: str, wanted: str, given: float) -> None:
    if not holds:
        raise ValueError(f"{name}: expected {wanted}, found {given:g}")


class Market(Struct, frozen=True):
    """The bars of both legs, oldest first. Arrays have the shape (n,); prices are finite and above 0."""

    y_open: FloatArray
    x_open: FloatArray
    y_close: FloatArray
    x_close: FloatArray
    zscore: FloatArray
    """Z-score as of the bar's close, NaN if there is none."""
    beta: FloatArray
    alpha: FloatArray
    """Intercept that is subtracted from the spread; 0 if none is."""
    std: FloatArray
    """Unit of the z-score."""
    signals: BoolArray
    """Whether an entry may be decided at this close."""
    fills: BoolArray
    """Whether an entry may be filled at this open."""
    index: IntArray
    """Index of each bar, ascending. It is one more than that of the bar before, except after a hole in the record."""
    elastic: bool = False
    """Whether beta relates logarithms of prices. Then the value of x is beta times the value of y; otherwise x is beta units to one unit of
    y."""
    funding: Funding | None = None
    """Funding of both legs; None if the rates of a leg are not known."""
    traded: BoolArray | None = None
    """Whether both legs traded in the bar; nothing can be filled at the open of a bar in which they did not. None means that they traded in
    all bars."""


class Outcome(Struct, frozen=True):
    """The result of a simulation."""

    trips: list[Trip]
    equity: FloatArray
    """Shape (n,): profit up to each close, with an open position valued at that close; costs are deducted when they arise."""
    zscore_held: FloatArray
    """Shape (n,): z-score of the open position at each close, by the beta, mean and std of its entry; NaN without a position."""
    lapsed: int
    """Number of entries that were signalled but not filled."""
    traded: float
    """Total value of all purchases and sales."""

    funded: bool
    """Whether funding rates were known."""
    spanned: int
    """Number of bars that fit into the tested time: the recorded ones and those missing between them."""

    @property
    def held(self) -> int:
        """Number of these bars during which a position was held."""
        return sum(trip.bars for trip in self.trips)


def simulate(market: Market, rules: Rules) -> Outcome:
    """Trade these bars. A position that is still open after the last bar is closed at its close, with costs (reason `end`)."""
    trader = _Trader(market, rules)
    for row in range(len(market.zscore)):
        trader.fill(row)
        trader.mark(row)
        trader.decide(row)
    trader.end()
    return trader.outcome()


class _Account:
    """The open position, if any, and the profit so far."""

    def __init__(self, market: Market, rules: Rules) -> None:
        self.position: Position | None = None
        self.cash = 0.0
        self.traded = 0.0
        self.trips: list[Trip] = []
        self._notional, self._sizing = rules.notional, rules.sizing
        self._costs = Costs(rules.fee_bps, rules.slippage_bps)
        self._elastic = market.elastic
        self._due = _due(market.funding)
        self._carried = Carried(market.funding is not None)
        self._index: list[int] = market.index.tolist()

    def open(self, row: int, prices: Prices, signal: Signal) -> None:
        amounts = units(signal.side, signal.gauge.beta, *prices, self._notional, elastic=self._elastic, sizing=self._sizing)
        self.position = Position(signal, row, *amounts, *prices)
        self._carried = Carried(self._carried.told)
        self._pay(self.position.value(*prices))

    def close(self, row: int, prices: Prices, closes: Prices, reason: Reason) -> None:
        """Close the position, if there is one; `closes` are the prices that decided it."""
        if self.position is None:
            return
        bars = self._index[row] - self._index[self.position.row] + (reason == "end")
        self.trips.append(self.position.ended(row, bars, prices, closes, reason, self._costs, self._carried))
        self.cash += self.position.gross(*prices)
        self._pay(self.position.value(*prices))
        self.position = None

    def carry(self, row: int) -> None:
        """Pay or receive the funding that is due for the position when this bar opens."""
        due = self._due.get(row)
        if self.position is None or due is None:
            return
        y, x, known, missing = due
        received, carried = -(self.position.y_units * y + self.position.x_units * x), self._carried
        self._carried = Carried(True, carried.received + received, carried.known + known, carried.missing + missing)
        self.cash += received

    def equity(self, prices: Prices) -> float:
        return self.cash + (self.position.gross(*prices) if self.position else 0.0)

    def _pay(self, value: float) -> None:
        self.traded += value
        self.cash -= sum(self._costs.of(value))


class _Rows:
    """The rows of a market as lists of Python numbers, which are faster to read one by one than arrays."""

    def __init__(self, market: Market) -> None:
        self.opens = _pairs(market.y_open, market.x_open)
        self.closes = _pairs(market.y_close, market.x_close)
        self.seen = _pairs(np.log(market.y_close), np.log(market.x_close)) if market.elastic else self.closes
        self.zscores: list[float] = market.zscore.tolist()
        self.measures = list(zip(market.beta.tolist(), market.alpha.tolist(), market.std.tolist(), strict=True))
        traded = np.ones(len(market.fills), dtype=bool) if market.traded is None else market.traded
        self.signals, self.fills = market.signals.tolist(), (market.fills & traded).tolist()
        self.traded: list[bool] = traded.tolist()


class _Trader:
    """Decides at each close by the rules, and fills at the next open."""

    def __init__(self, market: Market, rules: Rules) -> None:
        self._rules = rules
        self._market = market
        self._rows = _Rows(market)
        self._account = _Account(market, rules)
        self._leaving: Reason | None = None
        self._decided = 0
        self._entering: Signal | None = None
        self._barred = False
        self._equity: list[float] = []
        self._held: list[float] = []
        self._lapsed = 0

    def fill(self, row: int) -> None:
        """Execute at the open what was decided at an earlier close. Funding is charged on the position held until then."""
        self._account.carry(row)
        if self._leaving and self._rows.traded[row]:
            self._account.close(row, self._rows.opens[row], self._rows.seen[self._decided], self._leaving)
            self._leaving = None
        if self._entering and self._rows.fills[row]:
            self._account.open(row, self._rows.opens[row], self._entering)
        elif self._entering:
            self._lapsed += 1
        self._entering = None

    def mark(self, row: int) -> None:
        """Record the equity and the position's z-score at this close."""
        position = self._account.position
        self._held.append(position.signal.held(*self._rows.seen[row]) if position else math.nan)
        self._equity.append(self._account.equity(self._rows.closes[row]))

    def decide(self, row: int) -> None:
        """Decide what to do at the next open. Without a z-score everything stays as it is."""
        zscore, position = self._rows.zscores[row], self._account.position
        if position and not self._leaving:
            self._decided = row
            self._leaving = self._why_leave(position.signal.side, self._held[row] if self._rules.hold else zscore)
        self._barred = (self._barred or self._leaving == "stop") and not abs(zscore) < self._rules.entry
        if position is None or self._leaving:
            self._entering = self._wanted(row, zscore)

    def end(self) -> None:
        """Close an open position at the last close."""
        self._lapsed += self._entering is not None
        if self._account.position:
            last = len(self._rows.closes) - 1
            self._account.close(last, self._rows.closes[last], self._rows.seen[last], "end")
            self._equity[last] = self._account.cash

    def outcome(self) -> Outcome:
        account, equity, held = self._account, np.array(self._equity, dtype=float), np.array(self._held, dtype=float)
        index, funded = self._market.index, self._market.funding is not None
        spanned = int(index[-1] - index[0]) + 1 if len(index) else 0
        return Outcome(account.trips, equity, held, self._lapsed, account.traded, funded, spanned)

    def _why_leave(self, side: int, zscore: float) -> Reason | None:
        against = -side * zscore
        if self._rules.stop is not None and against >= self._rules.stop:
            return "stop"
        return "target" if against <= self._rules.exit else None

    def _wanted(self, row: int, zscore: float) -> Signal | None:
        """Return the entry that this close calls for, if any."""
        (beta, alpha, std), stop = self._rows.measures[row], self._rules.stop
        beyond = stop is not None and abs(zscore) >= stop
        if self._barred or beyond or not abs(zscore) >= self._rules.entry or not self._rows.signals[row]:
            return None
        if not (math.isfinite(beta) and std > 0.0) or (beta == 0.0 and self._rules.sizing == "dollar"):
            return None
        return signal(-1 if zscore > 0 else 1, zscore, beta, alpha, std, self._rows.seen[row])


def _due(funding: Funding | None) -> dict[int, tuple[float, float, int, int]]:
    """Return the funding payments by the row at whose open they fall due."""
    if funding is None:
        return {}
    rows = np.flatnonzero(funding.known + funding.missing)
    columns = (column[rows].tolist() for column in (funding.y, funding.x, funding.known, funding.missing))
    return dict(zip(rows.tolist(), zip(*columns, strict=True), strict=True))


def _pairs(y: FloatArray, x: FloatArray) -> list[Prices]:
    return list(zip(y.tolist(), x.tolist(), strict=True))
