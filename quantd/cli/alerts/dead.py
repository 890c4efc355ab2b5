"""`quantd alerts dead` and `resend`."""

from typing import TYPE_CHECKING, Annotated

import typer

from quantd.cli.options import Config, Url

if TYPE_CHECKING:
    from quantd.api.schema.deliveries import DeliveryRow


def dead(
    sink: Annotated[str | None, typer.Option("--sink", help="Only those for this sink.", metavar="NAME")] = None,
    config: Config = None,
    url: Url = None,
) -> None:
    """List the messages that were not delivered and are not tried any more, newest first, with the reason."""
    from quantd.cli.alerts.daemon import daemon

    with daemon(config, url) as client:
        rows = client.deliveries("dead", sink, 1_000)
    for row in rows:
        typer.echo(_line(row))
    if not rows:
        typer.echo("no message is dead")


def resend(
    keys: Annotated[list[str] | None, typer.Argument(help="Keys, as `quantd alerts dead` shows them.", metavar="KEY…")] = None,
    every: Annotated[bool, typer.Option("--all", help="All dead messages.")] = False,
    config: Config = None,
    url: Url = None,
) -> None:
    """Deliver dead messages again."""
    from quantd.cli.alerts.daemon import daemon
    from quantd.errors import QuantdError

    if bool(keys) == every:
        raise QuantdError("name keys of dead messages, or --all: `quantd alerts dead` lists them")
    with daemon(config, url) as client:
        count = client.resend(None if every else keys)
    typer.echo(f"{count} {'message is' if count == 1 else 'messages are'} delivered again")
    if keys and count < len(set(keys)):
        raise QuantdError("there is no dead message for each of these keys: `quantd alerts dead` lists them")


def _line(row: "DeliveryRow") -> str:
    text = f"{row.key}  {row.sink}  {row.made}  {row.reason}  {'; '.join(row.texts)}"
    return "".join(filter(str.isprintable, text))
