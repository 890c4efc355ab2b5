"""The base class of each kind of plugin.

A plugin is a struct: its fields are its YAML keys, its docstring is its documentation, its methods are its behaviour. State that is
no setting is set in `__post_init__`; `msgspec.structs.replace(plugin)` makes a fresh instance with the same settings.
"""

import os
from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from quantd.clock import Clock, SystemClock
from quantd.model import Bar, Event, FundingRate, Metric, PairPoint, Prices, Tick
from quantd.plugin.feed_health import FeedHealth, Progress
from quantd.plugin.plugin import Columns as Columns
from quantd.plugin.plugin import Plugin as Plugin
from quantd.plugin.plugin import RowKind as RowKind
from quantd.plugin.sink import AlertSink as AlertSink
from quantd.plugin.store import Store as Store

Channel = Literal["quotes", "depth", "marks"]
"""A kind of event that a feed may deliver besides trades: Quote, Depth and Mark events."""
Channels = Mapping[str, frozenset[Channel]]
"""The channels of each symbol that has any."""


class Subscription(msgspec.Struct, frozen=True):
    """The request to a feed, and the means it is given: the clock to use, a few values that survive a restart, and a directory of its own,
    which may not exist yet; None if nothing may be written."""

    symbols: tuple[str, ...]
    channels: Channels = {}
    clock: Clock = SystemClock()
    memory: MutableMapping[str, bytes] = msgspec.field(default_factory=dict)
    directory: Path | None = None


class Feed(Plugin):
    """A source of trades. `lateness` is the allowed lateness: how far behind the newest trade an older one may arrive before its bar
    closes."""

    lateness: Annotated[
        str, Meta(pattern=r"^\d+(ms|s|m)$", description="How late a trade may come and still be in its bar at the close.")
    ] = "500ms"
    id_history_ms: ClassVar[int] = 2**62
    """The greatest age (ms) of a trade that `fetch_ids` still returns."""
    past_timeframes: ClassVar[tuple[str, ...]] = ("1m",)
    """The timeframes of the bars that `fetch_bars` returns."""
    channels: ClassVar[frozenset[Channel]] = frozenset()
    """The channels that the feed can deliver besides trades."""

    @abstractmethod
    def stream(self, subscription: Subscription) -> AsyncIterator[Sequence[Event]]:
        """Yield batches of events in the order of receipt, until the feed ends or is cancelled."""

    def want(self, symbols: Sequence[str], channels: Channels) -> None:
        """Set, while streaming, the symbols that are wanted and the channels of each. They replace the earlier ones. A feed with a fixed
        set ignores the call."""

    async def fetch_symbols(self) -> list[str]:
        """Return the symbols that trade now; an empty list if the feed does not know them."""
        return []

    async def fetch_ticks(self, symbol: str, start: int, end: int) -> list[Tick]:
        """Return the past trades of start <= ts < end, by id; an empty list if the feed has no past."""
        return []

    async def fetch_ids(self, symbol: str, first_id: int, last_id: int) -> list[Tick]:
        """Return the past trades of first_id <= id <= last_id that are available, at most 1,000 ids, by id. Raises QuantdError if they
        cannot be fetched. Implement it in addition to `fetch_ticks` if ids grow by one: missing trades are then fetched by id."""
        return []

    def fetch_day(self, symbol: str, day: int, first_id: int, last_id: int) -> AsyncIterator[Sequence[Tick]]:
        """Yield the trades of first_id <= id <= last_id from the file that the venue publishes for the UTC day that begins at `day` (ms), a
        few thousand at a time, in any order. Raises QuantdError while the file is not available. Implement it in addition to `fetch_ids` if
        the venue publishes such files: trades that `fetch_ids` no longer returns are then read from them."""
        raise NotImplementedError

    async def fetch_bars(self, symbol: str, every: str, start: int, end: int) -> list[Bar]:
        """Return the closed past bars of one of `past_timeframes` that open in start <= ts < end, oldest first. Called only if the feed has
        `fetch_ticks`."""
        return []

    async def fetch_funding(self, symbol: str, start: int, end: int) -> list[FundingRate]:
        """Return the funding paid in start <= ts < end, oldest first; an empty list if there was none or the feed does not know it."""
        return []

    async def close(self) -> None:
        """Close the connections. Called once at the end."""

    def progress(self) -> Progress | None:
        """Return how far the stream has come; None for a feed without an end."""
        return None

    def time(self) -> int | None:
        """Return the current time of the venue (ms), extrapolated with the monotonic clock; None if it is not known. Must be quick. The
        daemon takes it as the present time, so that a wrong clock of the host does not make it refuse trades."""
        return None

    def health(self) -> FeedHealth:
        """Return the current health of the connections; an empty one without connections. Must be quick: it is called at every request for
        it."""
        return FeedHealth()

    def is_closed(self, symbol: str) -> bool:
        """Return whether the symbol's market is closed now, so that no trades are expected; False if that is not known. Must be quick."""
        return False


