"""`quantd alerts firing`: what fires now."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from quantd.cli.options import Config, Url

if TYPE_CHECKING:
    from quantd.api.schema.silences import FiringRow


def firing(
    config: Config = None, url: Url = None, as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")] = False
) -> None:
    """List the alerts that fire now, with what mutes them and who knows of them."""
    import msgspec

    from quantd.cli.alerts.daemon import daemon

    with daemon(config, url) as client:
        rows = client.firings()
    if as_json:
        for row in rows:
            typer.echo(msgspec.json.encode(row).decode())
    else:
        show(rows)


def show(rows: "Sequence[FiringRow]") -> None:
    """Print what fires."""
    from quantd.cli.screen import screen, table

    if not rows:
        typer.echo("nothing fires")
        return
    shown = table("id", "severity", "value", "since", "state")
    shown.columns[-1].no_wrap = False
    for row in rows:
        value = row.value if isinstance(row.value, str) else f"{row.value:.4g}"
        shown.add_row(*map(_plain, (row.id, row.severity, value, row.since, _state(row))))
    screen().print(shown)


def _state(row: "FiringRow") -> str:
    """Return what is done about a firing."""
    by = f" by {row.ack.by}" if row.ack and row.ack.by else ""
    acknowledged = f"acknowledged{by} until {row.ack.until}" if row.ack else ""
    return ", ".join(filter(None, (row.state, f"muted: {row.muted}" if row.muted else "", acknowledged)))


def _plain(text: str) -> str:
    """Return a text for a cell, without control characters and marks of the layout."""
    from rich.markup import escape

    return escape("".join(filter(str.isprintable, text)))
