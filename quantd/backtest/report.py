"""Renders a backtest as one HTML file that loads nothing and runs no script."""

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

import numpy as np

from quantd.backtest.figures import ends, figures, funding, money, or_none, probability, sharpe, trade_funding, when, won
from quantd.backtest.model import Backtest, Settings, Trade
from quantd.chart import Chart, Line, Mark
from quantd.stats.backtest import Rules
from quantd.stats.performance import drawdown

MOST_ROWS = 1000
"""Maximum number of trades in the table; the CSV has all."""
_MOST_MARKS = 400
_HEADS = (
    *("#", "side", "entered", "left", "bars", "why", "z", "z held", "net", "gross", "costs", "funding", "beta"),
    *("y in", "y out", "x in", "x out"),
)
_LEGEND = (
    ("up long", "bought"), ("down short", "sold"), ("dot won", "left with a gain"), ("dot lost", "left with a loss"), ("cross", "stopped")
)  # fmt: skip


def html(result: Backtest) -> str:
    """Return the whole report."""
    text = files("quantd.backtest").joinpath("report.html").read_text("utf-8")
    settings = result.settings
    parts = {
        "pair": escape(settings.pair),
        "span": _span(result),
        "verdict": _verdict(result),
        "tiles": "".join(_tiles(result)),
        "halves": _halves(result),
        "charts": "".join(_charts(result)) if result.ts else _nothing(result),
        "trades": _trades(result),
        "settings": _facts(_settings(result)),
        "quality": _facts(_quality(result)),
    }
    for name, part in parts.items():
        text = text.replace(f"<!-- {name} -->", part)
    return text


def _span(result: Backtest) -> str:
    quality, every = result.quality, result.settings.every
    if quality.start is None or quality.end is None:
        return "no bars"
    bars = f"{result.summary.bars:,} bars of {escape(every)} in {result.summary.days:,.1f} days"
    return f"{when(quality.start, every)} to {when(quality.end, every)} UTC · {bars}"


def _verdict(result: Backtest) -> str:
    summary = result.summary
    tone = "up" if summary.net > 0 else "down" if summary.net < 0 else "faint"
    carried = " and funding" if summary.funding is not None else ", without funding"
    percent = f"{summary.net_percent:+.2f} % of {result.settings.rules.notional:,.6g}"
    return f'<strong class="{tone}">{money(summary.net)}</strong> <span>net of costs{carried}, {percent}</span>'


def _tiles(result: Backtest) -> Iterable[str]:
    summary, reasons = result.summary, result.summary.reasons
    yield _tile("Trades", f"{summary.trades:,}", ends(summary))
    yield _tile("Hit rate", or_none(summary.hit_rate, "{:.0%}"), reasons.get("hit_rate", f"{won(summary)} trades made money"))
    yield _tile("Profit factor", or_none(summary.profit_factor, "{:.2f}"), reasons.get("profit_factor", "won per lost"))
    yield _tile("Sharpe ratio", sharpe(summary), reasons.get("sharpe", "a year, by days, ± its standard error"))
    yield _tile("Probabilistic Sharpe", probability(summary), reasons.get("probabilistic_sharpe", "that the true ratio is above 0"))
    yield _tile("Max drawdown", f"{summary.max_drawdown:,.2f}", f"{summary.max_drawdown_percent:.2f} % of notional")
    yield _tile("Before costs", money(summary.gross), f"{summary.fees:,.2f} fees, {summary.slippage:,.2f} slippage")
    yield _tile("Funding", or_none(summary.funding, "{:+,.2f}"), reasons.get("funding", _funded(result)))
    even = f"of what a leg is worth, each way; {_costs(result.settings.rules):g} were paid"
    yield _tile("Break-even costs", or_none(summary.break_even_bps, "{:.2f} bps"), reasons.get("break_even_bps", even))
    yield _tile("Turnover", f"{summary.turnover:,.1f}×", "notional, bought and sold")
    yield _tile(
        "Average holding", or_none(summary.average_bars, "{:,.1f}"), reasons.get("average_bars", f"bars of {result.settings.every}")
    )
    yield _tile("Exposure", or_none(summary.exposure, "{:.0%}"), reasons.get("exposure", "of the time in a position"))


def _costs(rules: Rules) -> float:
    return rules.fee_bps + rules.slippage_bps


def _funded(result: Backtest) -> str:
    missing = result.summary.funding_missing
    return f"received less paid; {missing:,} times missing" if missing else "received less paid"


def _tile(name: str, value: str, note: str) -> str:
    return f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd><dd class='note'>{escape(note)}</dd></div>"


