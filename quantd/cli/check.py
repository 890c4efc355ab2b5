"""`quantd check`: checks the config without starting anything."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from quantd.cli.options import Config

if TYPE_CHECKING:
    from quantd.config.load import Loaded
    from quantd.errors import Mistake

_PATIENCE_S = 10.0
_UNAVAILABLE = 69
"""Exit code EX_UNAVAILABLE of sysexits.h."""


def check(
    config: Config = None,
    online: Annotated[bool, typer.Option("--online", help="Also ask the exchanges whether they list each symbol.")] = False,
) -> None:
    """Check the config and every pipeline without starting anything.

    Prints what is configured, or every mistake with its place (exit code 2). With --online, exit code 69 says that an exchange could not be
    asked.
    """
    import os

    from quantd.config.load import load, nothing_to_watch
    from quantd.errors import ConfigError

    try:
        loaded = load(config, os.environ, all_pipelines=True)
    except ConfigError as error:
        _fail(error.mistakes)
    if wrong := _keys_missing(loaded):
        _fail([wrong])
    for line in _summary(loaded):
        typer.echo(line)
    if idle := nothing_to_watch(loaded):
        typer.echo(f"warning: {idle}", err=True)
    for fault in loaded.registry.faults:
        typer.echo(f"warning: {fault.source}: {fault.message}", err=True)
    if online:
        _ask(loaded)


def _fail(mistakes: "Sequence[Mistake]") -> NoReturn:
    for mistake in mistakes:
        typer.echo(mistake, err=True)
    count = len(mistakes)
    typer.echo(f"{count} mistake{'s' * (count != 1)}", err=True)
    raise typer.Exit(2) from None


def _keys_missing(loaded: "Loaded") -> "Mistake | None":
    """Return the mistake of a JWKS file without keys. Only this command reads it: the daemon waits for one that is not there yet."""
    from pathlib import Path

    from quantd.api.access.issuer import fault_of

    path = loaded.config.api.auth.jwt.jwks
    fault = fault_of(Path(path)) if path else None
    if not fault:
        return None
    node = loaded.nodes[""]
    for key in ("api", "auth", "jwt", "jwks"):
        node = node.value[key]
    return node.mistake("api.auth.jwt.jwks", fault)


def _ask(loaded: "Loaded") -> None:
    """Ask the exchanges for their symbols, and print which symbols of the config they list."""
    import asyncio

    from quantd.config.online import ask
    from quantd.log import silenced

    with silenced():  # failures are part of the answer
        found = asyncio.run(ask(loaded, _PATIENCE_S))
    for name, count in found.listed.items():
        typer.echo(f"{'online':8} {name} lists {f'{count} symbols' if count else 'none, so nothing is known of its symbols'}")
    for fault in found.faults:
        typer.echo(f"quantd: {fault}", err=True)
    if found.mistakes:
        _fail(found.mistakes)
    if found.faults:
        raise typer.Exit(_UNAVAILABLE)


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
