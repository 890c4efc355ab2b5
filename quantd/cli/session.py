"""Runs a config whose feeds come to an end, with a progress bar on stderr, and prints on stdout what it made."""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from quantd.clock import EventClock
from quantd.compose import build as compose
from quantd.config.load import Loaded
from quantd.log import setup
from quantd.model import Metric, PairPoint
from quantd.runtime import Runtime

_REFRESH_S = 0.1
_WIDE = 200
_NAMES = frozenset({"every", "metrics", "why"})


def play(loaded: Loaded) -> None:
    """Run to the end of every feed and print the summary. Exits with 1 if a plugin failed on the way, or a symbol had no data."""
    runtime = run_to_end(loaded)
    _print_summary(runtime)
    fail_if_faulty(runtime)


def run_to_end(loaded: Loaded, prepare: Callable[[Runtime], None] = lambda runtime: None) -> Runtime:
    """What has run to the end of every feed; `prepare` is called before it begins. Raises QuantdError."""
    setup(loaded.config.log)
    clock = EventClock()
    with tempfile.TemporaryDirectory(prefix="quantd-") as directory:
        runtime = compose(loaded.config, loaded.registry, clock, Path(directory))
        prepare(runtime)
        asyncio.run(_run(runtime))
    return runtime


def fail_if_faulty(runtime: Runtime) -> None:
    """Say which plugins failed on the way and which symbols had no data, and exit with 1 if any did."""
    silent = [stage.symbol for flow in runtime.flows for stage in flow.stages if not stage.bars_made]
    if silent:
        typer.echo(f"no data of {', '.join(silent)}: look at the symbols, and at the timeframe of OHLC files", err=True)
    failed = [health for health in runtime.guards.health() if health.faults]
    for health in failed:
        typer.echo(f"{health.kind} {health.name} failed {health.faults} times, last: {health.last_error}", err=True)
    if failed or silent:
        raise typer.Exit(1)


async def _run(runtime: Runtime) -> None:
    with Progress(console=Console(stderr=True), transient=True) as bar:
        watcher = asyncio.create_task(_watch(runtime, bar))
        try:
            await runtime.run()
        finally:
            watcher.cancel()


async def _watch(runtime: Runtime, bar: Progress) -> None:
    tasks = {flow.name: bar.add_task(flow.name, total=None) for flow in runtime.flows}
    while True:
        for flow in runtime.flows:
            if progress := flow.feed.progress():
                bar.update(tasks[flow.name], completed=progress.done, total=progress.total)
        await asyncio.sleep(_REFRESH_S)


def _print_summary(runtime: Runtime) -> None:
    console = screen()
    console.print(_symbols(runtime))
    console.print(_pairs(runtime))
    for line in _metrics(runtime):
        console.print(line)
    refused = sum(flow.refused for flow in runtime.flows)
    if refused:
        console.print(f"{refused} trades refused: their time is a day or more from when they were received")


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
            rows.add_row(series.spec.pair, series.spec.every, f"{series.points_made:,}", *_cells(series.last))
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


def screen() -> Console:
    """Where results are printed: as wide as a terminal, or wide enough for a file."""
    return Console(width=None if sys.stdout.isatty() else _WIDE)


def table(*columns: str) -> Table:
    """Without lines; the first column and names to the left, numbers to the right."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        made.add_column(column, justify="left" if number == 0 or column in _NAMES else "right", no_wrap=True)
    return made
