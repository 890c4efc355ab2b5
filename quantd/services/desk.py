"""What the API may ask of the running flow, in one place."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from msgspec import Struct

from quantd.flow.hub import Hub
from quantd.model import Alert, Bar, BookBar, Gap, PairPoint, Prices, Spread, Tick, Ticker
from quantd.plugin.feed_health import FeedHealth
from quantd.pool import ANYBODY, Asker, Pool
from quantd.stats.cointegration import EngleGranger
from quantd.stats.funding import Rates
from quantd.stats.spreads import SpreadTest
from quantd.stats.zscore import ZScore
from quantd.supervision.troubles import Trouble


class Style(Struct, frozen=True):
    """How an on-demand answer is made, as a pipeline's keys of the same names say; `beta` and `alpha` are those of a hedge that is
    fixed."""

    spread: Spread = "hedge"
    zscore: ZScore = ZScore()
    prices: Prices = "raw"
    beta: float | None = None
    alpha: float | None = None


PLAIN = Style()


class Analysis(Struct, frozen=True):
    """An on-demand answer: points of one pair and timeframe, oldest first, the ADF test of the spread over them, and the tests of y on x
    and of x on y for cointegration."""

    points: list[PairPoint]
    adf: SpreadTest = SpreadTest(0, reason="short")
    cointegration: EngleGranger = EngleGranger(0, reason="short")
    reverse: EngleGranger = EngleGranger(0, reason="short")


def is_whole(point: PairPoint) -> bool:
    """Whether it has all that an answer shows side by side. A z-score that is none because the spread does not move counts as one."""
    return point.corr is not None and (point.zscore is not None or point.reason == "flat")


class PairPast(Struct, frozen=True):
    """What a backtest reads: closed bars of both legs and the points over them, oldest first."""

    y_bars: list[Bar]
    x_bars: list[Bar]
    points: list[PairPoint]
    funding: Mapping[str, Rates] = {}
    """What was paid meanwhile, by symbol; of a leg that is not told nothing is known."""


class Standing(Struct, frozen=True):
    """Where a pair stands on one timeframe at the last prices."""

    pair: str
    every: str
    ts: int | None
    """Of the last trade of either leg, ms."""
    bars: int
    """Of both legs, of the `needed` ones that stand behind a z-score."""
    needed: int
    point: PairPoint | None
    """The now-cast; None where the last bar has none."""
    reason: str | None
    """Why there is none, or what the point says."""


class RestRule(Struct):
    """An alert rule made by request."""

    id: str
    metric: str
    """zscore, spread, correlation, corr_returns or price."""
    pair: str
    op: str
    value: float
    created_at: int
    triggered_at: int | None = None
    trigger_count: int = 0


class FeedState(Struct, frozen=True):
    """How a feed fares."""

    name: str
    state: str
    """starting, warming, live or down."""
    last_tick: int | None
    ticks: int
    refused: int
    warm: int
    """How many of its `symbols` have their past."""
    symbols: int
    clock_offset: int | None = None
    """How far the venue's clock is ahead of this host's, ms; None where it is not known."""
    health: FeedHealth = FeedHealth()


class SymbolQuality(Struct, frozen=True):
    """How good what is known of a symbol is. Latencies are from the exchange's time of a trade to its receipt, ms."""

    symbol: str
    state: str
    """starting, warming, live, quiet (no trade for a minute), closed (nor will there be one: its market is closed) or down; unlisted where
    the exchange does not list it, delisted where it no longer does."""
    last_id: int | None
    last_tick: int | None
    """Its time, ms."""
    ticks: int
    duplicates: int
    refused: int
    missing: int
    """Trade ids that are missing now."""
    lost: int
    """Those of them that are not to be had."""
    repaired: int
    """Trades that were missing and came after all."""
    late: int
    """Trades that came too late for their bar."""
    latency_p50: float | None
    latency_p99: float | None
    gaps: list[Gap]
    """Those that are open, by id."""
    notes: list[str] = []
    """What else is to be known of its record: what of it was found broken in this run."""


