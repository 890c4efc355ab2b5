"""What a pair's series is told, and what goes into it."""

from msgspec import Struct

from quantd.model import Quality, Spread, ZMethod
from quantd.plugin.base import PairJob
from quantd.plugin.regression import Regression

_COVERED = frozenset({"complete", "imported"})


class PairSpec(Struct, frozen=True):
    """How one pair is processed on one timeframe."""

    pair: str
    every: str
    regression: Regression
    zscore_window: int
    jobs: tuple[PairJob, ...] = ()
    spread: Spread = "hedge"
    zscore: ZMethod = "rolling"
    halflife: float | None = None
    """Bars after which a spread weighs half, for `ew`; a quarter of the window when None."""

    @property
    def points_read(self) -> int:
        """How many points a job reads at most."""
        return max((job.needs(self.regression.window) for job in self.jobs), default=1)

    @property
    def memory(self) -> int:
        """How many bars a point depends on at most, to the last bit, besides what a recursive regression carries over."""
        return 2 * self.regression.window + max(2 * self.zscore_window, self.points_read)


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
        return (self.y_quality in _COVERED) + (self.x_quality in _COVERED)