def _halves(result: Backtest) -> str:
    """Return both parts of a split side by side."""
    halves, settings = result.halves, result.settings
    if halves is None:
        return ""
    rows = zip(figures(halves.in_sample, settings), figures(halves.out_of_sample, settings), strict=True)
    body = "".join(f"<tr><th scope='row'>{escape(name)}</th>{_cells([first, second])}</tr>" for (name, first), (_, second) in rows)
    head = "<tr><th></th><th scope='col'>in-sample</th><th scope='col'>out-of-sample</th></tr>"
    return (
        f"<section><h2>In-sample and out-of-sample</h2><p class='note'>Split at {when(halves.at, settings.every)} UTC. Each part is traded "
        "for itself: a position that is open at the split is closed there, with costs, and the second part begins without one. The second "
        "tells what the rules are worth only if nothing was chosen by it.</p>"
        f"<div class='wide halves'><table><thead>{head}</thead><tbody>{body}</tbody></table></div></section>"
    )


def _charts(result: Backtest) -> Iterable[str]:
    yield from _scored(result)
    yield _figure(
        result, "Equity", Chart("What has been made by each close", result.ts, [Line("equity", result.equity, 0.0)], 220, [("zero", 0)]), ""
    )
    fallen = Line("fall", -drawdown(result.equity), 0.0)
    yield _figure(result, "Drawdown", Chart("How far the equity is below its highest", result.ts, [fallen], 130, [("zero", 0)]), "")


def _scored(result: Backtest) -> Iterable[str]:
    """Yield charts with the levels of the rules: of the spread's distance from its mean, of its z-score, and of the z-score of the open
    position."""
    rules = result.settings.rules
    entry, leave, stop = (_both(name, getattr(rules, name)) for name in ("entry", "exit", "stop"))
    bands = entry if rules.hold else [*entry, *leave, *stop]
    off = result.spread - result.middle  # the spread itself also moves with each bar's own beta, by far more than this
    levels = [Line(name, level * result.deviation) for name, level in bands]
    what = "at which it is entered" if rules.hold else "at which it is entered, left and given up"
    plot = Chart(f"How far the spread is from its mean, with the levels {what}", result.ts, [*levels, Line("curve", off)], 300)
    plot.mark(_marks(result, off))
    yield _figure(result, "Spread from its mean, in the price of y", plot, _legend(rules))
    yield _figure(result, "Z-score", Chart("Z-score with the same levels", result.ts, [Line("curve", result.zscore)], 200, bands), "")
    if rules.hold and result.trades:
        held = Chart(
            "Z-score of what is held, with the levels at which it is left and given up",
            result.ts,
            [Line("curve", result.zscore_held)],
            200,
            [*leave, *stop],
        )
        yield _figure(result, "Z-score of the position, by the hedge that it was entered with", held, _keys(["exit", "stop"]))


def _both(name: str, level: float | None) -> list[tuple[str, float]]:
    """Return the levels at which spreads are sold and bought."""
    return [] if level is None else [(name, each) for each in dict.fromkeys((level, -level))]


def _figure(result: Backtest, name: str, chart: Chart, note: str) -> str:
    chart.cut(result.halves.at if result.halves else None)
    return f"<section><h2>{name}</h2>{note}<figure>{chart.svg()}</figure></section>"


def _keys(levels: Sequence[str], *others: str) -> str:
    keys = [f'<span><svg viewBox="0 0 24 12"><path class="{name}" d="M0 6H24"/></svg>{name}</span>' for name in levels]
    return f'<p class="legend">{"".join([*keys, *others])}</p>'


def _legend(rules: Rules) -> str:
    keys = []
    paths = {"up": "M12 1l5 9h-10z", "down": "M12 11l5 -9h-10z", "dot": "M8 6a4 4 0 1 0 8 0a4 4 0 1 0 -8 0", "cross": "M8 2l8 8m0 -8l-8 8"}
    for name, text in _LEGEND:
        shape = name.split()[0]
        keys.append(f'<span><svg viewBox="0 0 24 12"><path class="mark {_class(name)}" d="{paths[shape]}"/></svg>{text}</span>')
    return _keys(["entry"] if rules.hold else ["entry", "exit", "stop"], *keys)


def _class(name: str) -> str:
    return name.partition(" ")[2] or "stopped"


def _marks(result: Backtest, curve: np.ndarray) -> Iterable[Mark]:
    """Yield marks of entries and exits. Each is on the curve at the previous bar, whose close decided it."""
    rows = {ts: number for number, ts in enumerate(result.ts)}
    last, first = len(result.ts) - 1, max(0, len(result.trades) - _MOST_MARKS)
    for number, trade in enumerate(result.trades[first:], first + 1):
        entered, left = rows[trade.entered] - 1, last if trade.reason == "end" else rows[trade.exited] - 1
        shape = "up" if trade.side == "long" else "down"
        yield Mark(result.ts[entered], float(curve[entered]), shape, trade.side, f"{number}: {trade.side} at z {trade.zscore:.2f}")
        end = "cross" if trade.reason == "stop" else "dot"
        tone = "stopped" if trade.reason == "stop" else "won" if trade.net > 0 else "lost"
        yield Mark(result.ts[left], float(curve[left]), end, tone, f"{number}: {trade.reason}, {money(trade.net)}")


