"""Runs a config whose feeds come to an end, with progress on stderr and results on stdout."""

import asyncio
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import typer
from rich.table import Table

from quantd.cli.progress import compile_kernels, watch
from quantd.cli.screen import screen, table
from quantd.clock import EventClock
from quantd.config.load import Loaded
from quantd.log import setup
from quantd.model import Metric, PairPoint
from quantd.runtime.build import build as compose
from quantd.runtime.runtime import Runtime


def play(loaded: Loaded) -> None:
    """Run to the end of every feed and print the summary. Exits with 1 if a plugin failed on the way or a symbol had no data."""
    runtime = run_to_end(loaded)
    _print_summary(runtime)
    fail(faults_of(runtime))


def run_to_end(loaded: Loaded, prepare: Callable[[Runtime], None] = lambda runtime: None) -> Runtime:
    """Run a config to the end of every feed, and return its runtime; `prepare` is called before the run. Raises QuantdError."""
    setup(loaded.config.log)
    compile_kernels()
    clock = EventClock()
    with tempfile.TemporaryDirectory(prefix="quantd-") as directory:
        runtime = compose(loaded.config, loaded.registry, clock, Path(directory))
        prepare(runtime)
        asyncio.run(_run(runtime))
    return runtime


def faults_of(runtime: Runtime) -> list[str]:
    """Return a sentence for each plugin that failed on the way, for symbols without data, and for lost trades."""
    silent = [stage.symbol for flow in runtime.flows for stage in flow.stages if not stage.bars_made]
    no_data = [f"no data of {', '.join(silent)}: look at the symbols, and at the timeframe of OHLC files"] if silent else []
    failed = [health for health in runtime.guards.health() if health.faults]
    plugins = [f"{health.kind} {health.name} failed {health.faults} times, last: {health.last_error}" for health in failed]
    return [*no_data, *_lost(runtime), *plugins]


def fail(faults: Iterable[str]) -> None:
    """Print the faults and exit with 1, if there are any."""
    lines = list(faults)
    for line in lines:
        typer.echo(line, err=True)
    if lines:
        raise typer.Exit(1)


def _lost(runtime: Runtime) -> Iterable[str]:
    """Yield a sentence for each symbol with trades that came too early or too late for any bar."""
    for flow in runtime.flows:
        if flow.refused:
            yield f"lost {flow.refused:,} trades: their time is a day or more from when they were received"
        for stage in flow.stages:
            early, late = stage.intake.early, stage.lost
            if early or late:
                why = f"{early:,} are from long before the first one, {late:,} came after their bars could be mended"
                yield f"lost {early + late:,} trades of {stage.symbol}: {why}: the files are out of order, sort them by time"


async def _run(runtime: Runtime) -> None:
    watcher = asyncio.create_task(watch(runtime))
    try:
        await runtime.run()
    finally:
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)


def _print_summary(runtime: Runtime) -> None:
    console = screen()
    console.print(_symbols(runtime))
    console.print(_pairs(runtime))
    for line in _metrics(runtime):
        console.print(line)


def _symbols(runtime: Runtime) -> Table:
    rows = table("symbol", "trades", "bars", "duplicates", "refused", "ids missing", "too late")
    for flow in runtime.flows:
        for stage in flow.stages:
            intake = stage.intake
            counts = (intake.accepted, stage.bars_made, intake.ledger.duplicates, intake.refused, intake.ledger.missing, stage.lost)
            rows.add_row(stage.symbol, *(f"{count:,}" for count in counts))
    return rows


def _pairs(runtime: Runtime) -> Table:
    rows = table("pair", "every", "points", "beta", "± error", "spread", "zscore", "corr", "corr_returns", "coverage")
    for flow in runtime.flows:
        for series in (series for pair in flow.pairs for series in pair.series):
            rows.add_row(series.spec.pair, series.spec.every, f"{series.counts.made:,}", *_cells(series.last))
    return rows


def _metrics(runtime: Runtime) -> Iterable[str]:
    for flow in runtime.flows:
        for point in (series.last for pair in flow.pairs for series in pair.series):
            if point and point.metrics:
                yield f"{point.pair} {point.every}: {', '.join(f'{name} {_number(value)}' for name, value in point.metrics.items())}"


def _cells(point: PairPoint | None) -> Iterable[str]:
    if point is None:
        return ["not enough bars"]
    numbers = (point.hedge.beta, point.hedge.stderr, point.spread, point.zscore, point.corr, point.corr_returns, point.coverage)
    return [_number(number) for number in numbers]


def _number(value: Metric) -> str:
    if isinstance(value, str):
        return value
    return "-" if value is None else f"{value:.4g}"
