"""The base class of each kind of plugin.

A plugin is a struct: its fields are its YAML keys, its docstring is its documentation, its methods are its behaviour. State that is
no setting is set in `__post_init__`; `msgspec.structs.replace(plugin)` makes a fresh instance with the same settings.
"""

import os
from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from quantd.clock import Clock, SystemClock
from quantd.model import Alert, Bar, Event, FundingRate, Loss, Metric, PairPoint, Prices, Tick
from quantd.plugin.feed_health import FeedHealth, Progress
from quantd.plugin.plugin import Plugin as Plugin

Columns = Mapping[str, Any]
"""Column name -> numpy array, all of one length; a missing value is NaN inside a column and None outside."""
RowKind = Literal["ticks", "bars", "points"]
Channel = Literal["quotes", "depth", "marks"]
"""What a feed may bring of a symbol besides its trades: Quote, Depth and Mark events."""
Channels = Mapping[str, frozenset[Channel]]
"""Of each symbol that has any."""


class Subscription(msgspec.Struct, frozen=True):
    """What a feed is asked for, and what it has for that: the clock that it lives by, a few values that outlive the daemon, and a
    directory of its own, which may not exist yet; None where nothing is to be written."""

    symbols: tuple[str, ...]
    channels: Channels = {}
    clock: Clock = SystemClock()
    memory: MutableMapping[str, bytes] = msgspec.field(default_factory=dict)
    directory: Path | None = None


class Feed(Plugin):
    """Brings trades. `lateness` is how far behind the newest trade an older one may still come before its bar closes."""

    lateness: Annotated[
        str, Meta(pattern=r"^\d+(ms|s|m)$", description="How late a trade may come and still be in its bar at the close.")
    ] = "500ms"
    id_history_ms: ClassVar[int] = 2**62
    """How old (ms) a trade may be that `fetch_ids` still tells."""
    past_timeframes: ClassVar[tuple[str, ...]] = ("1m",)
    """The timeframes of the bars that `fetch_bars` tells."""
    channels: ClassVar[frozenset[Channel]] = frozenset()
    """What it can bring besides trades."""

    @abstractmethod
    def stream(self, subscription: Subscription) -> AsyncIterator[Sequence[Event]]:
        """Yield batches of events in the order of receipt, until the feed ends or is cancelled."""

    def want(self, symbols: Sequence[str], channels: Channels) -> None:
        """While streaming: from now on these symbols are wanted, and of them these channels; nothing else. A feed with a fixed set ignores
        it."""

    async def fetch_symbols(self) -> list[str]:
        """The symbols that trade now; empty where the feed cannot tell."""
        return []

    async def fetch_ticks(self, symbol: str, start: int, end: int) -> list[Tick]:
        """The past trades of start <= ts < end, by id; empty where the feed has no past."""
        return []

    async def fetch_ids(self, symbol: str, first_id: int, last_id: int) -> list[Tick]:
        """The past trades of first_id <= id <= last_id that are to be had, at most 1,000 ids, by id. Raises QuantdError where it cannot be
        told. Implement it, beside `fetch_ticks`, where ids grow by one: what is missing of them is then fetched."""
        return []

    def fetch_day(self, symbol: str, day: int, first_id: int, last_id: int) -> AsyncIterator[Sequence[Tick]]:
        """The trades of first_id <= id <= last_id in the file that the venue publishes of the UTC day that begins at `day` (ms), some
        thousand at a time, in any order. Raises QuantdError while it is not to be had. Implement it, beside `fetch_ids`, where there are
        such files: what that no longer tells is then looked for there."""
        raise NotImplementedError

    async def fetch_bars(self, symbol: str, every: str, start: int, end: int) -> list[Bar]:
        """The past bars of one of `past_timeframes` that open in start <= ts < end and are closed, oldest first. Asked only of a feed
        that has `fetch_ticks`."""
        return []

    async def fetch_funding(self, symbol: str, start: int, end: int) -> list[FundingRate]:
        """The funding that was paid in start <= ts < end, oldest first; empty where there is none, or the feed cannot tell."""
        return []

    async def close(self) -> None:
        """Called once at the end: let go of connections."""

    def progress(self) -> Progress | None:
        """How far the stream has come; None for a feed without an end."""
        return None

    def time(self) -> int | None:
        """The venue's clock (ms) as well as it is known now, by the monotonic clock since it was last told; None where it is not. Quick.
        Whatever asks what is the present is answered by it, so that a host whose clock is wrong refuses no trades."""
        return None

    def health(self) -> FeedHealth:
        """How the connections are now; empty where there are none. Quick: asked whenever somebody looks."""
        return FeedHealth()

    def is_closed(self, symbol: str) -> bool:
        """Whether the symbol's market is closed now, so that it trades nothing. False where that is not known. Quick, like `health`."""
        return False


