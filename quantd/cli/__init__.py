"""The `quantd` command. Each subcommand is a module of its own that imports what it needs when it runs, so that `--help` is fast."""

import logging
import os
import sys
from contextlib import suppress
from typing import Annotated

import typer

from quantd.cli.alerts import alerts
from quantd.cli.backtest import backtest
from quantd.cli.check import check
from quantd.cli.config import config
from quantd.cli.demo import demo
from quantd.cli.export import export
from quantd.cli.init import init
from quantd.cli.plugins import plugins
from quantd.cli.replay import replay
from quantd.cli.run import run
from quantd.cli.schema import schema
from quantd.cli.status import status
from quantd.cli.token import token
from quantd.cli.top import top
from quantd.errors import QuantdError

app = typer.Typer(no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False, rich_markup_mode=None)
for command in (run, demo, replay, backtest, check, status, top, init, plugins, schema):
    app.command()(command)
app.add_typer(alerts, name="alerts")
app.add_typer(export, name="export")
app.add_typer(config, name="config")
app.add_typer(token, name="token")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"quantd {version('quantd')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")] = False,
) -> None:
    """Real-time pair-trading analytics on Binance USDⓈ-M futures."""


def main() -> None:
    """Run the command line. An error that the operator can fix is printed without a traceback and determines the exit code."""
    _open_closed()
    try:
        app(prog_name="quantd")
    except QuantdError as error:
        hint = f" (did you mean {error.suggestion!r}?)" if error.suggestion else ""
        with suppress(OSError, ValueError):  # the stream of a handler may be closed
            for handler in logging.getLogger().handlers:
                handler.flush()
        with suppress(OSError):  # if stderr cannot be written, the exit code still reports the error
            typer.echo(f"quantd: {error}{hint}", err=True)
        sys.exit(error.exit_code)


def _open_closed() -> None:
    """Open the null device in place of standard streams that were closed at the start, so that their output does not go into the next file
    opened."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free descriptor
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))