class Resampler(Plugin):
    """Makes bars from the ticks of one symbol. The core makes one instance per symbol and merges longer timeframes from its bars."""

    every: Annotated[tuple[str, ...], Meta(min_length=1, description="Timeframes to keep bars and pair points of.")] = ("1s", "1m", "5m")
    reopen: Annotated[str, Meta(pattern=r"^\d+(s|m|h|d)$", description="How late a trade may come and still mend its closed bar.")] = "5m"

    @property
    @abstractmethod
    def base(self) -> str:
        """The timeframe of the bars it makes."""

    @abstractmethod
    def update(self, ticks: Sequence[Tick]) -> None:
        """Process ticks, in the order of receipt."""

    @abstractmethod
    def advance(self, watermark: int) -> list[Bar]:
        """Return the bars whose end the watermark (ms) has reached, and closed bars that a late tick or a gap changed, with `revision` +
        1."""

    @abstractmethod
    def flush(self, until: int) -> list[Bar]:
        """Close all buckets up to the one that contains `until`: the stream has ended."""

    @abstractmethod
    def forming(self) -> list[Bar]:
        """Return the open bars, oldest first, with quality `forming`."""

    def begin(self, symbol: str, ts: int, price: float) -> None:
        """Begin at `ts`, the start of a bucket: every later trade will arrive, and `price` is the last price before it. Called first, if at
        all."""

    @property
    def lost(self) -> int:
        """The number of ticks that came later than `reopen` and are in no bar."""
        return 0

    def mark_holes(self, spans: Sequence[tuple[int, int]]) -> None:
        """Set the spans of time (ms, both ends included) in which trades are missing now. Bars in them have quality `gap`."""


class EventBars(Plugin):
    """Decides where bars end that are not cut by time. The core makes one instance per symbol and aggregates the trades of each bar."""

    @property
    @abstractmethod
    def label(self) -> str:
        """The `every` of its bars. It identifies the rule and its settings, and is not a timeframe."""

    @abstractmethod
    def ends(self, tick: Tick) -> bool:
        """Return whether this trade is the last of its bar. Called once per trade, in the order of ids."""

    def state(self) -> bytes | None:
        """Return what the rule carries over to the next bar; None if every bar begins afresh. Called after the last trade of each bar, and
        stored with the bar. After a restart a fresh instance continues after the last recorded bar and receives the same trades again."""
        return None

    def resume(self, state: bytes) -> None:
        """Continue from the `state` of an instance with the same settings. Called before any trade. Raise an exception if the state is not
        valid."""


class PairView(msgspec.Struct, frozen=True):
    """The input of a pair job: the pair's bars up to the closed bar `ts`, oldest first, as read-only columns, as many as the job needs."""

    pair: str
    every: str
    ts: int
    window: int
    """The pair's regression window."""
    columns: Columns
    """The columns ts (int64), y, x, alpha, beta, stderr, spread, spread_mean, spread_std, zscore, corr, corr_returns, coverage (float64,
    NaN if there is no value). `spread` is y - beta * x of all these bars with the beta of the last bar (less alpha with `spread:
    residual`); use it for tests of the spread. The other columns hold the values of each bar's own point, NaN without one."""
    prices: Prices = "raw"
    """How prices are given. With `log`, y and x are logarithms of prices."""


class DaemonView(msgspec.Struct, frozen=True):
    """The input of a daemon-wide job."""

    now: int
    store: Store | None


class Job(Plugin):
    """Computes something at regular times. Derive from PairJob or DaemonJob."""


class PairJob(Job):
    """A job that runs at each closed bar of the timeframe `every` of its pipeline. Its metrics become part of the bar's point."""

    metrics: ClassVar[tuple[str, ...]]
    """The names of the metrics that `run` returns."""
    words: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """The metrics that are texts, each with its possible values; an empty tuple if any text is possible. An alert rule can compare only
    with these values."""
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {}
    """The ranges of numeric metrics: the least and the greatest possible value of each, both included; `math.inf` stands for no limit. A
    rule that is true for no value of a range, or for every one, is a mistake. Name only ranges that are certain."""
    states: ClassVar[tuple[str, ...]] = ()
    """The metrics of `words` that name a state. Each change of one is published as an event."""
    background: ClassVar[bool] = False
    """True if `run` takes more than a few milliseconds. The daemon then runs it in a thread, one run per job and series at a time, each on
    the newest bar, and re-issues the point with its metrics when the run is done."""

    @abstractmethod
    def run(self, view: PairView) -> Mapping[str, Metric]:
        """Return one value for each metric: a finite number, a text if it is declared as one, or None if there is no value."""

    def bars_needed(self, window: int) -> int:
        """Return the greatest number of bars that the job reads, given the pair's regression window."""
        return window


class DaemonJob(Job):
    """A job that runs at regular times for the whole daemon."""

    @abstractmethod
    def run(self, view: DaemonView) -> Mapping[str, float | None]:
        """Return counts of what was done, for the log."""


class Exporter(Plugin):
    """Writes rows of some kinds to a destination."""

    kinds: Annotated[tuple[RowKind, ...], Meta(min_length=1, description="The kinds of rows to write.")] = ("bars", "points")

    def places(self) -> frozenset[str]:
        """Return the files that only this exporter may write. By default, an exporter with a field `dir` claims each of its kinds in that
        folder, whatever other plugins write there."""
        folder = getattr(self, "dir", None)
        if not isinstance(folder, str):
            return frozenset()
        return frozenset(f"{os.path.realpath(folder)} ({type(self).__qualname__}, {kind})" for kind in self.kinds)

    @abstractmethod
    def open(self, metrics: Sequence[str]) -> None:
        """Prepare for rows. Called once before the first write. `metrics` names the metrics that the pipeline's jobs add to its points."""

    @abstractmethod
    def write(self, kind: RowKind, rows: Sequence[Tick] | Sequence[Bar] | Sequence[PairPoint]) -> None:
        """Write rows of one of its `kinds`. A row replaces the earlier row of the same series and ts: it has a `revision` above 0, or is
        written again after a crash."""

    def release(self, name: str) -> None:
        """Release what is open for the rows of a symbol or pair that is no longer exported. Its rows may come again later. Does nothing by
        default."""

    @abstractmethod
    def close(self) -> None:
        """Close the exporter. Called once after the last write. Everything must be on disk when it returns."""
