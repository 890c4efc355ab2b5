"""Decides whether a bar is an outlier, and updates a line with the bars that are none."""

import math
from collections.abc import Sequence
from itertools import pairwise

from quantd.stats.line import WalkingLine
from quantd.stats.noise import SOUND, LearnedNoise
from quantd.stats.rolling import FLAT

LEVER = 1.5
"""Leverage limit after a jump of x: if the jump raises the expected variance of the innovation by more than this factor, the bar alone
would turn the line."""

RunBar = tuple[float, float, int, float]
"""A bar of a run: y, x, the number of bars since the one before, and the sign of its innovation."""


class Judge:
    """Updates a line with the bars that are no outliers. A bar is an outlier if its innovation exceeds `clip` times its expected standard
    deviation, by the learned noise.

    If x jumps by more than `clip` of its usual steps, its leverage could turn the line. The innovation is then judged as if x had moved by
    that limit only. If it is an outlier by that measure, or if the bar alone would turn the line, the bar is left out."""

    __slots__ = ("_line", "_noise", "missed", "pace", "trusted")

    def __init__(self, line: WalkingLine, noise: LearnedNoise) -> None:
        self._line = line
        self._noise = noise
        self.pace = 0.0
        """Mean square of a step of x."""
        self.trusted = 0.0
        """The x from which the next step is measured."""
        self.missed = 0
        """Number of bars since that x."""

    def admits(self, y: float, x: float, bars: int, n: int) -> bool:
        """Predict, and take bar number `n` if it is no outlier; return whether it was taken. If it was not, the prediction stays, except
        after a jump of x, when it is undone."""
        line, noise = self._line, self._noise
        bars += self.missed
        way, clip2 = x - self.trusted, noise.clip2
        square, limit = way * way / bars, clip2 * self.pace
        if noise.seen >= SOUND:
            if square > limit > 0.0:
                return self._admits_leap(y, x, bars, n, self.trusted + math.copysign(math.sqrt(limit * bars), way))
            line.expect(y, x, bars)
            innovation = line.innovation
            if innovation * innovation > clip2 * line.variance * noise.learned and self._is_off(y):
                return False
        elif n:
            line.expect(y, x, bars)
        else:
            line.start(x)
            line.expect(y, x, 0)
        line.correct()
        self.trusted, self.missed = x, 0
        if n:
            self.pace += (square - self.pace) / (n if n < noise.memory else noise.memory)
        return True

    def take_clipped(self) -> float:
        """Update with the last bar, with as much noise added as brings it to `clip`; return its weight."""
        line, noise = self._line, self._noise
        expected = line.variance
        variance = line.innovation * line.innovation / (noise.clip2 * noise.learned)
        line.correct(variance - expected)
        return expected / variance

    def is_leap(self, way: float, bars: int) -> bool:
        """Return whether x has moved further in this number of bars than `clip` of its usual steps."""
        return way * way / bars > self._noise.clip2 * self.pace > 0.0

    def leave_out(self, x: float, bars: int, *, leapt: bool) -> None:
        """Leave out an outlier. The next step is measured from its x unless that has jumped."""
        if leapt:
            self.missed += bars
        else:
            self.trusted, self.missed = x, 0

    def miss(self, bars: int) -> None:
        """Set the number of bars since the x from which steps are measured."""
        self.missed = bars

    def update_pace(self, square: float, n: int) -> None:
        """Include the square of a step of x in the average step."""
        self.pace += (min(square, self._noise.clip2 * self.pace) - self.pace) / max(1, min(n, self._noise.memory))

    def start_with(self, run: Sequence[RunBar], jump: float) -> float:
        """Start a line at the first x of a run and update it with the run; return the noise of the run around that line."""
        line = self._line
        line.reset(run[0][1], jump, self._noise.learned)
        squares = []
        for at, (y, x, bars, _) in enumerate(run):
            line.expect(y, x, bars if at else 0)
            line.correct()
            squares.append(line.innovation * line.innovation / line.variance)
        self.trusted, self.missed = run[-1][1], 0
        self.pace = max([self.pace, *((after[1] - before[1]) ** 2 / after[2] for before, after in pairwise(run))])
        return math.fsum(squares[1:]) / max(1, len(squares) - 1)

    def state(self) -> tuple[float, ...]:
        """Return the line, the average step of x and the noise, for `put`."""
        return *self._line.state(), self.trusted, self.pace, self._noise.learned, float(self._noise.seen)

    def put(self, state: tuple[float, ...]) -> None:
        """Go back to a state."""
        *line, self.trusted, self.pace, learned, seen = state
        self._line.put(tuple(line))
        self._noise.put(learned, int(seen))

    def resume(self, pace: float, trusted: float, missed: int) -> None:
        """Continue from what another judge knew of x."""
        self.pace, self.trusted, self.missed = pace, trusted, missed

    def _is_off(self, y: float) -> bool:
        """Return whether the last innovation is more than rounding and there is a noise by which to judge it."""
        return self._noise.learned > 0.0 and abs(self._line.innovation) > FLAT * abs(y)

    def _admits_leap(self, y: float, x: float, bars: int, n: int, near: float) -> bool:
        """Do the work of `admits` for a bar in which x has jumped further than `near`."""
        line = self._line
        before = line.state()
        line.expect(y - line.slope * (x - near) / line.unit, near, bars)
        innovation, variance = line.innovation, line.variance
        line.put(before)
        if innovation * innovation > self._noise.clip2 * variance * self._noise.learned and self._is_off(y):
            return False
        line.expect(y, x, bars)
        if line.variance > LEVER * variance:
            line.put(before)
            return False
        line.correct()
        self.trusted, self.missed = x, 0
        self.update_pace(self._noise.clip2 * self.pace, n)
        return True
