"""The nouns: what flows through quantd. Frozen, flat, and free of behaviour.

Times are integer milliseconds UTC, prices and quantities are float64. "No value" is None, never 0, NaN or infinity.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

Quality = Literal["complete", "partial", "gap", "imported", "forming"]
"""complete: every trade of the bucket is in. partial: the watch began or ended inside it. gap: trades are known to be missing.
imported: the bar came as a bar. forming: the bucket is still open."""

WHOLE: frozenset[Quality] = frozenset({"complete", "imported"})
"""The qualities of bars that hold every trade of their bucket."""

Prices = Literal["raw", "log"]
"""What a line is drawn through: prices, or their logarithms."""
Spread = Literal["hedge", "residual"]
"""hedge: y - beta * x. residual: alpha is subtracted too."""
ZMethod = Literal["window", "rolling", "ew", "robust", "innovation"]
"""What a z-score is measured from and in; docs/statistics.md."""
Against = Literal["now", "before"]
"""now: a bar is scored with the hedge, the middle and the unit of the window that ends with it. before: of the window before it."""
DEFINITION = 2
"""Of the points that are made now. Those of another definition are never mixed with them; docs/statistics.md tells the differences."""
AlertState = Literal["firing", "resolved"]
Metric = int | float | str | None
"""What a job computes: a number, a state by its name, or nothing."""


class Tick(Struct, frozen=True, gc=False):
    """One (aggregate) trade. `id` is unique per symbol and grows by one; 0 where the venue gives none that does (ingest then
    numbers it)."""

    symbol: str
    id: int
    ts: int
    """Exchange time of the match, ms."""
    recv: int
    """Our time of receipt, ms."""
    price: float
    qty: float
    buyer_maker: bool
    """The buyer was the maker: a sell by the taker."""


class Bar(Struct, frozen=True, gc=False):
    """One bucket of trades of a symbol; `ts` is its open time. Prices are those of its trades, open and close by id; sums are exact to 15
    digits. A quiet bucket repeats the previous close with volume 0."""

    symbol: str
    every: str
    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    trades: int | None
    """How many trades; None for an imported bar whose source does not tell."""
    vwap: float | None
    """Volume-weighted average price, between low and high; None without volume."""
    taker_buy_volume: float | None
    quality: Quality
    revision: int = 0
    first_id: int | None = None
    """Of its trades, by which it opens; None, as `last_id`, where there are none or the source does not tell."""
    last_id: int | None = None
    state: bytes | None = None
    """What a rule of event bars carries over from this bar to the next, if anything."""


class BookBar(Struct, frozen=True, gc=False):
    """One bucket of a symbol's quotes; `ts` is its open time. Means are weighted with the time (ms) for which each quote held."""

    symbol: str
    every: str
    ts: int
    spread: float | None
    """Mean of ask - bid, in quote currency."""
    spread_bps: float | None
    """Mean of (ask - bid) / mid, in basis points."""
    imbalance: float | None
    """Mean of (bid_qty - ask_qty) / (bid_qty + ask_qty) of the best prices: -1 to 1."""
    microprice: float | None
    """(ask * bid_qty + bid * ask_qty) / (bid_qty + ask_qty) at the bucket's end."""
    depth_imbalance: float | None
    """Mean of the imbalance of the best levels together."""
    quotes: int
    """How many came in the bucket."""
    depths: int
    mark: float | None
    """The last one that came in the bucket, as are the two below."""
    index: float | None
    funding_rate: float | None
    coverage: float
    """Share of the bucket's time for which a quote is known to have held: 0 to 1."""
    quality: Quality
    """complete: the whole time. partial: no quote was known at its beginning, or the stream ended in it. gap: quotes may be missing."""


class Ticker(Struct, frozen=True, gc=False):
    """The last 24 hours of a symbol, as the exchange counts them."""

    symbol: str
    ts: int
    last: float
    open: float
    high: float
    low: float
    change: float
    change_percent: float
    volume: float
    quote_volume: float


class Quote(Struct, frozen=True, gc=False):
    """The best bid and ask of a symbol, from `ts` on until the next one. `id` is the venue's count of changes of the book: it grows."""

    symbol: str
    ts: int
    """Exchange time of the change, ms."""
    recv: int
    """Our time of receipt, ms."""
    id: int
    bid: float
    bid_qty: float
    ask: float
    ask_qty: float


Level = tuple[float, float]
"""A price of the book, and the quantity that waits there."""


class Depth(Struct, frozen=True, gc=False):
    """The best levels of a symbol's book, best first, from `ts` on until the next one. `id` is counted with that of quotes."""

    symbol: str
    ts: int
    """Exchange time of the last change, ms."""
    recv: int
    """Our time of receipt, ms."""
    id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class Mark(Struct, frozen=True, gc=False):
    """What a derivative is marked at by its venue, the index that it follows, and what holding it costs."""

    symbol: str
    ts: int
    """Exchange time, ms."""
    recv: int
    """Our time of receipt, ms."""
    mark: float
    index: float
    funding_rate: float | None
    """Share of the notional that longs pay to shorts at `next_funding`; None where nothing is paid."""
    next_funding: int | None
    """Time of the next payment, ms."""


