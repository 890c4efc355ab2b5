"""`quantd alerts list`, `show` and `remove`: the rules of the running daemon."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from quantd.cli.options import Config, Url
from quantd.errors import QuantdError, close_to

if TYPE_CHECKING:
    from quantd.api.schema.rules import RuleRow
    from quantd.client.sync import Client

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="The id of a rule, its beginning, or the rule's name, as `quantd alerts list` shows them.")]


def list_rules(config: Config = None, url: Url = None, as_json: Json = False) -> None:
    """List the alert rules of pipelines, of quantd.yaml and those made by request, with their present states."""
    from quantd.cli.alerts.daemon import daemon

    with daemon(config, url) as client:
        rows = client.all_rules()
    if as_json:
        _print_json(rows)
    elif rows:
        _print(rows)
    else:
        typer.echo("quantd: there are no rules", err=True)


def show(rule: Name, config: Config = None, url: Url = None, as_json: Json = False) -> None:
    """Show all keys of a rule, and its present state."""
    import msgspec

    from quantd.cli.alerts.daemon import daemon

    with daemon(config, url) as client:
        row = _named(client.all_rules(), rule)
    if as_json:
        _print_json(row)
        return
    keys = msgspec.to_builtins(row)
    for key, value in (keys | keys.pop("state")).items():
        if value not in (None, [], {}):
            typer.echo(f"{key:16} {_cell(value)}")


def remove(rule: Name, config: Config = None, url: Url = None) -> None:
    """Remove a rule that was made by request. The token is taken from QUANTD_TOKEN, and needs the scope write."""
    from quantd.cli.alerts.daemon import daemon

    with daemon(config, url) as client:
        rows = client.all_rules()
        if not _meant(rows, rule) and _is_dropped(client, rule):
            typer.echo(f"quantd: {rule}, which was not judged, is removed", err=True)
            return
        row = _named(rows, rule)
        client.drop_rule(row.id)
    typer.echo(f"quantd: {row.name} on {row.of} is removed", err=True)


def _is_dropped(client: "Client", rule_id: str) -> bool:
    """Return whether the daemon has removed a rule that is not listed: one that the config does not allow any more, as /health says."""
    from quantd.client.errors import Refused

    try:
        client.drop_rule(rule_id)
    except Refused as error:
        if error.status != 404:
            raise
        return False
    return True


def _meant(rows: "Sequence[RuleRow]", text: str) -> "list[RuleRow]":
    """Return the rule of that id, or those whose id begins so or that have that name."""
    return [row for row in rows if row.id == text] or [row for row in rows if row.name == text or row.id.startswith(text)]


def _named(rows: "Sequence[RuleRow]", text: str) -> "RuleRow":
    """Return the rule of that id, or the only one whose id begins so or that has that name. Raises QuantdError."""
    found = _meant(rows, text)
    if len(found) == 1:
        return found[0]
    if found:
        raise QuantdError(f"{len(found)} rules are meant by {text!r}: give an id: {', '.join(row.id for row in found)}")
    error = QuantdError(f"no rule {text!r}: `quantd alerts list` shows what there is")
    error.suggestion = close_to(text, [row.name for row in rows])
    raise error


def _print(rows: "Sequence[RuleRow]") -> None:
    from rich.text import Text

    from quantd.cli.screen import screen, table

    shown = table("name", "of", "every", "state", "value", "since", "when", "from", "id")
    for column in shown.columns[1:]:
        column.justify = "left"
    for row in rows:
        state = row.state
        since = state.since if state.phase != "inactive" else None
        every = "tick" if row.on == "tick" else row.every
        cells = row.name, row.of, every, state.phase, state.value, since, row.when, row.origin, row.id
        shown.add_row(*(Text(_cell(cell)) for cell in cells))
    screen().print(shown)


def _print_json(rows: object) -> None:
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(rows)).decode())


def _cell(value: object) -> str:
    """Return the text of a cell, without control characters."""
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    if isinstance(value, dict):
        value = ", ".join(f"{key}={each}" for key, each in value.items())
    text = "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    return "".join(filter(str.isprintable, text))
