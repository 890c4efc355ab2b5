"""`quantd alerts`: what a trader asks and orders about alerts. Each subcommand is a module of its own."""

import typer

from quantd.cli.alerts.ack import ack, unack
from quantd.cli.alerts.add import add
from quantd.cli.alerts.backtest import backtest
from quantd.cli.alerts.dead import dead, resend
from quantd.cli.alerts.explain import explain
from quantd.cli.alerts.firing import firing
from quantd.cli.alerts.rules import list_rules, remove, show
from quantd.cli.alerts.silence import silence, silences, unsilence
from quantd.cli.alerts.test import send_sample

alerts = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@alerts.callback()
def _alerts() -> None:
    """Rules, firings, silences and deliveries of alerts."""


alerts.command(name="list")(list_rules)
for command in (add, show, remove, firing, silence, silences, unsilence, ack, unack, dead, resend, explain, backtest):
    alerts.command()(command)
alerts.command("test")(send_sample)
