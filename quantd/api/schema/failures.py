"""The bodies of failures, as the contract of the frontend defines them."""

from typing import Any

from msgspec import Struct, field


class Failed(Struct, frozen=True):
    """Why a request was not answered."""

    detail: str
    """What is wrong, and what to do about it."""


class Mistake(Struct, frozen=True):
    """A field of a request that is missing or of the wrong type."""

    kind: str = field(name="type")
    """The kind of the mistake, such as `missing`."""
    loc: list[str]
    """Where it is: `query` or `body`, then the names of the fields that lead to it."""
    msg: str
    input: Any
    """What was given there."""


class Mistaken(Struct, frozen=True):
    """The mistakes in the fields of a request."""

    detail: list[Mistake]
