"""Statistics of any two symbols on demand, and the present state of the processed pairs."""

from collections.abc import Hashable, Mapping
from typing import Protocol

from msgspec import Struct

from quantd.model import Bar, PairPoint, Prices, Spread
from quantd.pool import ANYBODY, Asker
from quantd.stats.cointegration import EngleGranger
from quantd.stats.funding import Rates
from quantd.stats.spreads import SpreadTest
from quantd.stats.zscore import ZScore


class Style(Struct, frozen=True):
    """How an on-demand answer is computed, with the keys of a pipeline. `beta` and `alpha` are those of a fixed hedge."""

    spread: Spread = "hedge"
    zscore: ZScore = ZScore()
    prices: Prices = "raw"
    beta: float | None = None
    alpha: float | None = None


PLAIN = Style()


class Question(Struct, frozen=True):
    """A question about a pair. `method` is the name of a regression plugin."""

    y: str
    x: str
    every: str
    window: int
    method: str
    style: Style = PLAIN


class Method(Struct, frozen=True):
    """A regression plugin."""

    name: str
    predicts: bool = False
    """Whether it predicts each bar, as z-scores of innovations need."""
    takes_hedge: bool = False
    """Whether its hedge is given, by the `beta` and `alpha` of a style."""
    refits: bool = False
    """Whether the time per bar grows with the window, so that many bars take long."""


class Analysis(Struct, frozen=True):
    """An on-demand answer: points of one pair and timeframe, oldest first, the ADF test of the spread over them, and the cointegration
    tests of y on x and of x on y."""

    points: list[PairPoint]
    adf: SpreadTest = SpreadTest(0, reason="short")
    cointegration: EngleGranger = EngleGranger(0, reason="short")
    reverse: EngleGranger = EngleGranger(0, reason="short")


def is_whole(point: PairPoint) -> bool:
    """Return whether a point has everything that an answer shows side by side. A z-score that is None because the spread does not move
    counts."""
    return point.corr is not None and (point.zscore is not None or point.reason == "flat")


class PairPast(Struct, frozen=True):
    """The input of a backtest: closed bars of both legs and the points over them, oldest first."""

    y_bars: list[Bar]
    x_bars: list[Bar]
    points: list[PairPoint]
    funding: Mapping[str, Rates] = {}
    """Funding rates paid meanwhile, by symbol. Nothing is known of a leg that is not in it."""


class PairStatus(Struct, frozen=True):
    """The state of a pair on one timeframe at the last prices."""

    pair: str
    every: str
    ts: int | None
    """Time of the last trade of either leg, ms."""
    bars: int
    """Number of bars of both legs, out of the `needed` ones behind a z-score."""
    needed: int
    point: PairPoint | None
    """The now-cast; None if the last bar has no point."""
    reason: str | None
    """Why there is no point, or the point's own reason."""


class Analytics(Protocol):
    """Statistics of pairs, computed on demand or by pipelines."""

    def methods(self) -> list[Method]:
        """Return the regression plugins, which stay the same while the process lives."""
        ...

    def version(self, question: Question) -> Hashable | None:
        """Return what the answer of `analyse` depends on. Answers at equal versions are equal. None as long as something is to be
        fetched first."""
        ...

    async def prepare(self, question: Question, asker: Asker = ANYBODY) -> None:
        """Fetch what `analyse` needs and is not there. Afterwards `version` is known, unless that has failed. Raises Busy."""
        ...

    async def analyse(self, question: Question, asker: Asker = ANYBODY) -> Analysis:
        """Return points over the last bars, computed off the loop. Empty without enough bars. The same symbol twice gives beta 1, spread 0,
        zscore 0, corr 1. Raises Busy."""
        ...

    async def past(self, question: Question, limit: int, asker: Asker = ANYBODY) -> PairPast:
        """Return the last `limit` bars, and before them those that a z-score over the window needs; read and computed off the loop. Raises
        Busy."""
        ...

    def series(self) -> list[tuple[str, str]]:
        """Return every processed pair with each of its timeframes."""
        ...

    def newest(self, pair: str, every: str) -> PairPoint | None:
        """Return the newest point in memory."""
        ...

    def nowcasts(self, pair: str) -> list[PairPoint]:
        """Return the now-casts of a processed pair, one for each timeframe that has one."""
        ...

    def pairs(self) -> list[PairStatus]:
        """Return the status of every processed pair on each of its timeframes, whether or not there are numbers yet."""
        ...

    def pairs_version(self) -> Hashable | None:
        """Return what the answer of `pairs` depends on, as `version` does."""
        ...
