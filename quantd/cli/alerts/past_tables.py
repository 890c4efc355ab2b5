"""Prints what rules would have told."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import typer

from quantd.hindsight.model import Firing, Report, Trial

if TYPE_CHECKING:
    from rich.table import Table

_LATEST = 20


def show(reports: Sequence[Report], *, as_json: bool, of_files: bool) -> None:
    """Print the reports, as JSON if that is asked for."""
    if as_json:
        from quantd.api.schema.explain import past_rule
        from quantd.api.schema.wire import encode

        typer.echo(encode([past_rule(each, "replay" if of_files else "record") for each in reports]))
        return
    from quantd.cli.screen import screen

    console = screen()
    for number, report in enumerate(reports):
        console.print(*[""] * bool(number), *lines(report), sep="\n", markup=False)
        if report.firings:
            console.print(_table(report))


def lines(report: Report) -> Iterator[str]:
    """Yield the summary of a report, a line each."""
    from quantd.backtest.figures import when

    yield f"{report.of} {report.every}  {report.rule}: {report.when}"
    unknown = f", {report.unknown:,} of them without a value" if report.unknown else ""
    yield f"{report.bars:,} bars from {when(report.start, report.every)} to {when(report.end, report.every)} UTC{unknown}"
    yield f"{_count(len(report.firings), 'firing')}, {report.share:.1%} of the time, {_count(report.flaps, 'flap')}{_reverting(report)}"
    if report.until:
        yield f"calmer with until: {report.until.text}  ({_made(report.until)})"
    if report.for_:
        yield f"calmer with for: {report.for_.text}  ({_made(report.for_)}, the first is told {_span(report.for_.delay)} later)"
    if len(report.firings) > _LATEST:
        yield f"the last {_LATEST} firings of {len(report.firings):,}: --json has all"
    yield from (f"note: {note}" for note in report.notes)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _reverting(report: Report) -> str:
    from statistics import median

    spans = [each.half for each in report.firings if each.half is not None]
    return f", near the mean again after {_span(int(median(spans)))} in the median" if spans else ""


def _made(tried: Trial) -> str:
    return f"{_count(tried.firings, 'firing')}, {_count(tried.flaps, 'flap')}, {tried.share:.1%} of the time"


def _table(report: Report) -> "Table":
    from quantd.backtest.figures import when
    from quantd.cli.screen import table

    made = table("fired", "resolved", "lasted", "value", "extreme", "|z| < 0.5 after", "mean after")
    for each in report.firings[-_LATEST:]:
        ended = when(each.ended, report.every) if each.ended is not None else "-"
        made.add_row(when(each.fired, report.every), ended, _span(each.lasted), *_cells(each))
    return made


def _cells(fired: Firing) -> tuple[str, ...]:
    values = (value if isinstance(value, str) else f"{value:.4g}" for value in (fired.value, fired.extreme))
    return *values, *("-" if span is None else _span(span) for span in (fired.half, fired.mean))


def _span(span: int) -> str:
    """Return a length of time (ms) for readers.

    >>> _span(90_000), _span(7_500_000), _span(500)
    ('1m 30s', '2h 5m', '500ms')
    """
    seconds, ms = divmod(span, 1000)
    parts = [(seconds // 86_400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s"), (ms, "ms")]
    shown = [f"{count}{unit}" for count, unit in parts if count]
    return " ".join(shown[:2]) or "0s"
