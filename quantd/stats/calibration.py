"""Labels for what happens after a stretched spread, and whether probabilities of it can be believed."""

import math

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quantd.stats import FloatArray

Labels = NDArray[np.int64]
PENDING, STOPPED, REVERTED = -1, 0, 1
_BINS = 5


class Held:
    """The z-scores of positions that keep the hedge, the middle and the unit of the bar at which they begin. All columns have the shape
    (n,): prices of the legs, and each bar's hedge ratio, z-score and unit, NaN where it has none."""

    def __init__(self, y: FloatArray, x: FloatArray, beta: FloatArray, zscore: FloatArray, std: FloatArray) -> None:
        self._y, self._x, self._beta = y, x, beta
        self._std = np.where(std > 0.0, std, np.nan)
        self._middle = y - beta * x - zscore * self._std

    def path(self, at: int, bars: int) -> FloatArray:
        """The z-scores of a position that begins at bar `at`, over the bars after it, at most `bars`."""
        later = slice(at + 1, at + 1 + bars)
        scores: FloatArray = (self._y[later] - self._beta[at] * self._x[later] - self._middle[at]) / self._std[at]
        return scores

    def back(self, bars: int) -> FloatArray:
        """(n,): what the prices of `bars` before score with the hedge, the middle and the unit of each bar; NaN at the first ones."""
        scores = np.full(len(self._y), np.nan)
        now, then = slice(bars, None), slice(None, max(0, len(self._y) - bars))
        scores[now] = (self._y[then] - self._beta[now] * self._x[then] - self._middle[now]) / self._std[now]
        return scores


def barriers(zscore: FloatArray, held: Held, entry: float, target: float, stop: float, horizon: int) -> tuple[Labels, Labels]:
    """For each bar of (n,): the label, and the bar at which it became known (n where it is not).

    A bar with `entry` <= |z| < `stop` is an event. What comes of it is followed with the hedge, the middle and the unit of that bar, as a
    position would be that was opened there: it is REVERTED if z comes back to `target` on its own side, or beyond the mean, within
    `horizon` bars and before |z| reaches `stop`; STOPPED if it does not; PENDING if neither is known by the end, or it is no event. A bar
    without a z-score, NaN, is no event (M. Lopez de Prado, 2018, 3.4, with its three barriers).
    """
    n = len(zscore)
    labels, known = np.full(n, PENDING), np.full(n, n)
    sizes = np.abs(zscore)
    for at in np.flatnonzero((sizes >= entry) & (sizes < stop)).tolist():
        path = math.copysign(1.0, zscore[at]) * held.path(at, horizon)
        ends = np.flatnonzero((path <= target) | (path >= stop))
        if len(ends):
            labels[at], known[at] = (REVERTED if path[ends[0]] <= target else STOPPED), at + 1 + ends[0]
        elif len(path) == horizon:
            labels[at], known[at] = STOPPED, at + horizon
    return labels, known


class Calibration(Struct, frozen=True, gc=False):
    """How good probabilities were: mean squared error (G. W. Brier, 1950), that of always saying the share of ones, 1 - their ratio, and
    the mean distance of what was said from what came, over five equally filled bins."""

    n: int
    brier: float
    base: float
    skill: float
    error: float


def calibration(said: FloatArray, came: Labels) -> Calibration | None:
    """Of probabilities and outcomes 0 or 1, both (n,). None below ten, or where all outcomes are the same."""
    n, share = len(said), float(came.mean()) if len(came) else 0.0
    if n < 2 * _BINS or share in (0.0, 1.0):
        return None
    brier = float(((said - came) ** 2).mean())
    base = share * (1.0 - share)
    order = np.argsort(said, kind="stable")
    bins = np.array_split(order, _BINS)
    error = sum(len(each) / n * abs(float(said[each].mean()) - float(came[each].mean())) for each in bins)
    return Calibration(n, brier, base, 1.0 - brier / base, float(error))
