"""`quantd backtest`: what trading a pair's z-score would have made, of recorded files or of the daemon's history."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quantd.cli.options import Config
from quantd.cli.replay import Against, Alpha, Beta, Chosen, Prices, Scores, Spread

if TYPE_CHECKING:
    from quantd.backtest import Backtest
    from quantd.cli.past import Sample, Wanted
    from quantd.stats.backtest import Rules

_LATEST = 20
Files = Annotated[
    list[str] | None,
    typer.Argument(help="What `quantd replay` reads; without any, the history of the config's store.", metavar="[FILE...]"),
]
Sizing = Annotated[str, typer.Option(help="Hold beta units of x for each of y, or the same value of both.", metavar="beta|dollar")]
Funding = Annotated[
    list[str] | None,
    typer.Option(
        help="Funding rates of both legs, as data.binance.vision or GET /fapi/v1/fundingRate give them; repeat it.", metavar="FILE"
    ),
]
Split = Annotated[float | None, typer.Option(help="Share of the time that is in-sample; the rest is tested for itself.", metavar="0.7")]


def backtest(
    files: Files = None,
    pair: Annotated[str, typer.Option(help="The pair.", metavar="Y-X")] = "",
    every: Annotated[str, typer.Option(help="The timeframe.", metavar="1s|1m|…")] = "1m",
    window: Annotated[int | None, typer.Option(help="Bars in the regression and the z-score.")] = None,
    regression: Annotated[str | None, typer.Option(help="The regression method; `quantd plugins` lists them.")] = None,
    prices: Prices = None,
    spread: Spread = None,
    zscore: Scores = None,
    against: Against = None,
    beta: Beta = None,
    alpha: Alpha = None,
    entry: Annotated[float, typer.Option(help="Sell the spread at this z-score, buy it at minus this.")] = 2.0,
    leave: Annotated[float, typer.Option("--exit", help="Leave once the z-score is back at this.")] = 0.0,
    stop: Annotated[float | None, typer.Option(help="Give up once the z-score is this far against the position.")] = None,
    hold: Annotated[bool, typer.Option("--hold", help="Exit and stop by the z-score of the hedge that was entered with.")] = False,
    fee_bps: Annotated[float, typer.Option(help="Of the value of each leg, at entry and at exit.")] = 5.0,
    slippage_bps: Annotated[float, typer.Option(help="Likewise.")] = 0.0,
    notional: Annotated[float, typer.Option(help="Gross value of a position at entry, in the quote currency.")] = 1000.0,
    sizing: Sizing = "beta",
    funding: Funding = None,
    split: Split = None,
    since: Annotated[str | None, typer.Option("--from", help="Trade bars from here on: ISO 8601 or ms, UTC.", metavar="TIME")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Trade bars that open before this.", metavar="TIME")] = None,
    report: Annotated[Path | None, typer.Option("--html", help="Write a report that any browser shows.", metavar="FILE")] = None,
    trades: Annotated[Path | None, typer.Option(help="Write the trades.", metavar="CSV")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: summary, trades and equity.")] = False,
    pipeline: Annotated[str | None, typer.Option(help="The pipeline: `replay` for files, the pair's own for history.")] = None,
    config: Config = None,
    chunk: Annotated[int, typer.Option(help="Events a batch of files; makes no difference to the result.", min=1)] = 1000,
) -> None:
    """Trade a pair's z-score on the past: enter when it is stretched, leave when it is back, costs of both legs included.

    Decided at a bar's close, filled at the next bar's open. Reads the history also while the daemon runs."""
    from quantd.backtest import backtest as test
    from quantd.cli.funding import rates_of
    from quantd.cli.past import of_files, of_store, wanted

    told = Chosen([every], window, regression, prices, spread, zscore, against, beta, alpha)
    asked = wanted(pair, told, pipeline, since, until)
    costs = {"fee_bps": fee_bps, "slippage_bps": slippage_bps}
    rules = _rules(split, entry=entry, exit=leave, stop=stop, hold=hold, notional=notional, sizing=sizing, **costs)
    _find_places(report, trades)
    rates = rates_of(funding or [], (asked.y, asked.x))
    past = of_files(files, asked, rules, chunk) if files else of_store(config, asked, rules)
    result = test(past.y_bars, past.x_bars, past.points, past.settings(asked, rules, split), asked.start, asked.end, rates)
    _write(result, report, trades)
    _print(result, as_json)
    past.fail_if_faulty()
    _fail_if_empty(result, asked, past)


def _find_places(*paths: Path | None) -> None:
    from quantd.cli.options import find_place

    for path in paths:
        if path:
            find_place(path)


def _rules(split: float | None, **given: float | str | None) -> "Rules":
    from quantd.backtest import demand_split
    from quantd.errors import QuantdError
    from quantd.stats.backtest import Rules

    try:
        demand_split(split)
        return Rules(**given)  # type: ignore[arg-type]
    except ValueError as error:
        name, _, text = str(error).partition(":")
        raise QuantdError(f"--{name.replace('_', '-')}:{text}") from None


def _write(result: "Backtest", report: Path | None, trades: Path | None) -> None:
    from quantd.backtest.report import html
    from quantd.backtest.table import as_csv
    from quantd.errors import QuantdError

    texts = {path: make for path, make in ((report, html), (trades, as_csv)) if path}
    try:
        for path, make in texts.items():
            path.write_text(make(result), "utf-8", newline="")
    except OSError as error:
        raise QuantdError(f"cannot write {error.filename}: {error.strerror}") from None


def _print(result: "Backtest", as_json: bool) -> None:
    if as_json:
        from quantd.api.backtest import body
        from quantd.api.wire import encode

        typer.echo(encode(body(result)))
        return
    from quantd.backtest.report import when
    from quantd.cli.screen import screen
    from quantd.cli.tested import halves, summary, trades

    console = screen()
    console.print(summary(result))
    if result.halves:
        console.print(halves(result))
        console.print(
            f"split at {when(result.halves.at, result.settings.every)} UTC: each part is traded for itself, and begins without a position"
        )
    if result.trades:
        console.print(trades(result, _LATEST))
    if len(result.trades) > _LATEST:
        console.print(f"the last {_LATEST} of {len(result.trades):,}: --trades writes all")


def _outside(asked: "Wanted", past: "Sample") -> str | None:
    """A sentence on the bars that there are, if none of them is in the time that was asked for."""
    from quantd.backtest.report import when

    first, last = past.y_bars[0].ts, past.y_bars[-1].ts
    if (asked.start is None or asked.start <= last) and (asked.end is None or first < asked.end):
        return None
    return f"bars are there from {when(first, asked.every)} to {when(last, asked.every)} UTC, none of them in the time asked for"


def _fail_if_empty(result: "Backtest", asked: "Wanted", past: "Sample") -> None:
    if result.ts:
        return
    legs = [(asked.y, len(past.y_bars)), (asked.x, len(past.x_bars))]
    if missing := [leg for leg, bars in legs if not bars]:
        why = f"there are no bars of {' and '.join(missing)}"
    elif outside := _outside(asked, past):
        why = outside
    elif any(point.reason == "flat" for point in past.points):
        why = "the spread does not move"
    else:
        counts = " and ".join(f"{bars:,} of {leg}" for leg, bars in legs)
        why = f"there are {counts} in that time, which do not fill the windows: take more data, or a shorter --window"
    typer.echo(f"no z-score of {asked.pair} on {asked.every} bars to trade: {why}", err=True)
    raise typer.Exit(1)
