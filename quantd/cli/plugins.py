"""`quantd plugins`: what `use:` can name."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from quantd.plugin.registry import Registry


def plugins(
    config: Annotated[Path | None, typer.Option(help="The config file whose plugins section counts.", metavar="FILE")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with the settings of each plugin.")] = False,
) -> None:
    """List the plugins, and what could not be loaded.

    Those of ./plugins are among them, or of the folders that the config names."""
    import os

    from quantd.config.load import find_plugins

    registry, mistakes = find_plugins(config, os.environ)
    for mistake in mistakes:
        typer.echo(f"{mistake}; looking into ./plugins", err=True)
    if as_json:
        typer.echo(_json(registry))
    else:
        _print(registry)


def _json(registry: "Registry") -> str:
    import json

    from quantd.config.schema import doc, settings

    plugins = [
        {"kind": entry.kind, "name": entry.name, "source": entry.source, "doc": doc(entry.plugin), "settings": settings(entry.plugin)}
        for entry in registry.entries()
    ]
    faults = [{"source": fault.source, "message": fault.message} for fault in registry.faults]
    return json.dumps({"plugins": plugins, "faults": faults}, indent=2, ensure_ascii=False)


def _print(registry: "Registry") -> None:
    from quantd.config.schema import doc

    rows = [("kind", "name", "source", "what it is")]
    rows += [(entry.kind, entry.name, entry.source, doc(entry.plugin).partition("\n")[0]) for entry in registry.entries()]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        typer.echo("  ".join([*(cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True)), row[3]]).rstrip())
    for fault in registry.faults:
        typer.echo(f"not loaded: {fault.source}: {fault.message}")
