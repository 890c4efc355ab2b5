"""`quantd export`: writes recorded data as CSV."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from quantd.cli.options import Config

if TYPE_CHECKING:
    from quantd.history.recorded import RecordedSeries
    from quantd.model import Bar, PairPoint
    from quantd.plugin.base import RowKind

Symbol = Annotated[str, typer.Option(help="The symbol.", metavar="SYMBOL")]
Every = Annotated[str, typer.Option(help="The timeframe, one that is recorded.", metavar="1s|1m|…")]
Since = Annotated[str | None, typer.Option("--from", help="Write rows from this time on: ISO 8601 or ms, UTC.", metavar="TIME")]
Until = Annotated[str | None, typer.Option("--to", help="Write rows before this time.", metavar="TIME")]
Out = Annotated[Path, typer.Option(help="The file to write; - is standard output.", metavar="CSV")]

STDOUT = Path("-")
_OUTDATED = "an older version made them, and the daemon has not made them anew, or cannot for want of recorded bars"

export = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@export.callback()
def _export() -> None:
    """Write recorded data as CSV, also while the daemon runs."""


@export.command()
def ticks(symbol: Symbol, since: Since = None, until: Until = None, out: Out = STDOUT, config: Config = None) -> None:
    """Write the trades of a symbol in the order of their ids, each once: id, ts, price, qty, buyer_maker, with the exchange's decimals."""
    from quantd.history.csv_lines import TICKS, tick_lines

    with _reading("ticks", symbol, "", since, until, out, config) as series, _output(out) as file:
        file.write(f"{','.join(TICKS)}\n")
        count = 0
        for piece in series.ticks():
            count += len(piece["id"])
            file.writelines(tick_lines(piece))
    _tell(count, "ticks", symbol, out)


@export.command()
def bars(symbol: Symbol, every: Every = "1m", since: Since = None, until: Until = None, out: Out = STDOUT, config: Config = None) -> None:
    """Write the bars of a symbol in the order of time, each at its last revision."""
    from quantd.rows import COLUMNS

    with _reading("bars", symbol, every, since, until, out, config) as series, _output(out) as file:
        count = _write(file, COLUMNS["bars"], series.bars())
    _tell(count, f"bars of {every}", symbol, out)


@export.command()
def points(
    pair: Annotated[str, typer.Option(help="The pair.", metavar="Y-X")],
    every: Every = "1m",
    since: Since = None,
    until: Until = None,
    out: Out = STDOUT,
    config: Config = None,
) -> None:
    """Write the points of a pair in the order of time, each at its last revision; every metric of any point is a column."""
    from quantd.rows import COLUMNS, RESERVED

    with _reading("points", pair, every, since, until, out, config) as series, _output(out) as file:
        metrics = dict.fromkeys(name for piece in series.points() for point in piece for name in point.metrics if name not in RESERVED)
        count = _write(file, (*COLUMNS["points"], *metrics), series.points())
    _tell(count, f"points of {every}", pair, out)
    if series.outdated:
        typer.echo(f"quantd: {series.outdated:,} points of {pair} are left out: {_OUTDATED}", err=True)


def _write(file: TextIO, columns: tuple[str, ...], pieces: "Iterable[Sequence[Bar] | Sequence[PairPoint]]") -> int:
    """Write the columns and a line for each row, and return the number of rows."""
    from quantd.history.csv_lines import lines, row_lines

    file.write(lines([columns]))
    count = 0
    for piece in pieces:
        file.write(row_lines(piece, columns))
        count += len(piece)
    return count


@contextmanager
def _reading(
    kind: "RowKind", name: str, every: str, since: str | None, until: str | None, out: Path, config: Path | None
) -> "Iterator[RecordedSeries]":
    from quantd.cli.options import find_place, recorded, times
    from quantd.errors import QuantdError
    from quantd.history.recorded import NotRecorded

    start, end = times(since, until)
    find_place(out)
    with recorded(config) as (_, history):
        try:
            series = history.series(kind, name.upper(), every, start, end)
        except NotRecorded as error:
            if error.wrong is None:
                raise
            option = "--every" if error.wrong == "every" else "--pair" if kind == "points" else "--symbol"
            raise QuantdError(f"{option}: {error}") from None
        yield series


# --- where to ------------------------------------------------------------------------------------------------------------------------


@contextmanager
def _output(out: Path) -> Iterator[TextIO]:
    """Open the file to write to. It gets its name once it is complete. A broken pipe is left to `main`, which ends quietly."""
    from quantd.errors import QuantdError

    try:
        if out == STDOUT:
            with open(sys.stdout.fileno(), "w", encoding="utf-8", newline="", closefd=False) as file:
                yield file
        elif out.exists() and not out.is_file():
            with out.open("w", encoding="utf-8", newline="") as file:
                yield file
        else:
            with _temporary(out.resolve()) as file:
                yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        raise QuantdError(f"cannot write {'standard output' if out == STDOUT else out}: {error.strerror or error}") from None


@contextmanager
def _temporary(path: Path) -> Iterator[TextIO]:
    """Open a temporary file beside `path`, which is renamed to `path` at the end and deleted after an error."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _tell(count: int, what: str, name: str, out: Path) -> None:
    if out != STDOUT:
        typer.echo(f"{out}: {count:,} {what} of {name}")
