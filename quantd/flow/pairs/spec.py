"""What a pair's series is told, and what goes into it."""

import math

from msgspec import Struct

from quantd.model import WHOLE, Quality, Spread
from quantd.plugin.base import PairJob
from quantd.plugin.regression import Regression
from quantd.stats.zscore import ZScore

_FROM_GOOD_TO_BAD: tuple[Quality, ...] = ("complete", "imported", "partial", "forming", "gap")


def worse(first: Quality, second: Quality) -> Quality:
    """The worse of two qualities."""
    return first if first == second else max(first, second, key=_FROM_GOOD_TO_BAD.index)


class PairSpec(Struct, frozen=True):
    """How one pair is processed on one timeframe."""

    pair: str
    every: str
    regression: Regression
    zscore: ZScore = ZScore()
    jobs: tuple[PairJob, ...] = ()
    spread: Spread = "hedge"

    @property
    def log(self) -> bool:
        """Whether the prices are logarithms."""
        return self.regression.prices == "log"

    def price(self, close: float) -> float:
        """A close as the regression sees it."""
        return math.log(close) if self.log else float(close)

    @property
    def zscore_window(self) -> int:
        """How many closes, or spreads, the z-score is taken over."""
        return self.zscore.window or self.regression.window

    @property
    def bars_needed(self) -> int:
        """How many bars stand behind a point: those of the hedge and those of the z-score."""
        return self.zscore.bars_needed(self.regression.window)

    @property
    def rows_read(self) -> int:
        """How many rows a job reads at most."""
        return max((job.bars_needed(self.regression.window) for job in self.jobs), default=1)

    @property
    def memory(self) -> int:
        """How many bars a point depends on at most, to the last bit, besides what a recursive regression carries over: sums reach back
        over two windows."""
        return 2 * self.bars_needed + self.rows_read


class Row(Struct, frozen=True, gc=False):
    """One bar of both legs: the prices as the regression sees them."""

    ts: int
    index: int
    y: float
    x: float
    y_quality: Quality
    x_quality: Quality

    @property
    def covered(self) -> int:
        """How many of the two bars hold every trade of their bucket."""
        return (self.y_quality in WHOLE) + (self.x_quality in WHOLE)
