"""The performance figures of a backtest."""

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from quantd.stats import FloatArray, IntArray
from quantd.stats.backtest import Outcome, Rules
from quantd.stats.positions import Reason, Trip
from quantd.stats.sharpe import sharpe_of_run
from quantd.timeframes import DAY

MayLack = tuple[float | None, str]
"""A number, or None, and the reason why there is none."""


class Span(Struct, frozen=True):
    """The time that the bars of a run cover, ms, including holes in the record."""

    start: int
    """Open time of the first bar; 0 without bars."""
    closed: IntArray
    """Close times of the bars, ascending; shape (n,)."""

    @property
    def days(self) -> float:
        """Days from the start to the last close."""
        return (int(self.closed[-1]) - self.start) / DAY if len(self.closed) else 0.0


class Summary(Struct, frozen=True, kw_only=True):
    """The figures of a run. Money is in the quote currency, percentages are of `notional`. A number without a meaning is None, and
    `reasons` says why."""

    bars: int
    """Number of bars from the first z-score on."""
    days: float
    """Length of the tested time in days, including what is missing between bars."""
    trades: int
    targets: int
    stops: int
    open_at_end: int
    """1 if the last trade was still open after the last bar, else 0."""
    same_side: int
    """Number of trades with both legs bought, or both sold, because beta was below 0. The market moves these, not the spread alone."""
    gross: float
    fees: float
    slippage: float
    funding: float | None
    """Funding received less funding paid, as far as it is known."""
    funding_missing: int | None
    """Number of funding times at which a position was held and the rate of a leg is not known; None if no funding time is known."""
    net: float
    """gross - fees - slippage, plus `funding` as far as it is known."""
    net_percent: float
    hit_rate: float | None
    """Share of the trades that made a profit after costs."""
    average_net: float | None
    profit_factor: float | None
    """Profit of the winning trades over the loss of the losing ones."""
    average_bars: float | None
    """Average duration of a trade in bars, including those that the record lacks."""
    max_drawdown: float
    """Largest fall of the equity below its previous maximum, which is at least 0, at the recorded closes."""
    max_drawdown_percent: float
    break_even_bps: float | None
    """Costs of each leg, in bps of its value at entry and at exit, at which the net profit would be zero."""
    sharpe: float | None
    """Sharpe ratio of the changes of equity per UTC day, for a year of 365 days."""
    sharpe_stderr: float | None
    probabilistic_sharpe: float | None
    """Probability that the true Sharpe ratio is above 0."""
    turnover: float
    """Total value of purchases and sales, in multiples of `notional`."""
    exposure: float | None
    """Share of the tested time during which a position was held."""
    reasons: dict[str, str]


def summarise(run: Outcome, rules: Rules, span: Span, unfunded: str = "both legs") -> Summary:
    """Return the figures of a run over this time. `unfunded` names the legs whose funding rates are not known, if there are any."""
    trips, net, fallen = run.trips, math.fsum(trip.net for trip in run.trips), max_drawdown(run.equity)
    may_lack = _of_trades(run) | _of_time(run, span) | {"funding": funding(run, unfunded)}
    return Summary(
        bars=len(run.equity),
        days=span.days,
        trades=len(trips),
        targets=_ended(trips, "target"),
        stops=_ended(trips, "stop"),
        open_at_end=_ended(trips, "end"),
        same_side=sum(trip.y_units * trip.x_units > 0 for trip in trips),
        gross=_gross(trips),
        fees=math.fsum(trip.fees for trip in trips),
        slippage=math.fsum(trip.slippage for trip in trips),
        funding_missing=_funding_missing(run),
        net=net,
        net_percent=100 * net / rules.notional,
        max_drawdown=fallen,
        max_drawdown_percent=100 * fallen / rules.notional,
        turnover=run.traded / rules.notional,
        **{name: value for name, (value, _) in may_lack.items()},
        reasons={name: why for name, (_, why) in may_lack.items() if why} | _uncounted(run, unfunded),
    )


def _of_trades(run: Outcome) -> dict[str, MayLack]:
    trips, nets, count = run.trips, [trip.net for trip in run.trips], len(run.trips)
    if not trips:
        names = ("hit_rate", "average_net", "profit_factor", "average_bars", "break_even_bps")
        return dict.fromkeys(names, (None, "no trades"))
    return {
        "hit_rate": (sum(each > 0 for each in nets) / count, ""),
        "average_net": (math.fsum(nets) / count, ""),
        "profit_factor": profit_factor(nets),
        "average_bars": (sum(trip.bars for trip in trips) / count, ""),
        "break_even_bps": (1e4 * (_gross(trips) + (funding(run, "")[0] or 0.0)) / run.traded, ""),
    }


def _of_time(run: Outcome, span: Span) -> dict[str, MayLack]:
    ratio = sharpe_of_run(run.equity, span.start, span.closed, len(run.trips))
    return {
        "sharpe": (ratio.ratio, ratio.reason),
        "sharpe_stderr": (ratio.stderr, ratio.reason),
        "probabilistic_sharpe": (ratio.probability, ratio.reason),
        "exposure": (run.held / run.spanned, "") if run.spanned else (None, "no bars"),
    }


def funding(run: Outcome, unfunded: str) -> MayLack:
    """Return the funding of all trades as far as it is known, or the reason why none is."""
    if not run.funded:
        return None, f"no rates of {unfunded}"
    known = [trip.funding for trip in run.trips if trip.funding is not None]
    return (math.fsum(known), "") if known or not run.trips else (None, "no rates of the times that were due")


def _funding_missing(run: Outcome) -> int | None:
    return sum(trip.funding_missing or 0 for trip in run.trips) if run.funded else None


def _uncounted(run: Outcome, unfunded: str) -> dict[str, str]:
    return {} if run.funded else {"funding_missing": f"no rates of {unfunded}"}


def _gross(trips: Sequence[Trip]) -> float:
    return math.fsum(trip.gross for trip in trips)


def drawdown(equity: FloatArray) -> FloatArray:
    """Return how far the equity is below its running maximum, which is at least 0; shape (n,), never negative.

    >>> drawdown(np.array([1.0, 3.0, 2.0, -1.0])).tolist()
    [0.0, 0.0, 1.0, 4.0]
    """
    return np.maximum.accumulate(np.maximum(equity, 0.0)) - equity


def max_drawdown(equity: FloatArray) -> float:
    """Return the largest drawdown; 0 without bars."""
    return float(drawdown(equity).max(initial=0.0))


def profit_factor(nets: Sequence[float]) -> MayLack:
    """Return the profit of the winning trades over the loss of the losing ones, or the reason why there is no such ratio.

    >>> profit_factor([3.0, -1.0, -0.5])
    (2.0, '')
    """
    lost = -math.fsum(net for net in nets if net < 0)
    if lost == 0:
        return None, "no losing trade" if nets else "no trades"
    return math.fsum(net for net in nets if net > 0) / lost, ""


def _ended(trips: Sequence[Trip], reason: Reason) -> int:
    return sum(trip.reason == reason for trip in trips)
