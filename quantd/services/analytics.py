"""Statistics of any two symbols on demand, and the present state of the pairs that are processed."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from quantd.model import Bar, PairPoint, Prices, Spread
from quantd.pool import ANYBODY, Asker
from quantd.stats.cointegration import EngleGranger
from quantd.stats.funding import Rates
from quantd.stats.spreads import SpreadTest
from quantd.stats.zscore import ZScore


class Style(Struct, frozen=True):
    """How an on-demand answer is made, as a pipeline's keys of the same names say; `beta` and `alpha` are those of a hedge that is
    fixed."""

    spread: Spread = "hedge"
    zscore: ZScore = ZScore()
    prices: Prices = "raw"
    beta: float | None = None
    alpha: float | None = None


PLAIN = Style()


class Question(Struct, frozen=True):
    """What is asked about a pair; `method` is the name of a regression plugin."""

    y: str
    x: str
    every: str
    window: int
    method: str
    style: Style = PLAIN


class Method(Struct, frozen=True):
    """A regression plugin, by its name."""

    name: str
    predicts: bool = False
    """Whether it predicts each bar, as z-scores of innovations need."""
    takes_hedge: bool = False
    """Whether its hedge is given, by the `beta` and `alpha` of a style."""
    refits: bool = False
    """Whether a bar takes it longer the longer its window is, so that many take long."""


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


class PairStatus(Struct, frozen=True):
    """The state of a pair on one timeframe at the last prices."""

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


class Analytics(Protocol):
    """Pairs, computed on demand or as they are processed."""

    def methods(self) -> list[Method]:
        """The regression plugins."""
        ...

    async def analyse(self, question: Question, asker: Asker = ANYBODY) -> Analysis:
        """Points over the last bars, computed off the loop. Empty without enough bars. The same symbol twice gives beta 1, spread 0,
        zscore 0, corr 1. Raises Busy."""
        ...

    async def past(self, question: Question, limit: int, asker: Asker = ANYBODY) -> PairPast:
        """The bars up to now, and before the last `limit` those that a z-score over the window needs; read and computed off the loop.
        Raises Busy."""
        ...

    def pairs(self) -> list[PairStatus]:
        """Every pair that is processed, on each of its timeframes, whether or not there are numbers yet."""
        ...
