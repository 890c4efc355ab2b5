"""Tables of a backtest's results."""

from collections.abc import Iterable

from rich.table import Table

from quantd.backtest import Backtest
from quantd.backtest.figures import figures, funding, money, probability, sharpe, trade_funding, when
from quantd.cli.screen import table

_RATIOS = (
    ("hit rate", "hit_rate", "{:.1%}"),
    ("profit factor", "profit_factor", "{:.2f}"),
    ("break-even", "break_even_bps", "{:.2f} bps of each leg, each way"),
    ("holding", "average_bars", "{:.1f} bars"),
    ("exposure", "exposure", "{:.1%}"),
)


def summary(result: Backtest) -> Table:
    """Return the summary of a backtest, a row for each figure."""
    rows = Table(box=None, pad_edge=False, show_header=False)
    for name, text in _lines(result):
        rows.add_row(name, text, style=None if text else "bold")
    return rows


def _lines(result: Backtest) -> Iterable[tuple[str, str]]:
    made, quality, every = result.summary, result.quality, result.settings.every
    span = "" if quality.start is None or quality.end is None else f", {when(quality.start, every)} to {when(quality.end, every)} UTC"
    yield "pair", f"{result.settings.pair}, {made.bars:,} bars of {every}{span}"
    settings = result.settings
    yield "z-score", f"{settings.zscore.method}, {settings.regression} over {settings.window} bars, {settings.prices} prices"
    if settings.rules.hold:
        yield "exits by", "the beta, mean and std of the entry (hold)"
    if settings.rules.sizing == "dollar":
        yield "sizing", "the same value in both legs (dollar)"
    ends = f"{made.targets} at target, {made.stops} stopped, {made.open_at_end} open at the end"
    yield "trades", f"{made.trades}: {ends}" if made.trades else "none"
    if made.same_side:
        yield "", f"{made.same_side} with both legs on one side: beta was below 0, and the market moves them"
    yield "net", f"{money(made.net)} ({made.net_percent:+.3f} % of {settings.rules.notional:,.6g})"
    yield "gross", f"{money(made.gross)}, fees {made.fees:,.2f}, slippage {made.slippage:,.2f}"
    yield "funding", f"- ({made.reasons['funding']})" if "funding" in made.reasons else funding(made)
    for name, field, form in _RATIOS:
        value = getattr(made, field)
        yield name, f"- ({made.reasons.get(field, 'none')})" if value is None else form.format(value)
    lacking = f"- ({made.reasons.get('sharpe')})"
    yield (
        "sharpe",
        lacking if made.sharpe is None else f"{sharpe(made)} a year, by days; probabilistic {probability(made)}",
    )
    yield "max drawdown", f"{made.max_drawdown:,.2f} ({made.max_drawdown_percent:.3f} %)"
    yield "turnover", f"{made.turnover:,.1f} times the notional"
    silent = sum(quality.without_zscore.values())
    lost = f"{quality.gap} bars with missing trades, {quality.missing} bars missing in {quality.holes} holes"
    yield "data", f"{lost}, {silent} bars without z-score, {quality.lapsed} entries lapsed"


def halves(result: Backtest) -> Table:
    """Return both parts of a split side by side."""
    rows = Table("", "in-sample", "out-of-sample", box=None, pad_edge=False, header_style="bold")
    if result.halves:
        parts = (figures(half, result.settings) for half in (result.halves.in_sample, result.halves.out_of_sample))
        for (name, first), (_, second) in zip(*parts, strict=True):
            rows.add_row(name, first, second)
    return rows


def trades(result: Backtest, latest: int) -> Table:
    """Return the last trades, a row for each."""
    rows = table("side", "entered", "left", "bars", "z", "z held", "beta", "gross", "costs", "funding", "net", "why")
    every = result.settings.every
    for trade in result.trades[-latest:]:
        times = when(trade.entered, every), when(trade.exited, every), str(trade.bars)
        scores = f"{trade.zscore:+.2f}", f"{trade.zscore_held:+.2f}"
        made = money(trade.gross), f"{trade.fees + trade.slippage:,.2f}", trade_funding(trade), money(trade.net)
        rows.add_row(trade.side, *times, *scores, f"{trade.beta:.5g}", *made, trade.reason)
    return rows
