"""`quantd alerts silence`, `silences` and `unsilence`."""

from typing import TYPE_CHECKING, Annotated

import typer

from quantd.cli.options import Config, Url

if TYPE_CHECKING:
    from quantd.api.schema.silences import SilenceRow

By = Annotated[str, typer.Option("--by", help="Who does it; by default the name of the user.", metavar="NAME")]
Comment = Annotated[str, typer.Option("--comment", help="Why.", metavar="TEXT")]


def silence(
    match: Annotated[str, typer.Argument(help="What to mute, like 'severity=page, pair=~\"BTC.*\"'.", metavar="MATCHERS")],
    lasts: Annotated[str | None, typer.Option("--for", help="How long, like 2h.", metavar="TIME")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Until when, like 2026-01-31T08:00.", metavar="TIME")] = None,
    until_resolved: Annotated[bool, typer.Option("--until-resolved", help="Until what matches now has resolved.")] = False,
    comment: Comment = "",
    by: By = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    config: Config = None,
    url: Url = None,
) -> None:
    """Mute alerts for a while. Shows what it would mute now, and asks before it does.

    What fires while it is muted and still does at the end is told then.
    """
    from quantd.cli.alerts.daemon import daemon
    from quantd.cli.alerts.firing import show
    from quantd.config.matchers import as_matchers
    from quantd.errors import checked

    checked("MATCHERS", as_matchers, match)
    by = by or user()
    with daemon(config, url) as client:
        would = client.silence(match, lasts, until, until_resolved=until_resolved, comment=comment, by=by, dry=True)
        typer.echo(f"{would.match} mutes {len(would.mutes)} that fire now", err=True)
        if would.mutes:
            show(would.mutes)
        if not yes:
            typer.confirm("Silence it?", default=True, abort=True, err=True)
        made = client.silence(match, lasts, until, until_resolved=until_resolved, comment=comment, by=by)
    typer.echo(made.id)


def silences(config: Config = None, url: Url = None) -> None:
    """List the silences, with when they end and how much they mute now."""
    from quantd.cli.alerts.daemon import daemon

    with daemon(config, url) as client:
        rows = client.silences()
    for row in rows:
        typer.echo(_line(row))
    if not rows:
        typer.echo("nothing is silenced")


def unsilence(
    silence_id: Annotated[str, typer.Argument(help="The id of the silence.", metavar="ID")], config: Config = None, url: Url = None
) -> None:
    """End a silence. What it muted and still fires is told."""
    from quantd.cli.alerts.daemon import daemon

    with daemon(config, url) as client:
        client.unsilence(silence_id)


def user() -> str:
    """Return the name of the user, as far as it is known."""
    import os

    return os.environ.get("USER", "")


def _line(row: "SilenceRow") -> str:
    ends = " or ".join(filter(None, (f"until {row.until}" if row.until else "", "until resolved" if row.until_resolved else "")))
    note = " ".join(filter(None, (row.comment, f"by {row.by}" if row.by else "")))
    return "".join(filter(str.isprintable, f"{row.id}  {row.match}  {ends}  mutes {len(row.mutes)}  {note}".rstrip()))
