"""What a stream yields besides rows."""

from msgspec import Struct


class Hole(Struct, frozen=True):
    """Rows that are missing: the daemon could not give them again, and neither could its record. What follows is whole again."""

    topic: str
    reason: str
    after: str | None = None
    """Time of the last row before the hole; None if there was none, or the rows have no time."""
    until: str | None = None
    """Time of the first known row behind the hole; None if the next row tells."""


class Lagged(Struct, frozen=True):
    """The program took its rows too slowly: `count` rows were not kept for it. They follow, read again, or a `Hole` says that they cannot
    be."""

    topic: str
    count: int