class FundingRate(Struct, frozen=True, gc=False):
    """What the holders of a perpetual paid one another at `ts` (ms)."""

    symbol: str
    ts: int
    rate: float
    """Share of the notional, at the mark price, that longs paid to shorts."""
    mark: float | None
    """None where the venue does not tell it."""


class Status(Struct, frozen=True, gc=False):
    """What a feed says of itself: the exchange's clock at `ts`, and whether everything up to it has been received."""

    ts: int
    healthy: bool
    channels_only: bool = False
    """It speaks of quotes, depth and marks only: of these some may be missing since `ts`, of trades none is."""
    symbols: tuple[str, ...] = ()
    """Those that it speaks of; without any, all. Unhealthy, it then says that trades of these may be missing since their last ones, not
    that the feed is down."""


class Hedge(Struct, frozen=True, gc=False):
    """y = alpha + beta * x, fitted over n bars."""

    alpha: float
    beta: float
    n: int
    stderr: float | None = None
    """Standard error of beta."""
    r2: float | None = None
    innovation: float | None = None
    """What was wrong with the method's prediction of the last y from the bars before it, where it makes one."""
    innovation_std: float | None = None
    """The standard deviation that the method gave that error beforehand."""
    weight: float = 1.0
    """What the last bar weighed in the estimate: 1 where nothing was done to it, less where the method held it for an outlier."""


class PairPoint(Struct, frozen=True, gc=False):
    """The state of a pair at one bar; `ts` is the bar's open time, the point is known at the bar's end."""

    pair: str
    every: str
    ts: int
    y: float
    """The first leg's price as the regression sees it (its logarithm with `prices: log`)."""
    x: float
    hedge: Hedge
    spread: float
    """y - beta * x; with `spread: residual` less alpha."""
    zscore: float | None
    corr: float | None
    """Of the legs as the regression sees them, over its window. Levels of unrelated prices correlate too: look at `corr_returns`."""
    coverage: float
    """Share of the bars behind the hedge and the z-score, of both legs, that hold every trade of their bucket."""
    quality: Quality
    revision: int = 0
    provisional: bool = False
    """True for a now-cast between closes: last prices, beta, mean and sigma of the last closed bar."""
    reason: str | None = None
    """Why zscore is None: warming or flat."""
    spread_mean: float | None = None
    """The spread at which the z-score would be 0: zscore = (spread - spread_mean) / spread_std."""
    spread_std: float | None = None
    """The z-score's unit; 0 where the spread does not move."""
    corr_returns: float | None = None
    """Pearson's correlation of the log returns between the closes of the regression's window."""
    metrics: Mapping[str, Metric] = {}
    """What the pipeline's jobs computed as of this bar."""
    state: bytes | None = None
    """What a recursive regression carries over from this bar to the next."""
    definition: int = 1
    """Which `DEFINITION` it was made by; points that were recorded before there was more than one do not say."""


class Transition(Struct, frozen=True, gc=False):
    """One change of a state that a job of a pair tells by its name; `was` is None for the first that is known."""

    pair: str
    every: str
    ts: int
    metric: str
    was: str | None
    now: str
    metrics: Mapping[str, Metric]
    """All that the jobs computed at that bar: the reasons among it."""


class Gap(Struct, frozen=True, gc=False):
    """Trade ids of a symbol that are missing, traded from `start` to `end` (ms, exchange time); `closed` is None while they are."""

    symbol: str
    first_id: int
    last_id: int
    start: int
    end: int
    opened: int
    closed: int | None
    cause: str


class Loss(Struct, frozen=True, gc=False):
    """Something of the state that was found broken at `since` (ms): `file` names it, `text` says what became of it and what is lost."""

    file: str
    text: str
    since: int
    record: bool = True
    """Whether ticks, bars, points or gaps may be lost, which are then looked for."""
    read_from: int = 0
    """From when on (ms) what is left of the broken file is read; 0 where all of it is."""


class Alert(Struct, frozen=True, gc=False):
    """One change of a rule's state: `id` names this firing, `alert_id` the rule."""

    id: str
    alert_id: str
    rule: str
    pair: str
    state: AlertState
    value: float | str
    """What the rule's metric was: a state's name where the metric is one."""
    threshold: float | str
    since: int
    """When the condition began to hold, in event time: the trade's, or the end of the bar."""
    ts: int
    """When the state changed. Of a rule on closed bars: the venue's present, never before the bar's end, and in a replay that end."""
    text: str
    metric: str
    bar: int | None = None
    """The open time of the bar that was judged; None of a rule that is judged between closes."""


class RuleState(Struct, frozen=True, gc=False):
    """The state of one alert rule: whether its condition holds, and its last firing."""

    holds: bool = False
    since: int | None = None
    """When it last began to hold, as `Alert.since`; None where it never did."""
    firing: str = ""
    """The id of its last firing."""
    times: int = 0
    """How many firings began at that moment."""
    triggered_at: int | None = None
    """When it last fired, as `Alert.ts`."""
    trigger_count: int = 0
    """How often it has fired."""


class Listing(Struct, frozen=True, gc=False):
    """A venue says of a symbol that what it lists has changed: `status` is the venue's word for how it stands now. What trades is then
    asked for anew (`Feed.fetch_symbols`)."""

    symbol: str
    ts: int
    """Exchange time, ms."""
    status: str


Event = Tick | Bar | Ticker | Quote | Depth | Mark | Status | Listing
"""What a feed yields."""
