"""Messages that were recorded in `examples.json`. tests/api/test_asyncapi.py has them spoken again and compares."""

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from msgspec import Struct


class Example(Struct, frozen=True):
    """A message that was sent over a socket."""

    name: str
    """What it shows."""
    path: str
    """Path of the socket."""
    struct: str
    """Name of its struct."""
    message: dict[str, Any]


@cache
def recorded() -> tuple[Example, ...]:
    """Return all examples."""
    return msgspec.json.decode(files(__package__).joinpath("examples.json").read_bytes(), type=tuple[Example, ...])
