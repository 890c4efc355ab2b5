"""`quantd alerts ack` and `unack`."""

from typing import Annotated

import typer

from quantd.cli.alerts.silence import By, Comment, user
from quantd.cli.options import Config, Url

Firing = Annotated[str, typer.Argument(help="The id of a firing, or of its rule, as `quantd alerts firing` shows it.", metavar="ID")]


def ack(
    firing_id: Firing,
    lasts: Annotated[str, typer.Option("--for", help="How long nobody is reminded.", metavar="TIME")] = "1h",
    comment: Comment = "",
    by: By = "",
    config: Config = None,
    url: Url = None,
) -> None:
    """Acknowledge a firing: nobody is reminded of it until the acknowledgement runs out, and then once more."""
    from quantd.cli.alerts.daemon import daemon

    with daemon(config, url) as client:
        row = client.acknowledge(firing_id, lasts, by or user(), comment)
    if row.ack:
        typer.echo(f"{row.alert_id} is acknowledged until {row.ack.until}")


def unack(firing_id: Firing, config: Config = None, url: Url = None) -> None:
    """End an acknowledgement: reminders go on."""
    from quantd.cli.alerts.daemon import daemon

    with daemon(config, url) as client:
        client.unacknowledge(firing_id)
