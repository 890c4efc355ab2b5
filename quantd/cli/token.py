"""`quantd token`: makes, lists and revokes the tokens of the API."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quantd.cli.options import Config
from quantd.errors import QuantdError, checked

if TYPE_CHECKING:
    from quantd.tokens import Right, TokenFile

token = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(help="The name of the token, which the log shows.", metavar="NAME")]


@token.callback()
def _token() -> None:
    """Make, list and revoke the tokens of the API's callers."""


@token.command()
def create(
    name: Name,
    scope: Annotated[str, typer.Option(help="What it is for: read, write (and read), or admin (and both).")] = "read",
    expires: Annotated[str | None, typer.Option(help="When it ends; it does not if this is not given.", metavar="90d")] = None,
    config: Config = None,
) -> None:
    """Make a token and print it, alone. It is not kept and cannot be shown again.

    A running daemon knows it within a second, and asks every caller for one from then on.
    """
    from quantd.clock import SystemClock
    from quantd.times import iso

    right = _right(scope)
    now = SystemClock().now()
    until = None if expires is None else now + checked("--expires", _lifetime, expires)
    typer.echo(_file(config).create(name, right, now, until))
    ends = "without end" if until is None else f"until {iso(until)}"
    typer.echo(f"quantd: {name} may {right}, {ends}; the token is not shown again", err=True)


@token.command(name="list")
def listed(config: Config = None) -> None:
    """List the tokens, without what is secret of them."""
    from rich.text import Text

    from quantd.cli.screen import screen, table
    from quantd.clock import SystemClock
    from quantd.times import iso

    tokens, now = _file(config).read(), SystemClock().now()
    if not tokens:
        typer.echo("quantd: there are no tokens", err=True)
        return
    rows = table("name", "scope", "state", "created", "ends")
    for each in tokens:
        ends = "never" if each.until is None else iso(each.until)
        rows.add_row(*map(Text, (each.name, each.scope, each.ended(now) or "valid", iso(each.created), ends)))
    screen().print(rows)


@token.command()
def revoke(name: Name, config: Config = None) -> None:
    """Revoke a token. A running daemon refuses it within a second, and closes the WebSockets that it opened."""
    from quantd.clock import SystemClock

    _file(config).revoke(name, SystemClock().now())
    typer.echo(f"quantd: {name} is revoked", err=True)


def _file(config: Path | None) -> "TokenFile":
    import os

    from quantd.config.load import load
    from quantd.tokens import TokenFile

    return TokenFile(load(config, os.environ).config.state_dir)


def _right(text: str) -> "Right":
    """Return the right of `--scope`. Raises QuantdError."""
    from quantd.errors import close_to
    from quantd.tokens import RIGHTS

    for right in RIGHTS:
        if right == text:
            return right
    error = QuantdError(f"--scope: {text!r} is none of {', '.join(RIGHTS)}")
    error.suggestion = close_to(text, RIGHTS)
    raise error


def _lifetime(text: str) -> int:
    """Return the ms for which a token is valid. Raises ValueError."""
    from quantd.timeframes import DAY, duration

    if not 0 < (lifetime := duration(text)) <= 3_660 * DAY:
        raise ValueError(f"{text!r} is not between 1ms and 3660d")
    return lifetime
