"""What a backtest comes to, in numbers."""

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from quantd.stats import FloatArray
from quantd.stats.backtest import Outcome, Rules
from quantd.stats.positions import Reason, Trip

LEAST_RETURNS = 30
"""Bars below which a Sharpe ratio says nothing."""
_FLAT = 1e-12


class Summary(Struct, frozen=True, kw_only=True):
    """Money is in the quote currency, percentages are of `notional`. None where a number has no meaning: `reasons` then says why."""

    bars: int
    """From the first z-score on."""
    trades: int
    targets: int
    stops: int
    open_at_end: int
    """1 if the last trade was still open after the last bar."""
    gross: float
    fees: float
    slippage: float
    net: float
    net_percent: float
    hit_rate: float | None
    """Share of the trades that made money after costs."""
    average_net: float | None
    profit_factor: float | None
    """What the winners made over what the losers lost."""
    average_bars: float | None
    """How long a trade lasted."""
    max_drawdown: float
    """The deepest fall of the equity below its highest before, which is at least 0."""
    max_drawdown_percent: float
    sharpe: float | None
    turnover: float
    """All that was bought and sold, in multiples of `notional`."""
    exposure: float | None
    """Share of the closes at which a position was open."""
    reasons: dict[str, str]


def summarise(run: Outcome, rules: Rules, bars_per_year: float) -> Summary:
    """The numbers of a run whose bars follow one another round the clock."""
    trips, nets = run.trips, [trip.net for trip in run.trips]
    count, net = len(trips), math.fsum(nets)
    ratio, no_ratio = sharpe(run.equity, rules.notional, bars_per_year) if trips else (None, "no trades")
    factor, no_factor = profit_factor(nets)
    fallen = max_drawdown(run.equity)
    of_trades = "" if trips else "no trades"
    missing = {"hit_rate": of_trades, "average_net": of_trades, "average_bars": of_trades, "profit_factor": no_factor, "sharpe": no_ratio}
    return Summary(
        bars=len(run.equity),
        trades=count,
        targets=_ended(trips, "target"),
        stops=_ended(trips, "stop"),
        open_at_end=_ended(trips, "end"),
        gross=math.fsum(trip.gross for trip in trips),
        fees=math.fsum(trip.fees for trip in trips),
        slippage=math.fsum(trip.slippage for trip in trips),
        net=net,
        net_percent=100 * net / rules.notional,
        hit_rate=sum(each > 0 for each in nets) / count if trips else None,
        average_net=net / count if trips else None,
        profit_factor=factor,
        average_bars=sum(trip.bars for trip in trips) / count if trips else None,
        max_drawdown=fallen,
        max_drawdown_percent=100 * fallen / rules.notional,
        sharpe=ratio,
        turnover=run.traded / rules.notional,
        exposure=run.held / len(run.equity) if len(run.equity) else None,
        reasons={name: why for name, why in missing.items() if why} | ({} if len(run.equity) else {"exposure": "no bars"}),
    )


def drawdown(equity: FloatArray) -> FloatArray:
    """How far the equity is below its highest so far, which is at least 0; shape (n,), never negative.

    >>> drawdown(np.array([1.0, 3.0, 2.0, -1.0])).tolist()
    [0.0, 0.0, 1.0, 4.0]
    """
    return np.maximum.accumulate(np.maximum(equity, 0.0)) - equity


def max_drawdown(equity: FloatArray) -> float:
    """The deepest of them; 0 without bars."""
    return float(drawdown(equity).max(initial=0.0))


def sharpe(equity: FloatArray, notional: float, bars_per_year: float) -> tuple[float | None, str]:
    """mean / standard deviation (ddof 1) of the bars' returns on `notional`, times sqrt(bars_per_year), and why there is none.

    The riskless rate is taken as 0. Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 21 (1994); the square root assumes
    returns without autocorrelation: Lo, "The Statistics of Sharpe Ratios", Financial Analysts Journal 58 (2002).
    """
    returns = np.diff(equity) / notional
    if len(returns) < LEAST_RETURNS:
        return None, f"fewer than {LEAST_RETURNS} returns"
    deviation = float(returns.std(ddof=1))
    if deviation <= _FLAT * float(np.abs(returns).max()):
        return None, "no variance"
    return float(returns.mean()) / deviation * math.sqrt(bars_per_year), ""


def profit_factor(nets: Sequence[float]) -> tuple[float | None, str]:
    """What the winners made over what the losers lost, and why there is none.

    >>> profit_factor([3.0, -1.0, -0.5])
    (2.0, '')
    """
    lost = -math.fsum(net for net in nets if net < 0)
    if lost == 0:
        return None, "no losing trade" if nets else "no trades"
    return math.fsum(net for net in nets if net > 0) / lost, ""


def _ended(trips: Sequence[Trip], reason: Reason) -> int:
    return sum(trip.reason == reason for trip in trips)
