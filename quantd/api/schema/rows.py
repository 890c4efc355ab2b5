"""The rows of `/api/v1`: what routes answer by the page, and topics by the frame. Fields have quantd's own names.

Times are `YYYY-MM-DDTHH:MM:SS.mmmZ`. A number that is not known is null; one that is not finite is never sent.
"""

from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import asdict

from quantd.api.schema.contract import finite
from quantd.api.schema.kinds import SymbolState, Time
from quantd.model import Alert, AlertState, Bar, BookBar, Gap, Metric, PairPoint, Quality, Tick
from quantd.times import iso

if TYPE_CHECKING:
    from quantd.services.status import SymbolQuality  # a client has the rows without the daemon's services


class TradeRow(Struct, frozen=True, gc=False):
    """A trade. `id` grows by one from trade to trade of a symbol."""

    symbol: str
    id: int
    ts: Time
    price: float
    qty: float
    buyer_maker: bool
    """The buyer was the maker: a sell by the taker."""


class BarRow(Struct, frozen=True, gc=False):
    """A closed bar. `ts` is its open time. A bar that is mended comes again with a greater `revision`."""

    symbol: str
    every: str
    ts: Time
    open: float
    high: float
    low: float
    close: float
    volume: float
    trades: int | None
    vwap: float | None
    taker_buy_volume: float | None
    quality: Quality
    revision: int
    first_id: int | None
    last_id: int | None


class PointRow(Struct, frozen=True, gc=False):
    """The state of a pair at a closed bar, whose open time is `ts`. A point that is made anew comes again with a greater `revision`."""

    pair: str
    every: str
    ts: Time
    y: float
    x: float
    alpha: float
    beta: float
    beta_stderr: float | None
    r2: float | None
    n: int
    spread: float
    spread_mean: float | None
    spread_std: float | None
    zscore: float | None
    corr: float | None
    corr_returns: float | None
    coverage: float
    quality: Quality
    revision: int
    reason: str | None
    """Why zscore is null: warming or flat."""
    metrics: Mapping[str, Metric]


class AlertRow(Struct, frozen=True, gc=False):
    """A change of a rule's state. `id` names the firing, `alert_id` the rule."""

    id: str
    alert_id: str
    rule: str
    pair: str
    state: AlertState
    metric: str
    value: float | str
    threshold: float | str
    since: Time
    """When the condition began to hold."""
    ts: Time
    """When the state changed."""
    bar: Time | None
    """Open time of the judged bar; null for a rule that is judged between closes."""
    text: str
    severity: str = "warning"
    labels: Mapping[str, str] = {}
    late: bool = False
    """Whether it is told long after it came about."""
    repeat: int = 0
    """The number of this reminder of a firing; 0 for the firing itself."""
    reason: str = ""
    """Why a firing is withdrawn, resolved without a value, or not told one by one; else empty."""


class BookRow(Struct, frozen=True, gc=False):
    """A bar of the order book, whose open time is `ts`. Means are weighted with the time for which each quote held."""

    symbol: str
    every: str
    ts: Time
    spread: float | None
    """Mean of ask - bid, in quote currency."""
    spread_bps: float | None
    """Mean of (ask - bid) / mid, in basis points."""
    imbalance: float | None
    """Mean of (bid_qty - ask_qty) / (bid_qty + ask_qty) of the best prices: -1 to 1."""
    microprice: float | None
    """(ask * bid_qty + bid * ask_qty) / (bid_qty + ask_qty) at the end."""
    depth_imbalance: float | None
    """Mean imbalance of the best levels together."""
    quotes: int
    """Number of quotes."""
    depths: int
    """Number of snapshots of the best levels."""
    mark: float | None
    """The last mark price."""
    index: float | None
    funding_rate: float | None
    coverage: float
    """Share of the time for which a quote is known to have held: 0 to 1."""
    quality: Quality


class GapRow(Struct, frozen=True, gc=False):
    """Trades that are missing."""

    symbol: str
    first_id: int
    last_id: int
    start: Time
    """They were traded from here to `end`."""
    end: Time
    opened: Time
    """When they were found to be missing."""
    closed: Time | None
    """When they were no longer missing; null for an open gap."""
    cause: str


