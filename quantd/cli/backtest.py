"""`quantd backtest`: simulates trading a pair's z-score on recorded files or on the daemon's history."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quantd.cli.options import Config
from quantd.cli.replay import Against, Alpha, Beta, Prices, Scores, Spread

if TYPE_CHECKING:
    from quantd.backtest import Backtest
    from quantd.backtest.sample import Request, Sample
    from quantd.stats.backtest import Rules
    from quantd.stats.funding import Rates

_LATEST = 20
Files = Annotated[
    list[str] | None,
    typer.Argument(help="Files as for `quantd replay`; without any, the history of the config's store is used.", metavar="[FILE...]"),
]
Sizing = Annotated[str, typer.Option(help="Hold beta units of x for each unit of y, or the same value of both.", metavar="beta|dollar")]
Funding = Annotated[
    list[str] | None,
    typer.Option(
        help="Funding rates of both legs, from data.binance.vision or GET /fapi/v1/fundingRate; may be given several times.", metavar="FILE"
    ),
]
Split = Annotated[float | None, typer.Option(help="Share of the time that is in-sample; the rest is tested separately.", metavar="0.7")]


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
    entry: Annotated[float, typer.Option(help="Sell the spread at this z-score, buy it at minus this z-score.")] = 2.0,
    leave: Annotated[float, typer.Option("--exit", help="Close the position once the z-score has come back to this.")] = 0.0,
    stop: Annotated[float | None, typer.Option(help="Close the position once the z-score is this far against it.")] = None,
    hold: Annotated[bool, typer.Option("--hold", help="Decide exit and stop by the z-score of the hedge at entry.")] = False,
    fee_bps: Annotated[float, typer.Option(help="Fee on the value of each leg, at entry and at exit, in bps.")] = 5.0,
    slippage_bps: Annotated[float, typer.Option(help="Slippage on the same values, in bps.")] = 0.0,
    notional: Annotated[float, typer.Option(help="Gross value of a position at entry, in the quote currency.")] = 1000.0,
    sizing: Sizing = "beta",
    funding: Funding = None,
    split: Split = None,
    since: Annotated[str | None, typer.Option("--from", help="Trade bars from this time on: ISO 8601 or ms, UTC.", metavar="TIME")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Trade bars that open before this time.", metavar="TIME")] = None,
    report: Annotated[Path | None, typer.Option("--html", help="Write a report for the browser.", metavar="FILE")] = None,
    trades: Annotated[Path | None, typer.Option(help="Write the trades to this file.", metavar="CSV")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: summary, trades and equity.")] = False,
    pipeline: Annotated[str | None, typer.Option(help="The pipeline: `replay` for files, the pair's own for history.")] = None,
    config: Config = None,
    chunk: Annotated[int, typer.Option(help="Events per batch of files; makes no difference to the result.", min=1)] = 1000,
) -> None:
    """Trade a pair's z-score on the past: enter when it is stretched, exit when it has reverted, with the costs of both legs.

    Orders are decided at a bar's close and filled at the next bar's open. The history can be read while the daemon runs.
    """
    from quantd.backtest.overrides import Overrides
    from quantd.backtest.sample import request
    from quantd.cli.options import times

    overrides = Overrides([every], window, regression, prices, spread, zscore, against, beta, alpha)
    asked = request(pair, overrides, pipeline, *times(since, until))
    costs = {"fee_bps": fee_bps, "slippage_bps": slippage_bps}
    rules = _rules(split, entry=entry, exit=leave, stop=stop, hold=hold, notional=notional, sizing=sizing, **costs)
    _find_places(report, trades)
    rates = _rates(funding, asked)
    sample = _of_files(files, asked, rules, chunk) if files else _of_history(config, asked, rules)
    result = _tested(sample, asked, rules, split, rates)
    _write(result, report, trades)
    _print(result, as_json)
    _fail_if_faulty(sample, asked, result)


def _rates(files: list[str] | None, asked: "Request") -> "dict[str, Rates]":
    from quantd.backtest.funding_files import rates_of

    return rates_of(files or [], (asked.y, asked.x))


def _tested(sample: "Sample", asked: "Request", rules: "Rules", split: float | None, rates: "dict[str, Rates]") -> "Backtest":
    from quantd.backtest import backtest

    return backtest(sample.y_bars, sample.x_bars, sample.points, sample.settings(asked, rules, split), asked.start, asked.end, rates)


def _fail_if_faulty(sample: "Sample", asked: "Request", result: "Backtest") -> None:
    from quantd.cli.session import fail

    fail(sample.faults)
    if not result.ts:
        fail([f"no z-score of {asked.pair} on {asked.every} bars to trade: {sample.why_untested(asked)}"])


def _of_files(files: list[str], asked: "Request", rules: "Rules", chunk: int) -> "Sample":
    from quantd.backtest.of_files import Replayed, files_config
    from quantd.cli.session import faults_of, run_to_end

    loaded, replayed = files_config(files, asked, rules, chunk), Replayed(asked)
    runtime = run_to_end(loaded, lambda runtime: replayed.listen(runtime.outputs.hub))
    return replayed.sample(runtime.flows[0].pairs[0].series[0].spec, loaded.registry, faults_of(runtime))


def _of_history(config: Path | None, asked: "Request", rules: "Rules") -> "Sample":
    from quantd.backtest.of_history import recorded_legs
    from quantd.cli.options import recorded
    from quantd.cli.progress import busy, compile_kernels

    with recorded(config, "name files, or ") as (loaded, history):
        legs = recorded_legs(loaded, history, asked, rules)
    compile_kernels()
    with busy(f"computing the points of {min(len(legs.y_bars), len(legs.x_bars)):,} bars"):
        return legs.sample()


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
        from quantd.api.schema.backtest import backtest_answer
        from quantd.api.schema.wire import encode

        typer.echo(encode(backtest_answer(result)))
        return
    from quantd.backtest.figures import when
    from quantd.cli.backtest_tables import halves, summary, trades
    from quantd.cli.screen import screen

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
