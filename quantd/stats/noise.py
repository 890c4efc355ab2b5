"""The variance of the noise around a line, learned from the innovations."""

import math

DIFFUSE = 1e6
"""An innovation whose expected variance exceeds this multiple of the noise variance is due to the prior and tells nothing about the
noise."""
SOUND = 10
"""Number of innovations after which the learned noise can be used to judge others."""


class LearnedNoise:
    """The noise variance (in squared units of y), `given` or learned: the mean of innovation² / its expected variance (Harvey's
    concentrated likelihood, 3.4), without those that are due to the prior. After `memory` bars older innovations get less and less weight.
    Each square is capped at `clip`² times the noise: a single outlier does not raise it by much, and it still grows if all squares are
    larger."""

    __slots__ = ("clip2", "given", "learned", "memory", "seen")

    def __init__(self, given: float | None = None, *, memory: int = 1 << 62, clip: float = math.inf) -> None:
        self.given = given
        self.memory = memory
        self.clip2 = clip * clip
        self.learned = 0.0
        self.seen = 0
        """Number of innovations in the mean."""

    def learn(self, innovation: float, variance: float) -> None:
        """Include one more innovation. The code repeats that of `after`, because every bar of every pair passes through it."""
        if variance < DIFFUSE:
            learned, memory = self.learned, self.memory
            self.seen = seen = self.seen + 1
            square, most = innovation * innovation / variance, self.clip2 * learned
            if square > most > 0.0 and seen > SOUND:
                square = most
            self.learned = learned + (square - learned) / (seen if seen < memory else memory)

    def after(self, innovation: float, variance: float) -> float:
        """Return the learned noise with one more innovation included."""
        learned, memory, seen = self.learned, self.memory, self.seen + 1
        square, most = innovation * innovation / variance, self.clip2 * learned
        if square > most > 0.0 and seen > SOUND:
            square = most
        return learned + (square - learned) / (seen if seen < memory else memory)

    def put(self, learned: float, seen: int) -> None:
        """Continue from noise that was learned from `seen` innovations."""
        self.learned, self.seen = learned, seen
