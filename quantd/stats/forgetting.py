"""Recursive least squares with exponential forgetting, in the form of weighted centred sums."""

import math

import msgspec

from quantd.model import Hedge
from quantd.stats.regression import ols


class Forgetting:
    """The least-squares line in which a bar that is k bars old has the weight `memory` ** k, 0 < `memory` <= 1.

    It is the recursion of L. Ljung and T. Söderström (Theory and Practice of Recursive Identification, 1983, 2.2) without its prior.
    Weighted sums about the running mean, updated as by D. H. D. West (1979, Communications of the ACM 22, 532-535), keep all digits where
    the covariance form would lose them or diverge. `stderr` is None because the weights are not counts of bars.
    """

    __slots__ = ("_memory", "_weight", "mean_x", "mean_y", "n", "sxx", "sxy", "syy")

    def __init__(self, memory: float) -> None:
        self._memory = memory
        self._weight = self.mean_y = self.mean_x = self.syy = self.sxx = self.sxy = 0.0
        self.n = 0

    def step(self, y: float, x: float, bars: int = 1) -> None:
        """Take one bar, which is `bars` bars after the last one; both values must be finite. The recursion starts anew if the sums leave
        the range of floats."""
        if not math.isfinite(self.syy + self.sxx):
            self._weight = self.mean_y = self.mean_x = self.syy = self.sxx = self.sxy = 0.0
            self.n = 0
        memory = self._memory if bars == 1 else self._memory**bars
        before = memory * self._weight
        self._weight = weight = before + 1.0
        dy, dx, share = y - self.mean_y, x - self.mean_x, before / weight
        self.mean_y += dy / weight
        self.mean_x += dx / weight
        self.syy = memory * self.syy + share * dy * dy
        self.sxx = memory * self.sxx + share * dx * dx
        self.sxy = memory * self.sxy + share * dx * dy
        self.n += 1

    def values(self) -> tuple[float, ...]:
        """Return the whole state, for `restore`."""
        return float(self.n), self._weight, self.mean_y, self.mean_x, self.syy, self.sxx, self.sxy

    def restore(self, values: tuple[float, ...]) -> None:
        """Continue from the `values` of a recursion with the same memory."""
        n, self._weight, self.mean_y, self.mean_x, self.syy, self.sxx, self.sxy = values
        self.n = int(n)

    def hedge(self) -> Hedge | None:
        """Return the line as of the last bar; `n` counts bars, whatever their weight. None below two bars and if x is flat."""
        line = ols(self)
        return line and msgspec.structs.replace(line, stderr=None)
