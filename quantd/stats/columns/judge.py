"""The judgements of `Judge` on the bars of many pairs at once, with the same bits."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantd.stats import FloatArray, IntArray
from quantd.stats.columns.line import Bars, Last, Lines, Noises, expected, scales
from quantd.stats.judge import LEVER
from quantd.stats.noise import SOUND
from quantd.stats.rolling import FLAT

BoolArray = NDArray[np.bool_]


class Judges(NamedTuple):
    """The knowledge of judges with the same settings before a bar. Each array has the shape (P,)."""

    clip2: float
    memory: int
    least_scale: float
    n: FloatArray
    pace: FloatArray
    trusted: FloatArray
    noises: Noises

    def judge(self, before: Lines, last: Last, bars: Bars) -> tuple[BoolArray, FloatArray]:
        """Return which bars `Judge.admits` would take, and the paces after these. `before` are the lines before the bars, and `last` is
        what they expect of the bars. No bar may have been left out before."""
        way = bars.x - self.trusted
        square, limit = way * way / bars.since, self.clip2 * self.pace
        sound = self.noises.seen >= SOUND
        admitted = ~(sound & self._is_off(last, self.noises.learned, bars.y))
        leapt = square > limit
        if leapt.any():
            leapt &= sound & (limit > 0.0)
            at = np.flatnonzero(leapt)
            admitted[at] = self._admit_leaps(at, before.take(at), last.variance[at], bars.take(at), way[at])
            square = np.where(leapt, limit, square)
        return admitted, self.pace + (square - self.pace) / np.minimum(self.n, float(self.memory))

    def _admit_leaps(self, at: IntArray, before: Lines, variance: FloatArray, bars: Bars, way: FloatArray) -> BoolArray:
        """Return which bars `Judge.admits` would take although x has jumped; `at` are their places."""
        edge = np.sqrt(self.clip2 * self.pace[at] * bars.since)
        near = self.trusted[at] + np.copysign(edge, way)
        y = bars.y - before.slope * (bars.x - near) / before.unit
        _, last = expected(before, Bars(y, near, bars.since, scales(near, self.least_scale)))
        admitted: BoolArray = ~self._is_off(last, self.noises.learned[at], bars.y) & ~(variance > LEVER * last.variance)
        return admitted

    def _is_off(self, last: Last, noise: FloatArray, y: FloatArray) -> BoolArray:
        """Return whether each innovation is too large, is more than rounding, and there is a noise by which to judge it."""
        innovation = last.innovation
        off: BoolArray = innovation * innovation > self.clip2 * last.variance * noise
        if off.any():
            off &= (noise > 0.0) & (np.abs(innovation) > FLAT * np.abs(y))
        return off