def _nothing(result: Backtest) -> str:
    first = result.settings.zscore.bars_needed(result.settings.window)
    return f"<section><p>No z-score, so nothing to trade: the first one is that of bar {first:,}.</p></section>"


def _trades(result: Backtest) -> str:
    if not result.trades:
        return "<p>No trade.</p>"
    first = max(0, len(result.trades) - MOST_ROWS)
    note = f"<p>The last {MOST_ROWS:,} of {len(result.trades):,}.</p>" if first else ""
    head = "".join(f'<th scope="col">{name}</th>' for name in _HEADS)
    body = "".join(_row(number, trade, result.settings.every) for number, trade in enumerate(result.trades[first:], first + 1))
    return f'{note}<div class="wide" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _row(number: int, trade: Trade, every: str) -> str:
    prices = [f"{price:,.8g}" for price in (trade.y_entry, trade.y_exit, trade.x_entry, trade.x_exit)]
    times = when(trade.entered, every), when(trade.exited, every), str(trade.bars)
    before = _cells([str(number), trade.side, *times, trade.reason, f"{trade.zscore:+.2f}", f"{trade.zscore_held:+.2f}"])
    after = _cells([money(trade.gross), f"{trade.fees + trade.slippage:,.2f}", trade_funding(trade), f"{trade.beta:.5g}", *prices])
    return f"<tr>{before}<td class='{'up' if trade.net > 0 else 'down'}'>{money(trade.net)}</td>{after}</tr>"


def _cells(cells: Sequence[str]) -> str:
    return "".join(f"<td>{escape(cell)}</td>" for cell in cells)


def _settings(result: Backtest) -> Iterable[tuple[str, str]]:
    settings, rules = result.settings, result.settings.rules
    made = f"over {settings.window} bars of {settings.every}" if settings.beta is None else f"at {settings.beta:g}"
    yield "hedge ratio", f"{settings.regression} {made}, {settings.prices} prices"
    yield "z-score", _zscore(settings)
    yield "entry", f"z of {rules.entry:g} or more is sold, of {-rules.entry:g} or less is bought; at the next bar's open"
    yield "exit and stop by", _judge(rules)
    yield "exit", f"once z is back at {rules.exit:g} (sold), {-rules.exit or 0:g} (bought)"
    again = f"then nothing before z is within {rules.entry:g} again"
    yield "stop", "none" if rules.stop is None else f"once z is {rules.stop:g} or more against the position; {again}"
    yield "costs", f"{rules.fee_bps:g} bps fee and {rules.slippage_bps:g} bps slippage of what each leg is worth, at entry and at exit"
    yield "sizing", f"{rules.notional:,.6g} gross over both legs at entry: {_sizing(settings)}"
    yield (
        "both legs on one side",
        f"{result.summary.same_side:,} of {result.summary.trades:,} trades, at a beta below 0: the market moves them",
    )
    yield "funding", _funding(result)
    yield "at the end", "an open position is closed at the last close, with costs"


def _sizing(settings: Settings) -> str:
    if settings.rules.sizing == "dollar":
        return "the same value in both (dollar); x is sold where y is bought, but for a beta below 0"
    return f"beta {'of value' if settings.prices == 'log' else 'units'} of x to one of y (beta), that of the signal for the whole trade"


def _funding(result: Backtest) -> str:
    why = result.summary.reasons.get("funding")
    return f"not in the net: {why}" if why else f"of both legs is in the net: {funding(result.summary)}"


def _judge(rules: Rules) -> str:
    if rules.hold:
        return "the held z: by beta, mean and std as of the entry (hold); the entry, and what bars it, by the z of now"
    return "the z of now, as the entry; the held z, by beta, mean and std as of the entry, is told at the exit"


def _zscore(settings: Settings) -> str:
    zscore = settings.zscore
    if zscore.method == "innovation":
        return "innovation: y against what the regression had predicted"
    before = ", against the window before the bar" if zscore.against == "before" else ""
    return f"{zscore.method} over {zscore.window or settings.window} bars{before}"


def _quality(result: Backtest) -> Iterable[tuple[str, str]]:
    quality = result.quality
    yield "bars with missing trades", f"{quality.gap:,}: no entry on them"
    yield "bars not watched throughout", f"{quality.partial:,}"
    yield (
        "holes between bars",
        f"{quality.holes:,}, in which {quality.missing:,} bars are missing: they count as time, and no entry behind them",
    )
    if quality.unusable:
        yield "bars left out", f"{quality.unusable:,}, for a price that is none"
    silent = ", ".join(f"{count:,} {reason}" for reason, count in quality.without_zscore.items())
    yield "bars without a z-score", silent or "0"
    yield "entries not filled", f"{quality.lapsed:,}"


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in facts)
