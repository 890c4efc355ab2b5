"""Requests and what they were answered, recorded in `examples.json` from a market that stands still. tests/api/test_examples.py asks them
again and compares."""

import re
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from msgspec import Struct


class Example(Struct, frozen=True, omit_defaults=True):
    """A request to a route, and its answer."""

    name: str
    """What it shows."""
    method: str
    path: str
    """Path of the route."""
    status: int
    answer: Any
    """The body: a text unless it is JSON."""
    given: dict[str, Any] = {}
    """The parameters of path and query, by name."""
    body: Any = None
    headers: dict[str, str] = {}
    """Headers of the request."""
    type: str = "application/json"
    """Content type of the answer."""

    @property
    def key(self) -> str:
        """Its name in the document, which allows no blanks there."""
        return re.sub(r"\W+", "-", self.name)


@cache
def recorded() -> tuple[Example, ...]:
    """Return all examples."""
    return msgspec.json.decode(files(__package__).joinpath("examples.json").read_bytes(), type=tuple[Example, ...])
