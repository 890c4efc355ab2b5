"""What a feed tells of itself."""

from typing import Literal

import msgspec


class Progress(msgspec.Struct, frozen=True):
    """How far a feed that ends has come, in units of its own."""

    done: int
    total: int


class ConnectionHealth(msgspec.Struct, frozen=True):
    """One line to a venue. `age` is in seconds, of the connection that is up; `silent` names the symbols that were found to bring nothing
    though there is trade; `reconnects` counts losses, not planned changes; `skipped` counts frames that could not be read."""

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
    """How a feed is. `banned_until` (ms UTC) is until when the venue wants nothing from us; None where it has not said so. `unrecorded`
    counts frames that were to be recorded and could not be, `resyncs` how often an order book had to be begun anew."""

    connections: tuple[ConnectionHealth, ...] = ()
    banned_until: int | None = None
    unrecorded: int = 0
    resyncs: int = 0
