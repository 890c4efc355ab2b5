"""A feed's report about itself: its progress and its connections."""

from typing import Literal

import msgspec


class Progress(msgspec.Struct, frozen=True):
    """The progress of a feed that ends, in units of its own."""

    done: int
    total: int


class ConnectionHealth(msgspec.Struct, frozen=True):
    """The health of one connection to a venue. `age` is the age of the current connection in seconds. `silent` names the symbols that
    receive no data although they trade. `reconnects` counts losses, not planned changes. `skipped` counts frames that could not be read."""

    name: str
    route: str
    streams: int
    state: Literal["connecting", "subscribing", "up", "handing over"]
    age: float | None = None
    reconnects: int = 0
    handovers: int = 0
    silent: tuple[str, ...] = ()
    skipped: int = 0


class FeedHealth(msgspec.Struct, frozen=True):
    """The health of a feed. `banned_until` (ms UTC) is the time until which the venue refuses requests; None without a ban. `unrecorded`
    counts frames that could not be recorded although they should have been, `resyncs` the times an order book was built anew."""

    connections: tuple[ConnectionHealth, ...] = ()
    banned_until: int | None = None
    unrecorded: int = 0
    resyncs: int = 0
