"""`quantd check`: whether the config is right, without starting anything."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from quantd.config.load import Loaded


def check(config: Annotated[Path | None, typer.Option(help="The config file.", metavar="FILE")] = None) -> None:
    """Check the config and every pipeline, start nothing.

    Prints what is configured, or every mistake with its place (exit code 2)."""
    import os

    from quantd.config.load import load
    from quantd.errors import ConfigError

    try:
        loaded = load(config, os.environ, all_pipelines=True)
    except ConfigError as error:
        for mistake in error.mistakes:
            typer.echo(mistake, err=True)
        count = len(error.mistakes)
        typer.echo(f"{count} mistake{'s' * (count != 1)}", err=True)
        raise typer.Exit(2) from None
    for line in _summary(loaded):
        typer.echo(line)
    for fault in loaded.registry.faults:
        typer.echo(f"warning: {fault.source}: {fault.message}", err=True)


def _summary(loaded: "Loaded") -> list[str]:
    config, plugins = loaded.config, loaded.registry.entries()
    pairs = [f"{pair.name} ({pair.pipeline})" for pair in config.pairs]
    rows = {
        "config": str(loaded.path),
        "pairs": ", ".join(pairs),
        "symbols": ", ".join(config.symbols),
        "feeds": ", ".join(config.feeds),
        "sinks": ", ".join(config.sinks),
        "store": ", ".join(entry.name for entry in plugins if entry.plugin is type(config.store)),
        "jobs": str(len(config.jobs)),
        "plugins": str(len(plugins)),
    }
    return [f"{name:8} {text or 'none'}" for name, text in rows.items()]