class Resampler(Plugin):
    """Makes bars of one symbol's ticks. The core makes one instance a symbol and merges longer timeframes from its bars."""

    every: Annotated[tuple[str, ...], Meta(min_length=1, description="Timeframes to keep bars and pair points of.")] = ("1s", "1m", "5m")
    reopen: Annotated[str, Meta(pattern=r"^\d+(s|m|h|d)$", description="How late a trade may come and still mend its closed bar.")] = "5m"

    @property
    @abstractmethod
    def base(self) -> str:
        """The timeframe of the bars it makes."""

    @abstractmethod
    def update(self, ticks: Sequence[Tick]) -> None:
        """Take in ticks, in the order of receipt."""

    @abstractmethod
    def advance(self, watermark: int) -> list[Bar]:
        """Bars whose end the watermark (ms) has reached, and closed ones that a late tick or a hole changed, with `revision` + 1."""

    @abstractmethod
    def flush(self, until: int) -> list[Bar]:
        """Close all buckets up to the one that holds `until`: the stream has ended."""

    @abstractmethod
    def forming(self) -> list[Bar]:
        """The open bars, oldest first, quality `forming`."""

    def begin(self, symbol: str, ts: int, price: float) -> None:
        """Every trade from `ts` on, the start of a bucket, will come; the last price before it is known. Called before any other."""

    @property
    def lost(self) -> int:
        """How many ticks came later than `reopen` and so are in no bar."""
        return 0

    def mark_holes(self, spans: Sequence[tuple[int, int]]) -> None:
        """The spans of time (ms, both ends included) in which trades are missing now: bars in them are of quality `gap`."""


class EventBars(Plugin):
    """Says where bars end that are not cut by time. The core makes one instance a symbol, and keeps the account of what is in a bar."""

    @property
    @abstractmethod
    def label(self) -> str:
        """The `every` of its bars: tells the rule and its settings, and is no timeframe."""

    @abstractmethod
    def ends(self, tick: Tick) -> bool:
        """Whether this trade is the last of its bar. Asked once of each trade, in the order of ids."""

    def state(self) -> bytes | None:
        """What the rule carries over to the next bar, asked after the last trade of each bar and kept with the bar; None where every bar
        begins afresh. A restart goes on behind the last recorded bar with a fresh instance, and is given the same trades again."""
        return None

    def resume(self, state: bytes) -> None:
        """Go on from the `state` of an instance with the same settings. Called before any trade; raise where the state is none of yours."""


class PairView(msgspec.Struct, frozen=True):
    """What a pair job sees: the pair's bars as of the closed bar `ts`, oldest first, as read-only columns, as many as it needs."""

    pair: str
    every: str
    ts: int
    window: int
    """The pair's regression window."""
    columns: Columns
    """ts (int64), y, x, alpha, beta, stderr, spread, spread_mean, spread_std, zscore, corr, corr_returns, coverage (float64, NaN where
    there is no value). `spread` is y - beta * x of all these bars with the one beta of the last of them (less alpha with `spread:
    residual`), which is what a test of the spread is to be made of; the others are those of each bar's own point, NaN where it has none."""
    prices: Prices = "raw"
    """log: y and x are logarithms of prices."""


class DaemonView(msgspec.Struct, frozen=True):
    """What a daemon-wide job sees."""

    now: int
    store: "Store | None"


class Job(Plugin):
    """Computes something at regular times. Derive from PairJob or DaemonJob."""


class PairJob(Job):
    """Runs at each closed bar of the timeframe `every` that its pipeline gives it; its metrics become part of the bar's point."""

    metrics: ClassVar[tuple[str, ...]]
    """The names of what `run` returns."""
    words: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Those of `metrics` that are a text, each with the words that it may be; none where it may be anything. A rule compares with one of
    the words."""
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {}
    """Those of the other `metrics` that are never below a least or above a greatest number, each with these two; both may occur, and
    `math.inf` stands for no end. A rule that no value of a range, or every one, makes true is a mistake. Name only what is certain."""
    states: ClassVar[tuple[str, ...]] = ()
    """Those of `words` that are the name of a state: each change of one is told as an event."""
    background: ClassVar[bool] = False
    """True where `run` takes more than a few milliseconds: the daemon then runs it in a thread beside the flow, one run of a job and
    series at a time, then one on the newest bar, and re-issues the point with its metrics when it is done."""

    @abstractmethod
    def run(self, view: PairView) -> Mapping[str, Metric]:
        """One value for each metric: a finite number, a text if it is declared as one, or None where there is none."""

    def bars_needed(self, window: int) -> int:
        """How many bars it reads at most, given the pair's regression window."""
        return window


