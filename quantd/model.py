"""The data that flow through quantd: frozen, flat structs without behaviour.

Times are integer milliseconds UTC, prices and quantities are float64. "No value" is None, never 0, NaN or infinity.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

Quality = Literal["complete", "partial", "gap", "imported", "forming"]
"""complete: every trade of the bucket is in the bar. partial: the stream began or ended inside the bucket. gap: trades are known to be
missing. imported: the bar came as a bar. forming: the bucket is still open."""

WHOLE: frozenset[Quality] = frozenset({"complete", "imported"})
"""The qualities of bars that hold every trade of their bucket."""

Prices = Literal["raw", "log"]
"""What a regression fits: prices, or their logarithms."""
Spread = Literal["hedge", "residual"]
"""hedge: y - beta * x. residual: alpha is subtracted, too."""
ZMethod = Literal["window", "rolling", "ew", "robust", "innovation"]
"""How a z-score's middle and unit are determined; see docs/statistics.md."""
Against = Literal["now", "before"]
"""now: a bar is scored with the hedge, the middle and the unit of the window that ends with it. before: with those of the window before
it."""
DEFINITION = 2
"""Version of the definition of points. Points of different definitions are never mixed; docs/statistics.md lists the differences."""
AlertState = Literal["firing", "resolved", "withdrawn", "flapping", "notice", "heartbeat"]
"""`withdrawn`: mended data contradict a firing. `flapping`: a rule changes too often to tell each change. `notice`: about alerts, such
as that a silence ends. `heartbeat`: about no rule; the daemon lives, and its data are fresh."""
Metric = int | float | str | None
"""The result of a job: a number, a state by its name, or None."""


class Tick(Struct, frozen=True, gc=False):
    """One (aggregate) trade. `id` is unique per symbol and grows by one. It is 0 if the venue gives no such id; ingest then assigns one."""

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
    """One bucket of trades of a symbol; `ts` is its open time. Prices are those of its trades, open and close by id. Sums are exact to 15
    digits. A bucket without trades repeats the previous close with volume 0."""

    symbol: str
    every: str
    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    trades: int | None
    """Number of trades; None for an imported bar whose source does not report it."""
    vwap: float | None
    """Volume-weighted average price, between low and high; None without volume."""
    taker_buy_volume: float | None
    quality: Quality
    revision: int = 0
    first_id: int | None = None
    """The smallest id of its trades. None, as `last_id`, if there are no trades or the source does not report ids."""
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
    """Mean imbalance of the best levels together."""
    quotes: int
    """Number of quotes in the bucket."""
    depths: int
    mark: float | None
    """The last mark price in the bucket. The index price and funding rate below come with it."""
    index: float | None
    funding_rate: float | None
    coverage: float
    """Share of the bucket's time for which a quote is known to have held: 0 to 1."""
    quality: Quality
    """complete: quotes are known for the whole time. partial: no quote was known at its beginning, or the stream ended in it. gap: quotes
    may be missing."""


class Ticker(Struct, frozen=True, gc=False):
    """The last 24 hours of a symbol, as the exchange reports them."""

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
    """The best bid and ask of a symbol, valid from `ts` until the next quote. `id` is the venue's count of changes of the order book, and
    grows."""

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
"""A price level of the order book: price and quantity."""


class Depth(Struct, frozen=True, gc=False):
    """Order book snapshot of a symbol: the best levels, best first, valid from `ts` until the next snapshot. `id` is counted with that of
    quotes."""

    symbol: str
    ts: int
    """Exchange time of the last change, ms."""
    recv: int
    """Our time of receipt, ms."""
    id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class Mark(Struct, frozen=True, gc=False):
    """Mark price of a derivative at its venue, with the index price that it follows and its funding rate."""

    symbol: str
    ts: int
    """Exchange time, ms."""
    recv: int
    """Our time of receipt, ms."""
    mark: float
    index: float
    funding_rate: float | None
    """Share of the notional that longs pay to shorts at `next_funding`; None if nothing is paid."""
    next_funding: int | None
    """Time of the next payment, ms."""


class FundingRate(Struct, frozen=True, gc=False):
    """A past funding payment between the holders of a perpetual, at `ts` (ms)."""

    symbol: str
    ts: int
    rate: float
    """Share of the notional, at the mark price, that longs paid to shorts."""
    mark: float | None
    """Mark price at the payment; None if the venue does not report it."""


class Status(Struct, frozen=True, gc=False):
    """The state of a feed: the exchange's clock at `ts`, and whether everything up to then has been received."""

    ts: int
    healthy: bool
    channels_only: bool = False
    """True if the status concerns quotes, depth and marks only: some of these may be missing since `ts`, but no trades."""
    symbols: tuple[str, ...] = ()
    """The symbols that the status concerns; empty for all. An unhealthy status with symbols means that their trades may be missing since
    the last ones, not that the feed is down."""


