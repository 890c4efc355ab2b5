"""The specification of a fault: its kind, its targets, its parameters and its time."""

from typing import Annotated, Any

from msgspec import Meta, Struct

Natural = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0, le=1)]


class FaultSpecError(ValueError):
    """The specification asks for a fault that does not exist. The text gives the reason."""


class Match(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The targets of a fault. An absent field matches everything.

    `conn` is the id of a connection, `stream` a whole stream name, `symbol` in upper case, `path` the beginning of a
    path. Of the events (frames, connections, requests, answers) that fit, `nth` takes one, counted from 1, and `prob`
    a share.
    """

    conn: int | None = None
    stream: str | None = None
    symbol: str | None = None
    path: str | None = None
    nth: Count | None = None
    prob: Share | None = None

    def takes_stream(self, stream: str) -> bool:
        """Return whether a stream of this name matches."""
        prefixes = None if self.symbol is None else tuple(self.symbol.lower() + sign for sign in "@_")  # _ for continuous klines
        return self.stream in (None, stream) and (prefixes is None or stream.startswith(prefixes))

    def takes_path(self, path: str) -> bool:
        return self.path is None or path.startswith(self.path)


class FaultSpec(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`at` is a time of the exchange's clock in ms since 1970 (default: now), `for_ms` how long it lasts (default: until it is deleted)."""

    kind: str
    match: Match = Match()
    params: dict[str, Any] = {}
    for_ms: Natural | None = None
    at: int | None = None
