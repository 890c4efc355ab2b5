"""Bookmarks: where a stream stands, as a text that a program can keep and pass as `since` in its next run."""

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import msgspec
from msgspec import Struct

from quantd.client.frames import Position

PREFIX = "q1."
_LARGEST = 4 * 2**20


class Standing(Struct, frozen=True):
    """Where a stream of this topic stands."""

    topic: str
    position: Position | None
    """Of the last frame whose rows were all taken."""
    skip: int
    """How many rows of the next frame were taken."""
    start: str | None
    """Time before which rows are not wanted."""
    seen: list[Any]
    """As `Seen.dump` gives it."""


def pack(standing: Standing) -> str:
    """Return the bookmark."""
    return PREFIX + urlsafe_b64encode(zlib.compress(msgspec.json.encode(standing), 9)).decode()


def unpack(text: str) -> Standing:
    """Return what a bookmark says. Raises ValueError."""
    try:
        packed = urlsafe_b64decode(text.removeprefix(PREFIX))
        return msgspec.json.decode(zlib.decompressobj().decompress(packed, _LARGEST), type=Standing)
    except (ValueError, zlib.error, msgspec.DecodeError):
        raise ValueError(f"{text[:40]!r} is no bookmark") from None
