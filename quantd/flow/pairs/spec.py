"""The settings of a pair's series, and its input rows."""

import math
from zlib import crc32

from msgspec import Struct

from quantd.model import WHOLE, Quality, Spread
from quantd.plugin.base import PairJob
from quantd.plugin.regression import Regression
from quantd.stats.zscore import ZScore

_FROM_GOOD_TO_BAD: tuple[Quality, ...] = ("complete", "imported", "partial", "forming", "gap")


def worse(first: Quality, second: Quality) -> Quality:
    """Return the worse of two qualities."""
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
        """Whether prices are logarithms."""
        return self.regression.prices == "log"

    def price(self, close: float) -> float:
        """Return a close as the regression sees it."""
        return math.log(close) if self.log else float(close)

    @property
    def offset(self) -> int:
        """Number that determines at which bars the sums of the pair are rebuilt: pairs of different names are rebuilt at different bars."""
        return crc32(self.pair.encode())

    @property
    def zscore_window(self) -> int:
        """Number of closes, or spreads, that the z-score is computed over."""
        return self.zscore.window or self.regression.window

    @property
    def bars_needed(self) -> int:
        """Number of bars that a point is computed from: those of the hedge and those of the z-score."""
        return self.zscore.bars_needed(self.regression.window)

    @property
    def rows_read(self) -> int:
        """Largest number of rows that a job reads."""
        return max((job.bars_needed(self.regression.window) for job in self.jobs), default=1)

    @property
    def memory(self) -> int:
        """Largest number of bars that a point depends on, to the last bit, besides what a recursive regression carries over. Sums reach
        back over two windows."""
        return 2 * self.bars_needed + self.rows_read


class Row(Struct, frozen=True, gc=False):
    """One bar of both legs. The prices are those that the regression sees."""

    ts: int
    index: int
    y: float
    x: float
    y_quality: Quality
    x_quality: Quality

    @property
    def covered(self) -> int:
        """Number of the two bars that hold every trade of their bucket."""
        return (self.y_quality in WHOLE) + (self.x_quality in WHOLE)
