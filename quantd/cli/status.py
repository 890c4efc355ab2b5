"""`quantd status`: shows the state of the running daemon."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quantd.cli.options import Config, Url

if TYPE_CHECKING:
    from rich.table import Table

    from quantd.cli.daemon_status import DaemonStatus

UNWELL = 1
_MOST_PAIRS = 40
_MOST_SYMBOLS = 20
_WELL = "live", "quiet", "closed"


def status(
    config: Config = None,
    url: Url = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: health, waiting, quality and pairs.")] = False,
) -> None:
    """Ask the running daemon for its state, and print it on one screen. The token is taken from QUANTD_TOKEN.

    Exit code 0 if it is healthy, 1 if it is degraded or down, 69 if it cannot be reached, 77 if it demands another token.
    """
    import os

    import msgspec

    from quantd.cli.daemon_status import ask, find

    where = find(config, url)
    daemon = ask(where, os.environ.get("QUANTD_TOKEN"))
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(daemon)).decode())
    else:
        _print(daemon, where)
    if daemon.health["status"] != "healthy":
        raise typer.Exit(UNWELL)


def _print(daemon: "DaemonStatus", where: str) -> None:
    from rich.text import Text

    from quantd.cli.screen import screen

    console = screen()
    console.print(Text(f"{daemon.health['status']}   {where}", style="bold"))
    console.print(Text(f"not ready: {daemon.waiting.removeprefix('Not ready: ')}" if daemon.waiting else "ready"))
    for part in (_reasons(daemon), _feeds(daemon), _symbols(daemon), _pairs(daemon)):
        if part.row_count:
            console.print()
            console.print(part)
    console.print()
    for line in _summary(daemon):
        console.print(Text(line))


def _reasons(daemon: "DaemonStatus") -> "Table":
    return _table(
        ("reason", "why", "since"), ((f"{each['what']} {each['name']}", each["text"], each["since"]) for each in _of(daemon, "reasons"))
    )


def _feeds(daemon: "DaemonStatus") -> "Table":
    names = ("feed", "state", "symbols", "warm", "trades", "refused", "last trade")
    keys = ("name", "state", "symbols", "warm", "ticks", "refused", "last_tick")
    return _table(names, ([each.get(key) for key in keys] for each in _of(daemon, "feeds")))


def _symbols(daemon: "DaemonStatus") -> "Table":
    """Return a table of the symbols that have problems or lack trades."""
    names = ("symbol", "state", "missing", "lost", "last trade")
    unwell = [each for each in daemon.quality if each.get("missing") or each.get("lost") or each.get("state") not in _WELL]
    keys = ("symbol", "state", "missing", "lost", "last_tick")
    return _table(names, ([each.get(key) for key in keys] for each in unwell[:_MOST_SYMBOLS]))


def _pairs(daemon: "DaemonStatus") -> "Table":
    names = ("pair", "every", "beta", "spread", "zscore", "corr", "coverage", "why")
    rows = ([each.get(key) for key in names[:-1]] + [_warming(each)] for each in daemon.pairs[:_MOST_PAIRS])
    return _table(names, rows)


def _warming(pair: dict[str, Any]) -> str:
    """Return why a value is missing."""
    reason = pair.get("reason") or ""
    return f"{reason} {pair['bars']}/{pair['needed']}" if reason == "warming" and "bars" in pair else reason


def _summary(daemon: "DaemonStatus") -> Iterator[str]:
    missing = sum(each.get("missing") or 0 for each in daemon.quality)
    yield f"{len(daemon.quality)} symbols, {missing:,} trades missing, {daemon.health.get('active_alerts', 0)} alert rules"
    for what, count, most in (("pairs and timeframes", len(daemon.pairs), _MOST_PAIRS),):
        if count > most:
            yield f"the first {most} of {count} {what}: --json has all"


def _of(daemon: "DaemonStatus", key: str) -> list[dict[str, Any]]:
    found = daemon.health.get(key)
    return found if isinstance(found, list) else []


def _table(names: tuple[str, ...], rows: Any) -> "Table":
    from rich.text import Text

    from quantd.cli.screen import table

    made = table(*names)
    if names[-1] == "since":
        made.columns[1].no_wrap = False
    for row in rows:
        made.add_row(*(Text(_cell(cell)) for cell in row))
    return made


def _cell(value: object) -> str:
    """Return the text of a cell. Control characters are removed, because some of the texts come from an exchange."""
    if value is None:
        return "-"
    text = f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
    return "".join(letter for letter in text if letter.isprintable())
