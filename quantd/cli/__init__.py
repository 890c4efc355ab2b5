"""The `quantd` command. Each subcommand is a module of its own and imports what it needs when it runs, so that `--help` is quick."""

import sys
from typing import Annotated

import typer

from quantd.cli.backtest import backtest
from quantd.cli.check import check
from quantd.cli.demo import demo
from quantd.cli.export import export
from quantd.cli.init import init
from quantd.cli.plugins import plugins
from quantd.cli.replay import replay
from quantd.cli.run import run
from quantd.cli.schema import schema
from quantd.errors import QuantdError

app = typer.Typer(no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False, rich_markup_mode=None)
for command in (run, demo, replay, backtest, check, init, plugins, schema):
    app.command()(command)
app.add_typer(export, name="export")


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
    """Run the command line; an error that the operator can mend is printed without a traceback, exit code 2."""
    try:
        app(prog_name="quantd")
    except QuantdError as error:
        typer.echo(f"quantd: {error}", err=True)
        sys.exit(2)