class Hedge(Struct, frozen=True, gc=False):
    """The fit y = alpha + beta * x over n bars."""

    alpha: float
    beta: float
    n: int
    stderr: float | None = None
    """Standard error of beta."""
    r2: float | None = None
    innovation: float | None = None
    """Error of the method's prediction of the last y from the bars before it, if it makes one."""
    innovation_std: float | None = None
    """Standard deviation that the method gave this error beforehand."""
    weight: float = 1.0
    """Weight of the last bar in the estimate: 1 normally, less if the method treats the bar as an outlier."""


class PairPoint(Struct, frozen=True, gc=False):
    """The state of a pair at one bar. `ts` is the bar's open time; the point is known at the bar's end."""

    pair: str
    every: str
    ts: int
    y: float
    """The first leg's price as the regression sees it (its logarithm with `prices: log`)."""
    x: float
    hedge: Hedge
    spread: float
    """y - beta * x; with `spread: residual`, alpha is subtracted, too."""
    zscore: float | None
    corr: float | None
    """Correlation of the legs as the regression sees them, over its window. Levels of unrelated prices correlate, too: see
    `corr_returns`."""
    coverage: float
    """Share of the bars behind the hedge and the z-score, of both legs, that hold every trade of their bucket."""
    quality: Quality
    revision: int = 0
    provisional: bool = False
    """True for a now-cast between closes: last prices with the beta, mean and sigma of the last closed bar."""
    reason: str | None = None
    """Why zscore is None: warming or flat."""
    spread_mean: float | None = None
    """The spread at which the z-score would be 0: zscore = (spread - spread_mean) / spread_std."""
    spread_std: float | None = None
    """The unit of the z-score; 0 if the spread does not move."""
    corr_returns: float | None = None
    """Pearson's correlation of the log returns between the closes of the regression's window."""
    metrics: Mapping[str, Metric] = {}
    """Results of the pipeline's jobs as of this bar."""
    state: bytes | None = None
    """What a recursive regression carries over from this bar to the next."""
    definition: int = 1
    """The `DEFINITION` that the point was made by. Points recorded before there were several definitions do not say."""


class Transition(Struct, frozen=True, gc=False):
    """One change of a state that a job of a pair names; `was` is None for the first known state."""

    pair: str
    every: str
    ts: int
    metric: str
    was: str | None
    now: str
    metrics: Mapping[str, Metric]
    """All results of the jobs at that bar, which include the reasons."""


class Gap(Struct, frozen=True, gc=False):
    """A range of missing trade ids of a symbol, traded from `start` to `end` (ms, exchange time); `closed` is None while they are
    missing."""

    symbol: str
    first_id: int
    last_id: int
    start: int
    end: int
    opened: int
    closed: int | None
    cause: str


class Loss(Struct, frozen=True, gc=False):
    """A part of the state that was found broken at `since` (ms): `file` names it, `text` says what was done with it and what is lost."""

    file: str
    text: str
    since: int
    record: bool = True
    """Whether ticks, bars, points or gaps may be lost, which are then searched for."""
    read_from: int = 0
    """Time (ms) from which on the rest of the broken file is read; 0 to read all of it."""


class Alert(Struct, frozen=True, gc=False):
    """One message about a firing. `id` names the firing, `alert_id` the rule."""

    id: str
    alert_id: str
    rule: str
    pair: str
    """The pair or symbol that the rule watches."""
    state: AlertState
    value: float | str
    """Value of the rule's metric; the name of a state if the metric is one. In a resolution, the value that resolved it."""
    threshold: float | str
    since: int
    """When the condition began to hold, in event time: the time of the trade, or the end of the bar."""
    ts: int
    """When the state changed. For a rule on closed bars: the venue's time, never before the bar's end; in a replay, that end."""
    text: str
    metric: str
    bar: int | None = None
    """Open time of the judged bar; None for a rule that is judged between closes."""
    severity: str = "warning"
    labels: Mapping[str, str] = {}
    late: bool = False
    """Whether it is told long after it came about: the data were missing, or the daemon was down."""
    repeat: int = 0
    """The number of this reminder of a firing; 0 for the firing itself. Of a resolution: how often one was told before and taken back."""
    reason: str = ""
    """Why a firing is withdrawn, resolved without a value, or not told one by one."""
    figure: str = ""
    """A drawing of the firing (SVG), for sinks that want it."""

    @property
    def is_reminder(self) -> bool:
        """Whether it reminds of a firing that was told before."""
        return self.state == "firing" and self.repeat > 0

    @property
    def key(self) -> str:
        """The idempotency key of the message: the same for the same message, however often it is sent."""
        return f"{self.id}/{self.state}" + (f"/{self.repeat}" if self.repeat else "")


class Listing(Struct, frozen=True, gc=False):
    """A venue's report that its listing of a symbol has changed; `status` is the venue's word for the symbol's state. The list of trading
    symbols is then requested again (`Feed.fetch_symbols`)."""

    symbol: str
    ts: int
    """Exchange time, ms."""
    status: str


Event = Tick | Bar | Ticker | Quote | Depth | Mark | Status | Listing
"""An event that a feed yields."""
