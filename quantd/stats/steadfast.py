"""A Kalman filter that resists outliers and starts a new line after a structural break."""

import math
from itertools import pairwise

from quantd.stats.kalman import DIFFUSE, PRIOR, KalmanFilter
from quantd.stats.rolling import FLAT

CLIP = 4.0
SOUND = 10
"""Number of innovations after which the learned noise can be used to judge others."""
LEVER = 1.5
"""Leverage limit after a jump of x: if the jump raises the expected variance of the innovation by more than this factor, the bar alone
would turn the line."""
PLAIN = 13
"""Number of state values that belong to `KalmanFilter`."""

RunBar = tuple[float, float, int, float]
"""A bar of a run: y, x, the number of bars since the one before, and the sign of its innovation."""
Line = tuple[float, ...]


class SteadfastFilter(KalmanFilter):
    """A `KalmanFilter` that reduces the weight of outliers and recognises structural breaks. Without outliers it equals `KalmanFilter`.

    A bar is an outlier if its innovation exceeds `clip` times its expected standard deviation, by the learned noise. As much noise is added
    to it as brings it to `clip`: the larger the innovation, the less the bar moves the line (after C. J. Masreliez and R. D. Martin, Robust
    Bayesian estimation for the linear model and robustifying the Kalman filter, 1977). `weight` is the remaining share of its influence.

    If x jumps by more than `clip` of its usual steps, its leverage could turn the line. The innovation is then judged as if x had moved by
    that limit only. If it is an outlier by that measure, or if the bar alone would turn the line, the bar is left out.

    `breaks` outliers in a row on one side that form a line of their own are a structural break: a new line starts with them. Its level is
    unknown; its slope is the old one, with the old variance plus that of a break in beta alone, (jump / x)². With `breaks` of 0 there are
    no breaks. The old line is kept for `patience` bars: if the next break leads back to it, it continues as if the bars between were
    missing. Twice as many bars that form no line start one nevertheless, with the noise that they have. In such a loose line nothing is an
    outlier, and `breaks` bars in a row that fit the old line lead back to it at once.

    The noise is learned as in `KalmanFilter`, but each square is capped at `clip`² times the noise: a single outlier does not raise it by
    much, and it still grows if all squares are larger. The first ten innovations are not judged; `outliers` finds the bad bars among them.
    """

    __slots__ = (
        "_away",
        "_breaks",
        "_clip2",
        "_held",
        "_lately",
        "_loose",
        "_missed",
        "_old",
        "_pace",
        "_patience",
        "_suspended",
        "_tries",
        "_trusted",
    )

    def __init__(
        self,
        alpha_walk: float,
        beta_walk: float,
        noise: float | None = None,
        *,
        memory: int = 1 << 62,
        prior: float = PRIOR,
        least_scale: float = 0.0,
        clip: float = CLIP,
        breaks: int = 3,
        patience: int = 60,
    ) -> None:
        super().__init__(alpha_walk, beta_walk, noise, memory=memory, prior=prior, least_scale=least_scale)
        self._clip2, self._breaks, self._patience = clip * clip, breaks, patience
        self._pace = self._trusted = 0.0
        self._missed = self._away = self._tries = 0
        self._held: list[RunBar] = []
        self._old: Line | None = None
        self._suspended = self._loose = False
        self._lately: list[RunBar] = []

    def step(self, y: float, x: float, bars: int = 1) -> None:
        """Predict and update, as in `KalmanFilter.step`. An outlier gets a reduced weight, or none, or completes a run that starts a new
        line."""
        if self._variance < DIFFUSE and self.n:
            self._seen += 1
            self._learned = self._with_last(self._seen)
        if self._old:
            self._go_away(bars)
        if self._admits(y, x, bars):
            self.weight = 1.0
            if self._tries:
                self._end_run()
        else:
            self._take_outlier(y, x, bars)
        if self._loose:
            self._look_back(y, x, bars)
        self.n += 1

    def _with_last(self, seen: int) -> float:
        learned, memory = self._learned, self._memory
        square, most = self._innovation * self._innovation / self._variance, self._clip2 * learned
        if square > most > 0.0 and seen > SOUND:
            square = most
        return learned + (square - learned) / (seen if seen < memory else memory)

    def _admits(self, y: float, x: float, bars: int) -> bool:
        """Predict, and take the bar if it is no outlier; return whether it was taken. If it was not, the prediction stays, except after a
        jump of x, when it is undone."""
        bars += self._missed
        way, clip2 = x - self._trusted, self._clip2
        square, limit = way * way / bars, clip2 * self._pace
        if self._seen >= SOUND:
            if square > limit > 0.0:
                return self._admits_leap(y, x, bars, self._trusted + math.copysign(math.sqrt(limit * bars), way))
            self._expect(y, x, bars)
            innovation = self._innovation
            if innovation * innovation > clip2 * self._variance * self._learned and self._is_off(y):
                return False
        else:
            self._expect(y, x, bars)
        self._take()
        self._trusted, self._missed = x, 0
        n = self.n
        if n:
            self._pace += (square - self._pace) / (n if n < self._memory else self._memory)
        return True

    def _is_off(self, y: float) -> bool:
        """Return whether the last innovation is more than rounding and there is a noise by which to judge it."""
        return self._learned > 0.0 and abs(self._innovation) > FLAT * abs(y)

    def _admits_leap(self, y: float, x: float, bars: int, near: float) -> bool:
        """Do the work of `_admits` for a bar in which x has jumped further than `near`."""
        before = self._ll, self._ls, self._ss
        self._expect(y - self._slope * (x - near) / self._unit, near, bars)
        innovation, variance = self._innovation, self._variance
        self._ll, self._ls, self._ss = before
        if innovation * innovation > self._clip2 * variance * self._learned and self._is_off(y):
            return False
        self._expect(y, x, bars)
        if self._variance > LEVER * variance:
            self._ll, self._ls, self._ss = before
            return False
        self._take()
        self._trusted, self._missed = x, 0
        self._update_pace(self._clip2 * self._pace)
        return True

    def _update_pace(self, square: float) -> None:
        """Include the square of a step of x in the average step."""
        self._pace += (min(square, self._clip2 * self._pace) - self._pace) / max(1, min(self.n, self._memory))

    def _take_outlier(self, y: float, x: float, bars: int) -> None:
        """Count an outlier, and update with it at a reduced weight if it does not complete a break."""
        leapt = self._is_leap(x - self._trusted, self._missed + bars)
        self._go_on(y, x, bars, math.copysign(1.0, self._trusted - x if leapt else self._innovation))
        if leapt:
            self._missed += bars
        else:
            self._trusted, self._missed = x, 0
        if not self._old:
            self._old, self._away = self._line(), self._missed
        if self._tries >= self._breaks > 0 and self._breaks_with_run():
            self.weight = 1.0
        elif leapt:
            self.weight = 0.0
        else:
            self._take_clipped()

    def _is_leap(self, way: float, bars: int) -> bool:
        return way * way / bars > self._clip2 * self._pace > 0.0

    def _go_on(self, y: float, x: float, bars: int, side: float) -> None:
        """Append a bar to the run, which has no bar on the other side and which x does not leave by a jump."""
        if self._held and side != self._held[-1][3]:
            self._end_run()
        last = self._held[-1][1] if self._held else self._trusted
        if self._held and self._is_leap(x - last, bars):
            self._held = []
        self._update_pace((x - last) ** 2 / bars)
        self._tries += 1
        self._held = [*self._held, (y, x, bars, side)][-max(1, self._breaks) :]

    def _take_clipped(self) -> None:
        """Update with the last bar, with as much noise added as brings it to `clip`."""
        variance = self._innovation * self._innovation / (self._clip2 * self._learned)
        self.weight = self._variance / variance
        self._take(variance - self._variance)

    def _go_away(self, bars: int) -> None:
        self._away += bars
        if self._suspended and self._away > self._patience:
            self._forget()

    def _forget(self) -> None:
        """Discard the old line."""
        self._old, self._suspended, self._loose, self._lately = None, False, False, []

    def _look_back(self, y: float, x: float, bars: int) -> None:
        """Check whether the old line fits the bars since a loose line was started, and go back to it if so."""
        self._lately = [*self._lately, (y, x, bars, 0.0)][-self._breaks :]
        told, now, missed, held = (self._u, self._innovation, self._variance), self._line(), self._missed, self._held
        self._held = self._lately
        if self._returns():
            self._held, self._tries, self.weight = [], 0, 1.0
            self._forget()
            return
        self._put(now)
        self._held, self._missed = held, missed
        self._u, self._innovation, self._variance = told

    def _end_run(self) -> None:
        self._held, self._tries = [], 0
        if not self._suspended:
            self._old = None

    def _breaks_with_run(self) -> bool:
        """Go back to the old line if it fits the whole run, or else start a new line with the run if the run forms one. The results for the
        last bar stay."""
        told, now, missed = (self._u, self._innovation, self._variance), self._line(), self._missed
        back = self._returns()
        if not back:
            self._put(now)
        done = back or self._begins(told[1])
        if done:
            self._suspended, self._held, self._tries = not back, [], 0
        else:
            self._put(now)
            self._missed = missed
        if back:
            self._forget()
        self._u, self._innovation, self._variance = told
        return done

    def _returns(self) -> bool:
        """Update the old line with the whole run, if there is an old line and it fits."""
        if not (self._suspended and self._old and len(self._held) == self._breaks):
            return False
        self._put(self._old)
        self._missed = self._away - sum(bars for _, _, bars, _ in self._held)
        return all(self._admits(y, x, bars) for y, x, bars, _ in self._held)

    def _begins(self, jump: float) -> bool:
        """Start a line at the first x of the run and update it with the run; return False if the run forms no line by the known noise but
        still may form one."""
        self._reset(self._held[0][1], jump)
        squares = []
        for at, (y, x, bars, _) in enumerate(self._held):
            self._expect(y, x, bars if at else 0)
            self._take()
            squares.append(self._innovation * self._innovation / self._variance)
        self._trusted, self._missed = self._held[-1][1], 0
        self._pace = max([self._pace, *((after[1] - before[1]) ** 2 / after[2] for before, after in pairwise(self._held))])
        noise = math.fsum(squares[1:]) / max(1, len(squares) - 1)
        is_line = noise <= self._clip2 * self._learned
        if not is_line:
            self._learned, self._seen = noise, SOUND
        forced = self._tries >= 2 * self._breaks
        self._loose, self._lately = forced and not is_line, []
        return (is_line and len(squares) == self._breaks) or forced

    def _reset(self, x: float, jump: float) -> None:
        """Reset to a line around x with unknown level, and with the old slope if that is known."""
        unit = (math.hypot(x, self._least_scale) if self._least_scale else abs(x)) or 1.0
        by = unit / self._unit
        if self._moved and self._learned > 0.0:
            self._slope, self._ss = self._slope * by, min(self._ss * by * by + jump * jump / self._learned, self._prior)
        else:
            self._slope, self._ss = 0.0, self._prior
        self._x0, self._unit, self._level, self._ll, self._ls = x, unit, 0.0, self._prior, 0.0

    def _line(self) -> Line:
        line = self._x0, self._unit, self._level, self._slope, self._ll, self._ls, self._ss
        return *line, self._trusted, self._pace, self._learned, float(self._seen)

    def _put(self, line: Line) -> None:
        self._x0, self._unit, self._level, self._slope, self._ll, self._ls, self._ss, *rest = line
        self._trusted, self._pace, self._learned, seen = rest
        self._seen = int(seen)

    def values(self) -> tuple[float, ...]:
        """Return the whole state, as in `KalmanFilter`, followed by the run and the old line if there are any."""
        held = [number for bar in self._held for number in bar]
        lately = [number for bar in self._lately for number in bar]
        counts = float(self._tries), float(self._missed), float(self._away), float(self._suspended), float(self._loose)
        lengths = float(len(self._held)), float(len(self._lately))
        return *super().values(), self.weight, self._pace, self._trusted, *counts, *lengths, *held, *lately, *(self._old or ())

    def restore(self, values: tuple[float, ...]) -> None:
        super().restore(values[:PLAIN])
        self.weight, self._pace, self._trusted, tries, missed, away, suspended, loose, held, lately, *rest = values[PLAIN:]
        self._tries, self._missed, self._away, self._suspended, self._loose = (
            int(tries),
            int(missed),
            int(away),
            bool(suspended),
            bool(loose),
        )
        first, second = 4 * int(held), 4 * int(held + lately)
        self._held, self._lately = _bars(rest[:first]), _bars(rest[first:second])
        self._old = tuple(rest[second:]) or None


def _bars(numbers: list[float]) -> list[RunBar]:
    return [(numbers[at], numbers[at + 1], int(numbers[at + 2]), numbers[at + 3]) for at in range(0, len(numbers), 4)]
