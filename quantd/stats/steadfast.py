"""A Kalman filter that resists outliers and starts a new line after a structural break."""

import math

import msgspec

from quantd.stats.judge import Judge, RunBar
from quantd.stats.kalman import PRIOR, KalmanFilter
from quantd.stats.line import WalkingLine
from quantd.stats.noise import SOUND, LearnedNoise

CLIP = 4.0
PLAIN = 13
"""Number of state values that belong to `KalmanFilter`."""


class SteadfastFilter(KalmanFilter):
    """A `KalmanFilter` that reduces the weight of outliers and recognises structural breaks. Without outliers it equals `KalmanFilter`.

    A `Judge` decides what is an outlier, by the `clip` of the noise. As much noise is added to an outlier as brings it to `clip`: the
    larger the innovation, the less the bar moves the line (after C. J. Masreliez and R. D. Martin, Robust Bayesian estimation for the
    linear model and robustifying the Kalman filter, 1977). `weight` is the remaining share of its influence; it is 0 for a bar that is
    left out. The first ten innovations are not judged; `outliers` finds the bad bars among them.

    `breaks` outliers in a row on one side that form a line of their own are a structural break: a new line starts with them. Its level is
    unknown; its slope is the old one, with the old variance plus that of a break in beta alone, (jump / x)². With `breaks` of 0 there are
    no breaks. The old line is kept for `patience` bars: if the next break leads back to it, it continues as if the bars between were
    missing. Twice as many bars that form no line start one nevertheless, with the noise that they have. In such a loose line nothing is an
    outlier, and `breaks` bars in a row that fit the old line lead back to it at once.
    """

    __slots__ = ("_away", "_breaks", "_held", "_judge", "_lately", "_loose", "_old", "_patience", "_suspended", "_tries")

    def __init__(self, line: WalkingLine, noise: LearnedNoise, *, breaks: int = 3, patience: int = 60) -> None:
        super().__init__(line, noise)
        self._judge = Judge(line, noise)
        self._breaks, self._patience = breaks, patience
        self._away = self._tries = 0
        self._held: list[RunBar] = []
        self._old: tuple[float, ...] | None = None
        self._suspended = self._loose = False
        self._lately: list[RunBar] = []

    def step(self, y: float, x: float, bars: int = 1) -> None:
        """Predict and update, as in `KalmanFilter.step`. An outlier gets a reduced weight, or none, or completes a run that starts a new
        line."""
        n = self.n
        if n:
            self._noise.learn(self._line.innovation, self._line.variance)
        if self._old:
            self._go_away(bars)
        if self._judge.admits(y, x, bars, n):
            self.weight = 1.0
            if self._tries:
                self._end_run()
        else:
            self._take_outlier(y, x, bars)
        if self._loose:
            self._look_back(y, x, bars)
        self.n += 1

    def _take_outlier(self, y: float, x: float, bars: int) -> None:
        """Count an outlier, and update with it at a reduced weight if it does not complete a break."""
        judge = self._judge
        way = x - judge.trusted
        leapt = judge.is_leap(way, judge.missed + bars)
        self._go_on(y, x, bars, math.copysign(1.0, -way if leapt else self._line.innovation))
        judge.leave_out(x, bars, leapt=leapt)
        if not self._old:
            self._old, self._away = judge.state(), judge.missed
        if self._tries >= self._breaks > 0 and self._breaks_with_run():
            self.weight = 1.0
        else:
            self.weight = 0.0 if leapt else judge.take_clipped()

    def _go_on(self, y: float, x: float, bars: int, side: float) -> None:
        """Append a bar to the run, which has no bar on the other side and which x does not leave by a jump."""
        if self._held and side != self._held[-1][3]:
            self._end_run()
        last = self._held[-1][1] if self._held else self._judge.trusted
        if self._held and self._judge.is_leap(x - last, bars):
            self._held = []
        self._judge.update_pace((x - last) ** 2 / bars, self.n)
        self._tries += 1
        self._held = [*self._held, (y, x, bars, side)][-max(1, self._breaks) :]

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
        last, now, missed = self._line.last(), self._judge.state(), self._judge.missed
        if self._returns(self._lately):
            self._held, self._tries, self.weight = [], 0, 1.0
            self._forget()
            return
        self._judge.put(now)
        self._judge.miss(missed)
        self._line.put_last(last)

    def _end_run(self) -> None:
        self._held, self._tries = [], 0
        if not self._suspended:
            self._old = None

    def _breaks_with_run(self) -> bool:
        """Go back to the old line if it fits the whole run, or else start a new line with the run if the run forms one. The results for the
        last bar stay."""
        judge = self._judge
        last, now, missed = self._line.last(), judge.state(), judge.missed
        back = self._returns(self._held)
        if not back:
            judge.put(now)
        done = back or self._begins(last[1])
        if done:
            self._suspended, self._held, self._tries = not back, [], 0
        else:
            judge.put(now)
            judge.miss(missed)
        if back:
            self._forget()
        self._line.put_last(last)
        return done

    def _returns(self, run: list[RunBar]) -> bool:
        """Update the old line with a whole run, if there is an old line from before the run and it fits."""
        missed = self._away - sum(bars for _, _, bars, _ in run)
        if not (self._suspended and self._old and len(run) == self._breaks and missed >= 0):
            return False
        self._judge.put(self._old)
        self._judge.miss(missed)
        return all(self._judge.admits(y, x, bars, self.n) for y, x, bars, _ in run)

    def _begins(self, jump: float) -> bool:
        """Start a line at the first x of the run and update it with the run; return False if the run forms no line by the known noise but
        still may form one."""
        noise = self._judge.start_with(self._held, jump)
        is_line = noise <= self._noise.clip2 * self._noise.learned
        if not is_line:
            self._noise.put(noise, SOUND)
        forced = self._tries >= 2 * self._breaks
        self._loose, self._lately = forced and not is_line, []
        return (is_line and len(self._held) == self._breaks) or forced

    def values(self) -> tuple[float, ...]:
        """Return the whole state, as in `KalmanFilter`, followed by the run and the old line if there are any."""
        judge = self._judge
        held = [number for bar in self._held for number in bar]
        lately = [number for bar in self._lately for number in bar]
        counts = float(self._tries), float(judge.missed), float(self._away), float(self._suspended), float(self._loose)
        lengths = float(len(self._held)), float(len(self._lately))
        return *super().values(), self.weight, judge.pace, judge.trusted, *counts, *lengths, *held, *lately, *(self._old or ())

    def restore(self, values: tuple[float, ...]) -> None:
        super().restore(values[:PLAIN])
        self.weight, pace, trusted, tries, missed, away, suspended, loose, held, lately, *rest = values[PLAIN:]
        self._judge.resume(pace, trusted, int(missed))
        self._tries, self._away, self._suspended, self._loose = int(tries), int(away), bool(suspended), bool(loose)
        first, second = 4 * int(held), 4 * int(held + lately)
        self._held, self._lately = _bars(rest[:first]), _bars(rest[first:second])
        self._old = tuple(rest[second:]) or None


class FilterSettings(msgspec.Struct, frozen=True):
    """The settings that filters have in common that differ only in their walks; they are those of `WalkingLine`, `LearnedNoise` and
    `SteadfastFilter`."""

    prior: float = PRIOR
    least_scale: float = 0.0
    noise: float | None = None
    """The given variance; None if it is learned."""
    memory: int = 1 << 62
    clip: float | None = CLIP
    """None for a `KalmanFilter`, which takes every bar in full."""
    breaks: int = 3
    patience: int = 60

    def filter(self, alpha_walk: float, beta_walk: float) -> KalmanFilter:
        """Return a fresh filter with these walks."""
        line = WalkingLine(alpha_walk, beta_walk, prior=self.prior, least_scale=self.least_scale)
        if self.clip is None:
            return KalmanFilter(line, LearnedNoise(self.noise, memory=self.memory))
        noise = LearnedNoise(self.noise, memory=self.memory, clip=self.clip)
        return SteadfastFilter(line, noise, breaks=self.breaks, patience=self.patience)


def _bars(numbers: list[float]) -> list[RunBar]:
    return [(numbers[at], numbers[at + 1], int(numbers[at + 2]), numbers[at + 3]) for at in range(0, len(numbers), 4)]
