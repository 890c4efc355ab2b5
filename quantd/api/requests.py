"""What callers send: queries, bodies and the commands of sockets."""

from typing import Annotated

from msgspec import Meta, Struct, field

Finite = Annotated[float, Meta(ge=-1e300, le=1e300)]
Count = Annotated[int, Meta(ge=1)]


class RangeQuery(Struct, frozen=True):
    """A stretch of history; the newest `limit` of it."""

    tf: str = "1m"
    since: str | None = field(name="from", default=None)
    until: str | None = field(name="to", default=None)
    limit: Count | None = None


class SymbolQuery(Struct, frozen=True):
    """One symbol, or all."""

    symbol: str | None = None


class PairQuery(Struct, frozen=True):
    """A pair as `pair` or as `symbol_a` and `symbol_b`, and a method as `regression` or `method`."""

    pair: str | None = None
    symbol_a: str | None = None
    symbol_b: str | None = None
    tf: str = "1m"
    window: int = 60
    regression: str | None = None
    method: str | None = None
    format: str = "csv"


class OhlcvQuery(Struct, frozen=True):
    """Bars of one symbol."""

    symbol: str
    tf: str = "1m"
    limit: Count | None = None


class LimitQuery(Struct, frozen=True):
    """How many."""

    limit: Count | None = None


class StreamBody(Struct, frozen=True):
    """Symbols to start or stop; `tick_mode` says nothing."""

    symbols: list[str]
    tick_mode: bool = True


class RuleBody(Struct, frozen=True):
    """A rule to make."""

    metric: str
    pair: str
    op: str
    value: Finite


class Subscribe(Struct, frozen=True, tag_field="action", tag="subscribe"):
    """A client wants these symbols."""

    symbols: list[str]


class Unsubscribe(Struct, frozen=True, tag_field="action", tag="unsubscribe"):
    """A client no longer wants these symbols."""

    symbols: list[str]


class Ping(Struct, frozen=True, tag_field="action", tag="ping"):
    """A client asks whether we are there."""


Command = Subscribe | Unsubscribe | Ping
