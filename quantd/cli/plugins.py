"""`quantd plugins`: lists what `use:` can name."""

from typing import TYPE_CHECKING, Annotated

import typer

from quantd.cli.options import Config

if TYPE_CHECKING:
    from quantd.plugin.registry import Entry, Registry


def plugins(
    names: Annotated[list[str] | None, typer.Argument(help="Show only the plugins with these names.", metavar="[NAME...]")] = None,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with the settings of each plugin.")] = False,
) -> None:
    """List the plugins with their settings, and those that could not be loaded.

    A setting is shown as `name: accepted values = default`; the settings of the plugin itself come before those that all plugins of its
    kind have. The list includes the plugins of ./plugins, or of the folders that the config names.
    """
    import os

    from quantd.config.load import find_plugins

    registry, mistakes = find_plugins(config, os.environ)
    for mistake in mistakes:
        typer.echo(f"{mistake}; looking into ./plugins", err=True)
    entries = _named(registry, names or [])
    if as_json:
        typer.echo(_json(registry, entries))
    else:
        _print(registry, entries)


def _named(registry: "Registry", names: list[str]) -> "list[Entry]":
    from quantd.errors import QuantdError, close_to

    known = {entry.name for entry in registry.entries()}
    for name in names:
        if name not in known:
            error = QuantdError(f"no plugin is named {name!r}; `quantd plugins` lists them")
            error.suggestion = close_to(name, known)
            raise error
    return [entry for entry in registry.entries() if not names or entry.name in names]


def _json(registry: "Registry", entries: "list[Entry]") -> str:
    import json

    from quantd.config.schema import doc, settings

    plugins = [
        {"kind": entry.kind, "name": entry.name, "source": entry.source, "doc": doc(entry.plugin), "settings": settings(entry.plugin)}
        for entry in entries
    ]
    faults = [{"source": fault.source, "message": fault.message} for fault in registry.faults]
    return json.dumps({"plugins": plugins, "faults": faults}, indent=2, ensure_ascii=False)


def _print(registry: "Registry", entries: "list[Entry]") -> None:
    from quantd.config.schema import doc

    rows = [("kind", "name", "source", "what it is")]
    rows += [(entry.kind, entry.name, entry.source, _first_sentence(doc(entry.plugin))) for entry in entries]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for number, row in enumerate(rows):
        typer.echo("  ".join([*(cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True)), row[3]]).rstrip())
        if number:
            _print_fields(entries[number - 1])
    for fault in registry.faults:
        typer.echo(f"not loaded: {fault.source}: {fault.message}")


def _print_fields(entry: "Entry") -> None:
    from quantd.config.fields import fields_of

    for field in fields_of(entry.plugin):
        default = ", to be given" if field.default is None else f" = {field.default}"
        told = f"{field.name}: {field.type}{default}"
        typer.echo(f"    {told:46}  {field.description}".rstrip())


def _first_sentence(text: str) -> str:
    """Return the first sentence of a docstring on one line.

    >>> _first_sentence("Counts what is 1.5 % off\\nor more. And stops.")
    'Counts what is 1.5 % off or more.'
    """
    first, stop, _ = " ".join(text.split()).partition(". ")
    return first + stop.rstrip()
