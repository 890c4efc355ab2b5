"""The structs of requests: queries, bodies and the commands of sockets."""

from typing import Annotated

from msgspec import Meta, Struct, field

from quantd.model import Against, Prices, Spread, ZMethod
from quantd.stats.positions import Sizing

Finite = Annotated[float, Meta(ge=-1e300, le=1e300)]
OfHedge = Annotated[float, Meta(ge=-1e100, le=1e100)]
Count = Annotated[int, Meta(ge=1)]


class RangeQuery(Struct, frozen=True):
    """A range of time, of which the newest `limit` rows are wanted."""

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
    spread: Spread = "hedge"
    zscore: ZMethod = "window"
    against: Against = "now"
    prices: Prices = "raw"
    beta: OfHedge | None = None
    """Beta of a fixed hedge, as `alpha` is its alpha."""
    alpha: OfHedge | None = None
    format: str = "csv"


class BacktestQuery(PairQuery, frozen=True):
    """A pair, and the rules by which to trade it; `format` is json or html."""

    entry: Finite = 2.0
    exit: Finite = 0.0
    stop: Finite | None = None
    fee_bps: Finite = 5.0
    slippage_bps: Finite = 0.0
    notional: Finite = 1000.0
    sizing: Sizing = "beta"
    hold: bool = False
    split: Finite | None = None
    """Share of the bars' time that is in-sample."""
    limit: Count = 1440
    format: str = "json"


class LeadLagQuery(Struct, frozen=True):
    """A pair, the time to look back, and the lags to try, in seconds."""

    pair: str
    seconds: Annotated[float, Meta(gt=0, le=86_400)] = 600.0
    max_lag: Annotated[float, Meta(ge=0, le=3_600)] = 10.0
    step: Annotated[float, Meta(ge=0.001, le=3_600)] = 0.5


class OhlcvQuery(Struct, frozen=True):
    """Bars of one symbol."""

    symbol: str
    tf: str = "1m"
    limit: Count | None = None


class LimitQuery(Struct, frozen=True):
    """The maximum number of rows."""

    limit: Count | None = None


class RecordedQuery(Struct, frozen=True):
    """A range of time, of which the oldest `limit` recorded trades are wanted."""

    start_time: str | None = None
    end_time: str | None = None
    limit: Annotated[int, Meta(ge=1, le=100_000)] = 1_000


class RecordedBody(Struct, frozen=True):
    """A range of time of recorded bars. `timeframe` may also be an alias of pandas, such as 5T."""

    symbol: str
    timeframe: str = "1T"
    start_time: str | None = None
    end_time: str | None = None


class CleanupQuery(Struct, frozen=True):
    """The age in hours from which on rows are deleted."""

    hours: Annotated[int, Meta(ge=1, le=720)] = 24


class StreamBody(Struct, frozen=True):
    """Symbols to start or stop; `tick_mode` is accepted and ignored."""

    symbols: list[str]
    tick_mode: bool = True


class RuleBody(Struct, frozen=True):
    """A rule to create."""

    metric: str
    pair: str
    op: str
    value: Finite


class Subscribe(Struct, frozen=True, tag_field="action", tag="subscribe"):
    """Subscribe to these symbols."""

    symbols: list[str]


class Unsubscribe(Struct, frozen=True, tag_field="action", tag="unsubscribe"):
    """Unsubscribe from these symbols."""

    symbols: list[str]


class Ping(Struct, frozen=True, tag_field="action", tag="ping"):
    """Ask for a pong."""


Command = Subscribe | Unsubscribe | Ping
