"""The structs of all answers under the names of the contract; `requests` and `frames` hold those of requests and of socket frames.

Times are sent as `YYYY-MM-DDTHH:MM:SS.mmmZ`. A number that is not finite is never sent: its point, bar or frame is omitted.
"""

from collections.abc import Iterable
from math import isfinite
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType
from msgspec.json import Encoder
from msgspec.structs import asdict

from quantd.api.schema import columns, contract, rows
from quantd.api.schema.kinds import FeedWord, Time
from quantd.model import Alert, Bar, Tick
from quantd.plugin.feed_health import ConnectionHealth
from quantd.services import alerts
from quantd.services.status import FeedState, SymbolQuality
from quantd.supervision.troubles import What
from quantd.times import iso

encode = Encoder().encode
Status = Literal["healthy", "degraded", "down"]

# --- health, data, stream -----------------------------------------------------------------------------------------------------------


class Banner(Struct, frozen=True):
    """The name of the service and the version of the contract."""

    status: str = "ok"
    service: str = "Quant Analytics API"
    version: str = "1.0.0"
    docs: str = "/docs"


class BufferStats(Struct, frozen=True):
    """Counts of the ticks in memory."""

    symbols: list[str]
    total_ticks: int
    active_symbols: int
    tick_counts: dict[str, int]


class SymbolStats(Struct, frozen=True):
    """Counts of the ticks of one symbol in memory."""

    symbol: str
    tick_count: int
    buffer_size: int
    last_tick: Time | None
    latest_price: float | None


class Feed(Struct, frozen=True):
    """The state of a feed: starting, warming, live or down."""

    name: str
    state: FeedWord
    last_tick: Time | None
    ticks: int
    refused: int
    warm: int
    """Number of its `symbols` that have their history."""
    symbols: int
    warm_left_s: float | None
    """Estimated time until all have it, s; null if none is being fetched."""
    clock_offset: int | None
    """Offset of the venue's clock from this host's, ms, positive if the venue is ahead; null if it is not known."""
    banned_until: Time | None
    """Time before which the venue accepts no requests from this host."""
    unrecorded: int
    """Number of frames that could not be recorded."""
    resyncs: int
    """Number of times that an order book had to be rebuilt from a snapshot."""
    connections: tuple[ConnectionHealth, ...]


class Reason(Struct, frozen=True):
    """A reason why the daemon is not healthy: the kind of the trouble, what it is about, and what to do."""

    what: What
    name: str
    text: str
    since: Time


class Health(Struct, frozen=True):
    """The health of the daemon: `down` if no feed is live, `degraded` if anything else is wrong."""

    binance_ws_active: list[str]
    data_buffer_stats: BufferStats
    active_alerts: int
    triggered_alerts: int
    feeds: list[Feed]
    status: Status
    reasons: list[Reason]


class State(Struct, frozen=True):
    """The answer to a probe."""

    status: str


class Done(Struct, frozen=True):
    """The answer to a request that was carried out."""

    message: str
    status: str = "ok"


class Ticket(Struct, frozen=True):
    """What opens one WebSocket as the caller, with `?ticket=`."""

    ticket: str
    expires_in: int
    """Seconds until it is of no use."""


class Trade(Struct, frozen=True, gc=False):
    """A tick."""

    symbol: str
    price: float
    qty: float
    ts: Time


class Candle(Struct, frozen=True, gc=False):
    """A bar as the frontend draws it; `ts` is its open time."""

    ts: Time
    open: float
    high: float
    low: float
    close: float
    volume: float


class QualityNow(rows.QualityRow, frozen=True):
    """The quality of a symbol's data now."""

    age_ms: int | None
    """Time since the last trade, ms."""


class Started(Struct, frozen=True):
    """The symbols that were started, and those that stream now."""

    symbols: list[str]
    active_symbols: list[str]
    status: str = "ok"
    started: bool = True


class Stopped(Struct, frozen=True):
    """The symbols that were stopped, and those that stream now."""

    symbols: list[str]
    active_symbols: list[str]
    status: str = "ok"
    stopped: bool = True


class NothingToStop(Struct, frozen=True):
    """The answer to a stop request when nothing streamed."""

    status: str = "ok"
    stopped: bool = True
    message: str = "No active streams"


