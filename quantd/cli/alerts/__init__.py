"""`quantd alerts`: what a trader asks and orders about alerts. Each subcommand is a module of its own."""

import typer

from quantd.cli.alerts.backtest import backtest
from quantd.cli.alerts.explain import explain

alerts = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@alerts.callback()
def _alerts() -> None:
    """Rules, firings, silences and deliveries of alerts."""


for command in (backtest, explain):
    alerts.command()(command)
