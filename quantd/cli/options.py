"""Options that several commands share. A wrong option raises QuantdError, which names it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quantd.errors import QuantdError, checked
from quantd.times import parse_time

if TYPE_CHECKING:
    from quantd.config.load import Loaded
    from quantd.history.history import History

Config = Annotated[Path | None, typer.Option("--config", "-c", help="The config file.", metavar="FILE")]
"""Option of every command that reads a config."""
Url = Annotated[str | None, typer.Option(help="Address of the API; by default $QUANTD_URL, or the one in the config.", metavar="URL")]
"""Option of every command that asks a running daemon."""

Auth = Annotated[str | None, typer.Option("--auth", help="tokens or none: what api.auth.mode says otherwise.", metavar="MODE")]
"""Option of every command that serves the API."""


def times(since: str | None, until: str | None) -> tuple[int | None, int | None]:
    """Return `--from` and `--to` in ms; None for an option that is not given."""
    start, end = (checked(name, parse_time, text) if text else None for name, text in (("--from", since), ("--to", until)))
    if start is not None and end is not None and start >= end:
        raise QuantdError(f"--to: {until} is not after --from {since}")
    return start, end


def find_place(path: Path) -> None:
    """Raise QuantdError if a file cannot be written at the path. Commands call this before their work and not after it."""
    if not path.parent.is_dir():
        raise QuantdError(f"cannot write {path}: there is no folder {path.parent}")


@contextmanager
def recorded(config: Path | None, instead: str = "") -> "Iterator[tuple[Loaded, History]]":
    """Open the config and the history of its store, read-only. `instead` says what else the user can do if there is no store. Raises
    QuantdError."""
    import os

    from quantd.config.load import load
    from quantd.history.opened import open_history
    from quantd.log import setup

    loaded = load(config, os.environ)
    store = loaded.config.store
    if store is None:
        raise QuantdError(f"{loaded.path} has no store, so there is no history: {instead}set `store: local` and let the daemon run")
    setup("warning")
    with open_history(store, loaded.config.state_dir) as history:
        yield loaded, history