class QualityRow(Struct, frozen=True):
    """What is known of a symbol's trades, and which are missing. Latencies are from the exchange's time of a trade to its receipt, ms."""

    symbol: str
    state: SymbolState
    last_id: int | None
    last_tick: Time | None
    """Time of the last trade."""
    ticks: int
    duplicates: int
    refused: int
    """Number of trades whose time cannot be true."""
    missing: int
    """Number of trade ids that are missing now."""
    lost: int
    """Number of the missing ids that nobody has."""
    repaired: int
    """Number of missing trades that arrived after all."""
    late: int
    """Number of trades that came too late for their bar."""
    latency_p50: float | None
    latency_p99: float | None
    gaps: list[GapRow]
    """The open gaps, ordered by id."""
    notes: list[str]
    """Parts of the record that were found broken in this run."""


class LogRow(Struct, frozen=True, gc=False):
    """A line of the log."""

    ts: Time
    level: str
    logger: str
    text: str


def trade(tick: Tick) -> TradeRow | None:
    """Return a trade as a row; None if a number is not finite."""
    if not isfinite(tick.price + tick.qty):
        return None
    return TradeRow(tick.symbol, tick.id, iso(tick.ts), tick.price, tick.qty, tick.buyer_maker)


def bar(given: Bar) -> BarRow | None:
    """Return a bar as a row; None if a price or the volume is not finite."""
    prices = given.open, given.high, given.low, given.close, given.volume
    if not isfinite(sum(prices)):
        return None
    counts = given.trades, finite(given.vwap), finite(given.taker_buy_volume)
    return BarRow(given.symbol, given.every, iso(given.ts), *prices, *counts, given.quality, given.revision, given.first_id, given.last_id)


def point(given: PairPoint) -> PointRow | None:
    """Return a point as a row; None if a price, the hedge or the spread is not finite."""
    hedge = given.hedge
    if not isfinite(given.y + given.x + hedge.alpha + hedge.beta + given.spread):
        return None
    return PointRow(
        pair=given.pair,
        every=given.every,
        ts=iso(given.ts),
        y=given.y,
        x=given.x,
        alpha=hedge.alpha,
        beta=hedge.beta,
        beta_stderr=finite(hedge.stderr),
        r2=finite(hedge.r2),
        n=hedge.n,
        spread=given.spread,
        spread_mean=finite(given.spread_mean),
        spread_std=finite(given.spread_std),
        zscore=finite(given.zscore),
        corr=finite(given.corr),
        corr_returns=finite(given.corr_returns),
        coverage=given.coverage,
        quality=given.quality,
        revision=given.revision,
        reason=given.reason,
        metrics=given.metrics,
    )


def alert(given: Alert) -> AlertRow | None:
    """Return a change of a rule's state as a row; None if a number is not finite."""
    if not all(isinstance(value, str) or isfinite(value) for value in (given.value, given.threshold)):
        return None
    return AlertRow(
        id=given.id,
        alert_id=given.alert_id,
        rule=given.rule,
        pair=given.pair,
        state=given.state,
        metric=given.metric,
        value=given.value,
        threshold=given.threshold,
        since=iso(given.since),
        ts=iso(given.ts),
        bar=None if given.bar is None else iso(given.bar),
        text=given.text,
        severity=given.severity,
        labels=given.labels,
        late=given.late,
        repeat=given.repeat,
        reason=given.reason,
    )


def book(given: BookBar) -> BookRow:
    """Return a bar of the book as a row."""
    return BookRow(**asdict(given) | {"ts": iso(given.ts)})


def gap(given: Gap) -> GapRow:
    """Return a gap as a row."""
    closed = None if given.closed is None else iso(given.closed)
    times = {"start": iso(given.start), "end": iso(given.end), "opened": iso(given.opened), "closed": closed}
    return GapRow(**asdict(given) | times)


def quality(known: "SymbolQuality") -> QualityRow:
    """Return the quality of a symbol as a row."""
    last = None if known.last_tick is None else iso(known.last_tick)
    return QualityRow(**asdict(known) | {"last_tick": last, "gaps": [gap(each) for each in known.gaps]})