class IdleStatus(Struct, frozen=True):
    """The status while nothing streams."""

    active: bool
    symbols: list[str]
    frontend_connections: int


class StreamStatus(IdleStatus, frozen=True):
    """The status while something streams."""

    buffer_stats: BufferStats


def feed(health: FeedState) -> Feed:
    """Return a feed's health with its time as text."""
    last = None if health.last_tick is None else iso(health.last_tick)
    banned = health.health.banned_until
    until = None if banned is None else iso(banned)
    told = until, health.health.unrecorded, health.health.resyncs, health.health.connections
    counts = health.ticks, health.refused, health.warm, health.symbols
    return Feed(health.name, health.state, last, *counts, health.warm_left_s, health.clock_offset, *told)


def drawable(bars: Iterable[Bar]) -> list[Bar]:
    """Return the bars whose numbers are finite."""
    return [bar for bar in bars if isfinite(bar.open + bar.high + bar.low + bar.close + bar.volume)]


def candles(bars: Iterable[Bar]) -> list[Candle]:
    """Return bars as the frontend draws them."""
    shown = drawable(bars)
    return columns.rows(
        Candle,
        columns.heads(bar.ts for bar in shown),
        open=[bar.open for bar in shown],
        high=[bar.high for bar in shown],
        low=[bar.low for bar in shown],
        close=[bar.close for bar in shown],
        volume=[bar.volume for bar in shown],
    )


def quality(known: SymbolQuality, now: int) -> QualityNow:
    """Return the quality of a symbol at the time `now` (ms)."""
    return QualityNow(**asdict(rows.quality(known)), age_ms=None if known.last_tick is None else now - known.last_tick)


def trades(ticks: Iterable[Tick]) -> list[Trade]:
    """Return ticks as the frontend shows them."""
    return [Trade(tick.symbol, tick.price, tick.qty, iso(tick.ts)) for tick in ticks if isfinite(tick.price + tick.qty)]


# --- alerts -------------------------------------------------------------------------------------------------------------------------


class Rule(Struct, frozen=True):
    """A rule made by request."""

    id: str
    metric: str
    pair: str
    operator: str
    value: float
    active: bool
    created_at: Time
    triggered_at: Time | None
    trigger_count: int


class PipelineRule(Struct, frozen=True):
    """A rule of a pipeline."""

    pair: str
    name: str
    condition: str
    holds: bool


class Firing(Struct, frozen=True):
    """One firing, with the keys of the contract: `id` identifies the firing, `alert_id` its rule."""

    id: str
    alert_id: str
    message: str
    metric: str
    pair: str
    actual_value: float | str
    threshold_value: float | str
    ts: Time


class Fired(Firing, frozen=True, kw_only=True):
    """A firing with the open time of the bar that was judged. A rule that was made by request is judged between closes and has no bar."""

    bar: Time | UnsetType = UNSET


def rule(made: alerts.RestRule) -> Rule:
    """Return a rule as the frontend lists it."""
    triggered = None if made.triggered_at is None else iso(made.triggered_at)
    metric, since = contract.metric(made.metric), iso(made.created_at)
    return Rule(made.id, metric, made.pair, made.op, made.value, True, since, triggered, made.trigger_count)


def pipeline_rule(known: alerts.PipelineRule) -> PipelineRule:
    """Return a rule of a pipeline as the page lists it."""
    return PipelineRule(known.pair, known.name, known.condition, known.holds)


def firings(told: Iterable[Alert]) -> list[Alert]:
    """Return the alerts that report a rule that became true: the frontend notifies its user of each. Reminders are none of them."""
    begun = (alert for alert in told if alert.state == "firing" and not alert.repeat)
    return [alert for alert in begun if _sendable(alert.value) and _sendable(alert.threshold)]


def _sendable(value: float | str) -> bool:
    return isinstance(value, str) or isfinite(value)


def fired(alert: Alert) -> Fired:
    """Return a firing as the frontend lists it."""
    return Fired(*firing_fields(alert), bar=UNSET if alert.bar is None else iso(alert.bar))


def firing_fields(alert: Alert) -> tuple[Any, ...]:
    """Return the fields of Firing, which the alert frame has too."""
    words = contract.message(alert), contract.metric(alert.metric)
    return alert.id, alert.alert_id, *words, alert.pair, alert.value, alert.threshold, iso(alert.ts)
