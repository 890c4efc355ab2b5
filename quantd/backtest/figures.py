"""Formats the numbers and times of a backtest for readers."""

from collections.abc import Iterator

from quantd.backtest.model import Settings, Trade
from quantd.stats.performance import Summary
from quantd.times import format_time


def money(value: float) -> str:
    """Return an amount with its sign and with thousands separators.

    >>> money(1234.5), money(-0.001), money(0.0)
    ('+1,234.50', '-0.0010', '0.00')
    """
    if value == 0:
        return "0.00"
    return f"{value:+,.2f}" if abs(value) >= 0.1 else f"{value:+.4f}" if abs(value) >= 1e-4 else f"{value:+.1e}"


def when(ts: int, every: str = "1m") -> str:
    """Return a UTC time to the minute, or to the second for bars of seconds.

    >>> when(1_767_225_600_000)
    '2026-01-01 00:00'
    """
    return format_time(ts, "%Y-%m-%d %H:%M:%S" if every.endswith("s") else "%Y-%m-%d %H:%M")


def or_none(value: float | None, form: str) -> str:
    """Return a number, or a dash."""
    return "–" if value is None else form.format(value)


def sharpe(summary: Summary) -> str:
    """Return the ratio and its standard error, or a dash."""
    return "–" if summary.sharpe is None else f"{summary.sharpe:.2f} ± {summary.sharpe_stderr:.2f}"


def probability(summary: Summary) -> str:
    """Return the probability that the true ratio is above 0. It is never shown as a certainty."""
    value = summary.probabilistic_sharpe
    if value is None:
        return "–"
    return "> 99.9%" if value > 0.999 else "< 0.1%" if value < 0.001 else f"{value:.1%}"


def trade_funding(trade: Trade) -> str:
    """Return a trade's funding, with an asterisk if some of its funding times are missing."""
    received = "–" if trade.funding is None else money(trade.funding)
    return f"{received}*" if trade.funding_missing else received


def funding(summary: Summary) -> str:
    """Return the funding of all trades, and the number of missing funding times."""
    received = "–" if summary.funding is None else money(summary.funding)
    return f"{received}, {summary.funding_missing:,} times missing" if summary.funding_missing else received


def ends(summary: Summary) -> str:
    """Return how the trades ended."""
    counts = [(summary.targets, "at target"), (summary.stops, "stopped"), (summary.open_at_end, "open at the end")]
    return ", ".join(f"{count:,} {name}" for count, name in counts if count)


def won(summary: Summary) -> str:
    """Return how many trades made a profit."""
    return f"{round(summary.trades * (summary.hit_rate or 0.0)):,} of {summary.trades:,}"


def figures(summary: Summary, settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the figures by which two summaries are compared, each with its name. A missing number is shown as a dash with the reason."""
    why = summary.reasons
    yield "tested", f"{summary.days:,.1f} days, {summary.bars:,} bars"
    yield "trades", f"{summary.trades:,}: {ends(summary)}" if summary.trades else "none"
    yield "both legs on one side", f"{summary.same_side:,} trades"
    yield "hit rate", _told(summary.hit_rate, "{:.0%}, " + won(summary), why.get("hit_rate"))
    yield "net", f"{money(summary.net)} ({summary.net_percent:+.2f} %)"
    yield "before costs", money(summary.gross)
    yield "fees and slippage", f"{summary.fees + summary.slippage:,.2f}"
    yield "funding", f"{funding(summary)} ({why['funding']})" if "funding" in why else funding(summary)
    yield "net of a trade", _told(money(summary.average_net or 0.0), "{}", why.get("average_net"))
    yield "profit factor", _told(summary.profit_factor, "{:.2f}", why.get("profit_factor"))
    yield "break-even costs", _told(summary.break_even_bps, "{:.2f} bps of each leg, each way", why.get("break_even_bps"))
    yield "sharpe", _told(sharpe(summary), "{} a year, by days", why.get("sharpe"))
    yield "probabilistic sharpe", _told(probability(summary), "{}", why.get("probabilistic_sharpe"))
    yield "max drawdown", f"{summary.max_drawdown:,.2f} ({summary.max_drawdown_percent:.2f} %)"
    yield "turnover", f"{summary.turnover:,.1f} times the notional"
    yield "holding", _told(summary.average_bars, "{:,.1f} bars of " + settings.every, why.get("average_bars"))
    yield "exposure", _told(summary.exposure, "{:.1%} of the time", why.get("exposure"))


def _told(value: float | str | None, form: str, why: str | None) -> str:
    return f"– ({why})" if why else form.format(value)