class Desk(ABC):
    """The flow as the API sees it. Symbols are upper case; times are ms."""

    hub: Hub
    pool: Pool
    """Where answers are computed."""

    @abstractmethod
    def now(self) -> int:
        """The daemon's clock."""

    @abstractmethod
    def listed(self) -> list[str]:
        """The config's symbols: the legs of its pairs, then `symbols:`."""

    @abstractmethod
    def supported(self) -> list[str]:
        """The listed symbols first, then whatever else the exchange lists as trading."""

    @abstractmethod
    def active(self) -> list[str]:
        """The symbols that are streamed since somebody holds them."""

    @abstractmethod
    def flowing(self) -> list[str]:
        """Those of them whose trades come."""

    @abstractmethod
    def hold(self, holder: str, symbols: Sequence[str]) -> None:
        """Stream these symbols at least as long as this holder wants them."""

    @abstractmethod
    def release(self, holder: str, symbols: Sequence[str] | None = None) -> None:
        """Let go of the holder's claim on these symbols, or on all; a symbol that nobody holds is streamed for some minutes more."""

    @abstractmethod
    async def warm_up(self, symbols: Sequence[str]) -> None:
        """Have these symbols streamed for some minutes, at least, and return when their past is there, 5 s after the first question for
        them at the latest."""

    @abstractmethod
    async def bars(
        self, symbol: str, every: str, start: int | None = None, end: int | None = None, limit: int | None = None, asker: Asker = ANYBODY
    ) -> list[Bar]:
        """Bars of start <= ts < end, ascending, the newest `limit` of them; the last one may be forming. Timeframes that are not
        recorded are merged on reading. Empty without data. ValueError for what is no timeframe, Busy if it is not answered in time."""

    @abstractmethod
    def event_bars(self, symbol: str) -> list[str]:
        """The labels of the bars that it has beside those of time; `bars` takes them as `every`."""

    @abstractmethod
    def books(self, symbol: str, every: str) -> list[BookBar]:
        """The recent book bars, ascending; empty where no pipeline asks for quotes, or for none of that timeframe."""

    @abstractmethod
    def ticks(self, symbol: str, start: int | None = None, end: int | None = None, limit: int = 1000) -> list[Tick]:
        """The newest `limit` ticks of the ring in start <= ts < end, ascending."""

    @abstractmethod
    def tick_counts(self) -> dict[str, int]:
        """Ticks in the ring by symbol, of symbols that have any."""

    @abstractmethod
    def ring_size(self) -> int:
        """How many ticks the ring of a symbol holds at most."""

    @abstractmethod
    def last_tick(self, symbol: str) -> Tick | None:
        """The newest tick of the ring."""

    @abstractmethod
    def ticker(self, symbol: str) -> Ticker | None:
        """The newest 24 h ticker."""

    @abstractmethod
    def clear(self, symbol: str | None) -> None:
        """Empty the ring of one symbol, or of all: what REST shows, never a pair's window."""

    @abstractmethod
    def methods(self) -> list[str]:
        """The names of the regression plugins."""

    @abstractmethod
    async def analyse(self, y: str, x: str, every: str, window: int, method: str, style: Style = PLAIN, asker: Asker = ANYBODY) -> Analysis:
        """Points over the last bars, computed off the loop or answered from a live pair; `method` is a plugin's name.
        Empty without enough bars. The same symbol twice gives beta 1, spread 0, zscore 0, corr 1. Raises Busy."""

    @abstractmethod
    async def past(
        self, y: str, x: str, every: str, window: int, method: str, limit: int, style: Style = PLAIN, asker: Asker = ANYBODY
    ) -> PairPast:
        """The bars up to now, and before the last `limit` those that a z-score over `window` needs; read and computed off the loop.
        Raises Busy."""

    @abstractmethod
    def predicts(self, method: str) -> bool:
        """Whether that regression predicts each bar, as z-scores of innovations need."""

    @abstractmethod
    def gives_hedge(self, method: str) -> bool:
        """Whether the hedge of that regression is given, by the `beta` and `alpha` of a style."""

    @abstractmethod
    def refits(self, method: str) -> bool:
        """Whether a bar takes that regression longer the longer its window is, so that many take long."""

    @abstractmethod
    def standings(self) -> list[Standing]:
        """Where every pair that is processed stands on each of its timeframes, whether or not there are numbers yet."""

    @abstractmethod
    def add_rule(self, metric: str, pair: str, op: str, value: float) -> RestRule:
        """Make a rule; one that is true already fires at once. `pair` is Y-X, or a symbol for `price`."""

    @abstractmethod
    def rules(self) -> list[RestRule]:
        """The rules made by request, oldest first."""

    @abstractmethod
    def delete_rule(self, rule_id: str) -> bool:
        """Whether there was such a rule."""

    @abstractmethod
    def yaml_rules(self) -> list[tuple[str, str, str, bool]]:
        """(pair, name, condition, whether it holds) of the rules in pipelines."""

    @abstractmethod
    def fired(self) -> list[Alert]:
        """The latest firings, by their time; a restart keeps them."""

    @abstractmethod
    def clear_fired(self) -> None:
        """Forget the latest firings; the rules stay."""

    @abstractmethod
    def quality(self) -> list[SymbolQuality]:
        """Of every symbol that streams."""

    @abstractmethod
    def feeds(self) -> list[FeedState]:
        """How each feed fares."""

    @abstractmethod
    def troubles(self) -> list[Trouble]:
        """What is wrong at present, oldest first."""
