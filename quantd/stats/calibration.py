"""Labels the outcomes of stretched spreads, and measures how well probabilities of these outcomes are calibrated."""

import math

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quantd.stats import FloatArray

Labels = NDArray[np.int64]
PENDING, STOPPED, REVERTED = -1, 0, 1
_BINS = 5


class HeldScores:
    """The z-scores of positions that keep the hedge ratio, mean and unit of the bar at which they begin.

    All columns have the shape (n,): the prices of the legs, and the hedge ratio, z-score and unit of each bar, NaN if it has none.
    """

    def __init__(self, y: FloatArray, x: FloatArray, beta: FloatArray, zscore: FloatArray, std: FloatArray) -> None:
        self._y, self._x, self._beta = y, x, beta
        self._std = np.where(std > 0.0, std, np.nan)
        self._middle = y - beta * x - zscore * self._std

    def path(self, at: int, bars: int) -> FloatArray:
        """Return the z-scores of a position that begins at bar `at` over the following bars, at most `bars` of them."""
        later = slice(at + 1, at + 1 + bars)
        scores: FloatArray = (self._y[later] - self._beta[at] * self._x[later] - self._middle[at]) / self._std[at]
        return scores

    def back(self, bars: int) -> FloatArray:
        """Return the scores, (n,), of the prices `bars` earlier by the hedge ratio, mean and unit of each bar; NaN for the first bars."""
        scores = np.full(len(self._y), np.nan)
        now, then = slice(bars, None), slice(None, max(0, len(self._y) - bars))
        scores[now] = (self._y[then] - self._beta[now] * self._x[then] - self._middle[now]) / self._std[now]
        return scores


def barriers(zscore: FloatArray, held: HeldScores, entry: float, target: float, stop: float, horizon: int) -> tuple[Labels, Labels]:
    """Return, for each bar of (n,), its label and the bar at which the label became known (n if it is not known).

    A bar with `entry` <= |z| < `stop` is an event. Its outcome is followed with the hedge ratio, mean and unit of that bar, as a position
    opened there would be. The label is REVERTED if z comes back to `target` on its own side, or crosses the mean, within `horizon` bars and
    before |z| reaches `stop`. It is STOPPED if z does not, and PENDING if neither is known by the end or the bar is no event. A bar without
    a z-score, NaN, is no event. These are the three barriers of M. Lopez de Prado (2018, 3.4).
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
    """Return the number of the stretch to which each bar of (n,) belongs, or -1 where no outcome became known. `known` holds the bars at
    which the outcomes became known.

    Events that follow one another wait for the same outcome, so the outcome of one tells that of its neighbours. A stretch therefore begins
    with an event by whose bar all earlier outcomes are known.

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
    """Return weights for events (n,) with these non-negative stretch numbers; the weights of each stretch sum to 1.

    >>> evenly(np.array([0, 0, 3])).tolist()
    [0.5, 0.5, 1.0]
    """
    weights: FloatArray = 1.0 / np.bincount(numbers)[numbers]
    return weights


class Calibration(Struct, frozen=True, gc=False):
    """The quality of probability forecasts, with each stretch counted once.

    `brier` is their mean squared error (G. W. Brier, 1950), `base` is that of the reference forecast, and `skill` is 1 minus their ratio.
    `stderr` is the standard error of the skill over `stretches` stretches, of which `rarer` ended in the rarer way. `error` is the mean
    distance between forecast and outcome over five equally filled bins.
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
        """Return whether the skill is above twice its standard error."""
        return self.skill > 2.0 * self.stderr


def calibration(said: FloatArray, base: FloatArray, came: Labels, numbers: Labels) -> Calibration | None:
    """Return the calibration of the probabilities `said`, against the share `base` that was known beforehand, for outcomes 0 or 1 of events
    in the stretches with these numbers. All arrays have the shape (n,). None if there are fewer than two stretches or all outcomes are the
    same."""
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
