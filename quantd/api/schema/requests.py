"""The structs of requests: queries, bodies and the commands of sockets. Each field of a query or a body has a description, which the
OpenAPI document tells."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from quantd.api.schema.kinds import Count, Finite, Moment, OfHedge, Symbol, Timeframe
from quantd.api.schema.topics import Authenticate
from quantd.model import Against, Prices, Spread, ZMethod
from quantd.services.record import MOST_ROWS
from quantd.stats.positions import Sizing

_BPS = {"minimum": 0, "exclusiveMaximum": 10_000}


class RangeQuery(Struct, frozen=True):
    """A range of time, of which the newest `limit` rows are wanted."""

    tf: Annotated[
        str, Meta(description="Timeframe of the bars, 1s to 1d, or the name of event bars.", extra_json_schema={"examples": ["1m"]})
    ] = "1m"
    since: Annotated[Moment, Meta(description="Beginning of the range.")] | None = field(name="from", default=None)
    until: Annotated[Moment, Meta(description="End of the range.")] | None = field(name="to", default=None)
    limit: Annotated[Count, Meta(description="Maximum number of rows, of which the newest are answered.")] | None = None


class TicksQuery(RangeQuery, frozen=True):
    """A range of trades, of which the newest `limit` are wanted."""

    before_id: Annotated[int, Meta(ge=0, le=2**63 - 1, description="Trades have smaller ids than this.")] = 2**63 - 1


class SymbolQuery(Struct, frozen=True):
    """One symbol, or all."""

    symbol: Annotated[Symbol, Meta(description="The symbol; all symbols by default.")] | None = None


class PairQuery(Struct, frozen=True):
    """A pair as `pair` or as `symbol_a` and `symbol_b`, and a method as `regression` or `method`."""

    pair: (
        Annotated[str, Meta(description="The pair, y before x, in any case.", extra_json_schema={"examples": ["BTCUSDT-ETHUSDT"]})] | None
    ) = None
    symbol_a: Annotated[Symbol, Meta(description="The leg y, instead of `pair`.")] | None = None
    symbol_b: Annotated[Symbol, Meta(description="The leg x, instead of `pair`.")] | None = None
    tf: Timeframe = "1m"
    window: Annotated[
        int, Meta(description="Number of bars that a value is computed over.", extra_json_schema={"minimum": 2, "maximum": 2000})
    ] = 60
    regression: (
        Annotated[
            str,
            Meta(description="Regression of the hedge ratio, in any case; OLS by default.", extra_json_schema={"examples": ["OLS"]}),
        ]
        | None
    ) = None
    method: Annotated[str, Meta(description="Another name of `regression`.", extra_json_schema={"examples": ["OLS"]})] | None = None
    spread: Annotated[Spread, Meta(description="hedge: y - beta * x; residual: alpha is subtracted, too.")] = "hedge"
    zscore: Annotated[ZMethod, Meta(description="How the middle and the unit of the z-score are found.")] = "window"
    against: Annotated[Against, Meta(description="Window that a bar is scored with: the one that ends with it, or the one before.")] = "now"
    prices: Annotated[Prices, Meta(description="What is fitted: prices, or their logarithms.")] = "raw"
    beta: Annotated[OfHedge, Meta(description="Beta of a given hedge, for regression=FIXED.")] | None = None
    alpha: Annotated[OfHedge, Meta(description="Alpha of a given hedge; 0 by default.")] | None = None


class ExportQuery(PairQuery, frozen=True):
    """A pair, and the format of the download."""

    format: Annotated[str, Meta(description="Format of the download.", extra_json_schema={"enum": ["csv"]})] = "csv"


class BacktestQuery(PairQuery, frozen=True):
    """A pair, and the rules by which to trade it."""

    entry: Annotated[Finite, Meta(description="|z| from which on the spread is traded.", extra_json_schema={"exclusiveMinimum": 0})] = 2.0
    exit: Annotated[Finite, Meta(description="z at which a position is closed, on the side of its entry.")] = 0.0
    stop: Annotated[Finite, Meta(description="|z| at which a position is stopped out, above `entry`.")] | None = None
    fee_bps: Annotated[float, Meta(description="Fee of each leg, bps of the value.", extra_json_schema=_BPS)] = 5.0
    slippage_bps: Annotated[float, Meta(description="Slippage of each leg, bps of the value.", extra_json_schema=_BPS)] = 0.0
    notional: Annotated[
        float, Meta(description="Value of both legs at the entry.", extra_json_schema={"exclusiveMinimum": 0, "maximum": 1e15})
    ] = 1000.0
    sizing: Annotated[Sizing, Meta(description="How the value is split: by beta, or the same value in both legs.")] = "beta"
    hold: Annotated[bool, Meta(description="Judge exits and stops by the beta, mean and std of the entry.")] = False
    split: (
        Annotated[
            float,
            Meta(
                description="Share of the bars' time that is in-sample; no split by default.",
                extra_json_schema={"exclusiveMinimum": 0, "exclusiveMaximum": 1},
            ),
        ]
        | None
    ) = None
    limit: Annotated[Count, Meta(description="Number of bars, of which the newest 10,000 are tested at most.")] = 1440
    format: Annotated[str, Meta(description="Format of the answer.", extra_json_schema={"enum": ["json", "html"]})] = "json"


class LeadLagQuery(Struct, frozen=True):
    """A pair, the time to look back, and the lags to try, in seconds."""

    pair: Annotated[str, Meta(description="The pair, y before x, in any case.", extra_json_schema={"examples": ["BTCUSDT-ETHUSDT"]})]
    seconds: Annotated[float, Meta(gt=0, le=86_400, description="Time to look back, s.")] = 600.0
    max_lag: Annotated[float, Meta(ge=0, le=3_600, description="Largest lag, s.")] = 10.0
    step: Annotated[float, Meta(ge=0.001, le=3_600, description="Distance of the lags, s.")] = 0.5


class OhlcvQuery(Struct, frozen=True):
    """Bars of one symbol."""

    symbol: Symbol
    tf: Timeframe = "1m"
    since: Annotated[Moment, Meta(description="Beginning of the range.")] | None = field(name="from", default=None)
    until: Annotated[Moment, Meta(description="End of the range.")] | None = field(name="to", default=None)
    limit: Annotated[Count, Meta(description="Maximum number of bars, of which the newest are answered.")] | None = None


class ChartQuery(Struct, frozen=True):
    """A range of time, of which the newest `limit` bars are drawn, and the moving averages to draw."""

    tf: Timeframe = "1m"
    since: Annotated[Moment, Meta(description="Beginning of the range.")] | None = field(name="from", default=None)
    until: Annotated[Moment, Meta(description="End of the range.")] | None = field(name="to", default=None)
    limit: Annotated[int, Meta(ge=1, le=2_000, description="Maximum number of bars, of which the newest are drawn.")] | None = None
    ma: Annotated[
        str, Meta(description="Windows of the moving averages, at most 10.", extra_json_schema={"pattern": "^([1-9][0-9]{0,3},?)*$"})
    ] = "7,25,99"


class LimitQuery(Struct, frozen=True):
    """The maximum number of rows."""

    limit: Annotated[Count, Meta(description="Maximum number of rows, of which the newest are answered.")] | None = None


class RecordedQuery(Struct, frozen=True):
    """A range of time, of which the oldest `limit` recorded trades are wanted."""

    start_time: Annotated[Moment, Meta(description="Beginning of the range.")] | None = None
    end_time: Annotated[Moment, Meta(description="End of the range.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=100_000, description="Maximum number of trades, of which the oldest are answered.")] = 1_000


class RecordedBody(Struct, frozen=True):
    """A range of time of recorded bars."""

    symbol: Annotated[Symbol, Meta(min_length=1)]
    timeframe: Annotated[
        str, Meta(description="Length of the bars, such as 5m, or its alias in pandas, such as 5T.", extra_json_schema={"examples": ["5T"]})
    ] = "1T"
    start_time: Annotated[Moment, Meta(description="Beginning of the range.")] | None = None
    end_time: Annotated[Moment, Meta(description="End of the range.")] | None = None


class CleanupQuery(Struct, frozen=True):
    """The age from which on rows are deleted."""

    hours: Annotated[int, Meta(ge=1, le=720, description="Age in hours from which on rows are deleted.")] = 24


class PageQuery(Struct, frozen=True):
    """The first `limit` recorded rows of since <= ts < until."""

    since: Annotated[Moment, Meta(description="Beginning of the range.")] | None = None
    until: Annotated[Moment, Meta(description="End of the range, which is not in it.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=MOST_ROWS, description="Maximum number of rows, of which the oldest are answered.")] = 1_000
    format: Annotated[Literal["json", "ndjson", "csv"], Meta(description="Format of the answer: ndjson is a row a line.")] = "json"


class SeriesQuery(PageQuery, frozen=True):
    """A page of a series of bars or points."""

    every: Annotated[
        str, Meta(description="Timeframe of the series, or the name of event bars.", extra_json_schema={"examples": ["1m"]})
    ] = "1m"


class TradesQuery(PageQuery, frozen=True):
    """A page of trades."""

    from_id: Annotated[int, Meta(ge=0, le=2**53, description="Smallest id of a trade to answer.")] = 0


class ExplainQuery(Struct, frozen=True):
    """How a firing is explained."""

    format: Annotated[Literal["json", "svg"], Meta(description="Format of the answer: svg is a drawing alone.")] = "json"


class PastQuery(Struct, frozen=True):
    """A rule, and the stretch of the record to judge it over."""

    rule: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=2_000,
            description="The name or id of a rule, or a condition.",
            extra_json_schema={"examples": ["abs(zscore) > 2"]},
        ),
    ]
    of: Annotated[str, Meta(description="Pair or symbol; a condition needs it.", extra_json_schema={"examples": ["BTCUSDT-ETHUSDT"]})] = ""
    every: Annotated[str, Meta(description="Timeframe of the points; by default the rule's, or 1m for a condition.")] = ""
    last: Annotated[str, Meta(description="Length of the stretch, if `since` is not given.", extra_json_schema={"examples": ["24h"]})] = (
        "24h"
    )
    since: Annotated[Moment, Meta(description="Beginning of the stretch.")] | None = None
    until: Annotated[Moment, Meta(description="End of the stretch, which is not in it.")] | None = None


class StreamBody(Struct, frozen=True):
    """Symbols to start or stop."""

    symbols: Annotated[list[str], Meta(description="The symbols, in any case.", extra_json_schema={"examples": [["btcusdt", "ETHUSDT"]]})]
    tick_mode: Annotated[bool, Meta(description="Accepted and ignored.")] = True


class RuleBody(Struct, frozen=True):
    """A rule to create."""

    metric: Annotated[
        str,
        Meta(description="What is watched.", extra_json_schema={"enum": ["zscore", "spread", "correlation", "corr_returns", "price"]}),
    ]
    pair: Annotated[
        str, Meta(description="The pair; a symbol for a price.", extra_json_schema={"examples": ["BTCUSDT-ETHUSDT", "BTCUSDT"]})
    ]
    op: Annotated[str, Meta(description="Comparison with `value`.", extra_json_schema={"enum": [">", "<", ">=", "<=", "=="]})]
    value: Annotated[Finite, Meta(description="The threshold.")]


class Subscribe(Struct, frozen=True, tag_field="action", tag="subscribe"):
    """Subscribe to these symbols."""

    symbols: list[str]


class Unsubscribe(Struct, frozen=True, tag_field="action", tag="unsubscribe"):
    """Unsubscribe from these symbols."""

    symbols: list[str]


class Ping(Struct, frozen=True, tag_field="action", tag="ping"):
    """Ask for a pong."""


Command = Subscribe | Unsubscribe | Ping | Authenticate
