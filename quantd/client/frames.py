"""The messages of `/api/v1/ws`, version 1, as the client reads and writes them."""

from typing import Any

import msgspec
from msgspec import Raw, Struct

VERSION = 1
"""The version of the protocol."""


class Hello(Struct, frozen=True):
    """The first message: who serves, and whom."""

    version: int
    epoch: str
    quantd: str = ""
    ts: str = ""
    limits: dict[str, int] = {}
    caller: str | None = None
    scopes: list[str] = []


class Frame(Struct, frozen=True):
    """Any other message of the daemon. Each type has some of these fields."""

    type: str
    topic: str = ""
    id: int | str | None = None
    epoch: str = ""
    seq: int = 0
    rows: Raw = Raw(b"[]")
    snapshot: bool = False
    recovered: bool = False
    missed: tuple[int, int | None] | None = None
    count: int = 0
    code: str = ""
    text: str = ""
    state: str = ""
    until: str | None = None


class Position(Struct, frozen=True):
    """The number of a frame; numbers begin anew with each epoch."""

    epoch: str
    seq: int


class Subscribe(Struct, frozen=True, tag_field="action", tag="subscribe", omit_defaults=True):
    """Asks for a topic, from behind a position if one is given."""

    topic: str
    id: int
    since: Position | None = None


class Unsubscribe(Struct, frozen=True, tag_field="action", tag="unsubscribe"):
    """Ends a topic."""

    topic: str


Command = Subscribe | Unsubscribe
encode = msgspec.json.Encoder().encode
frame = msgspec.json.Decoder(Frame).decode
hello = msgspec.json.Decoder(Hello).decode


def decoder(row: Any) -> "msgspec.json.Decoder[list[Any]]":
    """Return a decoder of a list of such rows."""
    return msgspec.json.Decoder(list[row])