class DaemonJob(Job):
    """Runs every so often for the whole daemon."""

    @abstractmethod
    def run(self, view: DaemonView) -> Mapping[str, float | None]:
        """Counts of what was done, for the log."""


class AlertSink(Plugin):
    """Takes alerts to the outside."""

    @abstractmethod
    async def send(self, alert: Alert) -> None:
        """Deliver one alert; raise if it could not be delivered."""

    async def start(self) -> None:
        """Called once before the first alert."""

    async def stop(self) -> None:
        """Called once after the last alert."""


class Exporter(Plugin):
    """Writes rows of some kinds somewhere."""

    kinds: Annotated[tuple[RowKind, ...], Meta(min_length=1, description="The kinds of rows to write.")] = ("bars", "points")

    def places(self) -> frozenset[str]:
        """Unless told otherwise: of one with a field `dir` each of its kinds in that folder, whatever other plugins write there."""
        folder = getattr(self, "dir", None)
        if not isinstance(folder, str):
            return frozenset()
        return frozenset(f"{os.path.realpath(folder)} ({type(self).__qualname__}, {kind})" for kind in self.kinds)

    @abstractmethod
    def open(self, metrics: Sequence[str]) -> None:
        """Called once before the first write; `metrics` names what the pipeline's jobs add to its points."""

    @abstractmethod
    def write(self, kind: RowKind, rows: Sequence[Tick] | Sequence[Bar] | Sequence[PairPoint]) -> None:
        """Write rows of one of its `kinds`. A row replaces the earlier one of the same series and ts: it has a `revision` above 0, or comes
        again after a kill."""

    def release(self, name: str) -> None:
        """A symbol or pair is exported no more: close what is open for its rows alone, which may come again later. Does nothing unless
        told."""

    @abstractmethod
    def close(self) -> None:
        """Called once after the last write: everything is on disk when it returns."""


class Store(Plugin):
    """Keeps ticks, bars and points. One thread at a time appends or prunes; reads may come from any thread beside it."""

    @abstractmethod
    def open(self, directory: Path) -> None:
        """Open, or create, the history below `directory`."""

    def open_to_read(self, directory: Path) -> None:
        """Open it to read only, while a daemon may be writing. Raises QuantdError where nothing is kept. Opens as ever unless told."""
        self.open(directory)

    @abstractmethod
    def append(self, ticks: Sequence[Tick], bars: Sequence[Bar], points: Sequence[PairPoint]) -> None:
        """Durable when it returns, all or nothing. A tick with a known id is ignored; a later revision replaces a bar or point, and a
        point of a later `definition` one of an earlier, whatever their revisions."""

    @abstractmethod
    def ticks(self, symbol: str, start: int, end: int) -> Columns:
        """Ticks of start <= ts < end by id: id, ts, recv (int64), price, qty (float64), buyer_maker (bool)."""

    @abstractmethod
    def bars(self, symbol: str, every: str, start: int, end: int) -> list[Bar]:
        """Bars of start <= ts < end, ascending, each at its last revision."""

    def last_bars(self, symbol: str, every: str, start: int, end: int, count: int) -> list[Bar]:
        """The newest `count` of those bars, ascending. Implement it where they are found without a look at the others: unless told, all
        are read."""
        return self.bars(symbol, every, start, end)[-count:]

    @abstractmethod
    def points(self, pair: str, every: str, start: int, end: int) -> list[PairPoint]:
        """Points of start <= ts < end, ascending, each at its last revision, of whatever definition: who asks tells them apart."""

    @abstractmethod
    def newest_tick(self, symbol: str) -> tuple[int, int] | None:
        """The greatest trade id that is kept of a symbol, and that trade's ts; None where there is none. Quick, however many."""

    def first_tick(self, symbol: str) -> int | None:
        """The ts of the first tick that is kept of a symbol; None where there is none. Found in `series` unless told."""
        span = self.series("ticks").get((symbol, ""))
        return span[0] if span else None

    @abstractmethod
    def series(self, kind: RowKind) -> Mapping[tuple[str, str], tuple[int, int]]:
        """The series of a kind: (symbol or pair, every, which is "" for ticks) -> ts of its first and last row. Quick, however many."""

    @abstractmethod
    def prune(self, now: int) -> Mapping[str, int]:
        """Forget what is older than the store's settings keep; rows dropped by kind."""

    def losses(self) -> Sequence[Loss]:
        """What it found broken since it was opened, one of each file, as it stands now; for the log, `/health` and `/quality`. Quick: asked
        four times a second. A store that finds damage goes on with what is left; `quantd.salvage` helps where that is a file."""
        return ()

    @abstractmethod
    def close(self) -> None:
        """Called once after the last append."""
