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


def stretches(known: Labels) -> Labels:
    """The number of the stretch that each bar of (n,) belongs to, from the bars at which its outcomes became known; -1 where one did not.

    Events one after another wait for the same outcome: what is known of one is known of its neighbours. A stretch therefore begins with an
    event at whose bar all outcomes before it are known.

    >>> stretches(np.array([9, 4, 4, 9, 6, 8, 9, 8, 9]))
    array([-1,  0,  0, -1,  1,  1, -1,  1, -1])
    """
    numbers, number, end = np.full(len(known), -1), -1, 0
    for at in np.flatnonzero(known < len(known)).tolist():
        number += at >= end
        end = max(end, int(known[at]))
        numbers[at] = number
    return numbers


def evenly(numbers: Labels) -> FloatArray:
    """Weights of the events (n,) of stretches with these numbers, none of them negative: those of a stretch sum to 1.

    >>> evenly(np.array([0, 0, 3])).tolist()
    [0.5, 0.5, 1.0]
    """
    weights: FloatArray = 1.0 / np.bincount(numbers)[numbers]
    return weights


class Calibration(Struct, frozen=True, gc=False):
    """How good probabilities were, each stretch counted once.

    `brier` is their mean squared error (G. W. Brier, 1950), `base` that of what they are held against, `skill` 1 - their ratio, `stderr`
    the standard error of the skill over `stretches`, as many as `rarer` of which ended in the rarer way, and `error` the mean distance of
    what was said from what came, over five equally filled bins.
    """

    stretches: int
    rarer: float
    brier: float
    base: float
    skill: float
    stderr: float
    error: float

    @property
    def skilled(self) -> bool:
        """Whether the skill is beyond two of its standard errors."""
        return self.skill > 2.0 * self.stderr


def calibration(said: FloatArray, base: FloatArray, came: Labels, numbers: Labels) -> Calibration | None:
    """Of probabilities, of the plain share that was known beforehand, and outcomes 0 or 1 of events in the stretches with these numbers;
    all (n,). None below two stretches, and where all outcomes are the same."""
    weights = evenly(numbers) if len(numbers) else np.zeros(0)
    total = float(weights.sum())
    ones = float(weights @ came)
    if total < 1.5 or not 0.0 < ones < total:
        return None
    squares, of_base = (said - came) ** 2, (base - came) ** 2
    gains = np.bincount(numbers, weights * (of_base - squares))[np.unique(numbers)]
    brier, plain = float(weights @ squares) / total, float(weights @ of_base) / total
    stderr = float(gains.std(ddof=1)) / math.sqrt(len(gains)) / plain
    order = np.argsort(said, kind="stable")
    bins = [each for each in np.array_split(order, _BINS) if len(each)]
    error = sum(len(each) / len(said) * abs(float(said[each].mean()) - float(came[each].mean())) for each in bins)
    return Calibration(len(gains), min(ones, total - ones), brier, plain, 1.0 - brier / plain, stderr, float(error))
