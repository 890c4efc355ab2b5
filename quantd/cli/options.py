"""Reads options that more than one command has. What is wrong is a QuantdError that names the option."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from quantd.errors import QuantdError
from quantd.times import parse_time

Config = Annotated[Path | None, typer.Option("--config", "-c", help="The config file.", metavar="FILE")]
"""Of every command that reads one."""
Given = TypeVar("Given")
Made = TypeVar("Made")


def checked(option: str, read: Callable[[Given], Made], given: Given) -> Made:
    """What `read` makes of it; its ValueError as the option's."""
    try:
        return read(given)
    except ValueError as error:
        wrong = QuantdError(f"{option}: {error}")
        wrong.suggestion = getattr(error, "suggestion", None)
        raise wrong from None


def times(since: str | None, until: str | None) -> tuple[int | None, int | None]:
    """`--from` and `--to` in ms; None is what was not given."""
    start, end = (checked(name, parse_time, text) if text else None for name, text in (("--from", since), ("--to", until)))
    if start is not None and end is not None and start >= end:
        raise QuantdError(f"--to: {until} is not after --from {since}")
    return start, end


def find_place(path: Path) -> None:
    """Before the work, not after it."""
    if not path.parent.is_dir():
        raise QuantdError(f"cannot write {path}: there is no folder {path.parent}")
