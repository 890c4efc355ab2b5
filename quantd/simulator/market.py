"""The true mid price of every symbol, a pure function of seed and time.

Prices follow Ornstein-Uhlenbeck processes on a grid of one second. A process is known at each midnight (a sum over past
days' innovations, so that any day can be reached at once) and between two midnights drawn as the bridge that its law
prescribes. Nothing depends on when the simulator started: two runs with the same seed live in the same market, and a
restart finds it where it would have been.
"""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from math import expm1, log, sqrt

import numpy as np
from numpy.typing import NDArray

from quantd.simulator.scenario import Scenario

DAY_S = 86_400
DAY_MS = 86_400_000
LEVEL_HALFLIFE_S = 10 * DAY_S  # over 48 h a random walk to any test, and yet the price stays near its level for ever
NEGLIGIBLE = 1e-6
KEPT_DAYS = 3

Floats = NDArray[np.float64]


def generator(*key: object) -> np.random.Generator:
    """Return a random generator for this key. Equal keys draw equal numbers, in any order of use."""
    return np.random.Generator(np.random.Philox(key=_digest(key, 16)))


def uniform(*key: object) -> float:
    """Return a number in [0, 1) for this key, faster than with a generator."""
    return _digest(key, 6) / 2**48


def _digest(key: tuple[object, ...], size: int) -> int:
    return int.from_bytes(blake2b(repr(key).encode(), digest_size=size).digest(), "big")


@dataclass(frozen=True)
class Reverting:
    """A stationary Ornstein-Uhlenbeck process with mean 0, in any unit, at every second."""

    key: tuple[object, ...]
    sd: float
    halflife_s: float

    @property
    def speed(self) -> float:
        """Mean reversion per second."""
        return log(2) / self.halflife_s

    def at_midnight(self, day: int) -> float:
        """Return the value at the start of a day (days since 1970): the decayed sum of one innovation per day."""
        per_day = 2.0 ** (-DAY_S / self.halflife_s)
        terms = max(1, int(log(NEGLIGIBLE) / log(per_day)))
        innovations = [generator(*self.key, "day", day - back).standard_normal() for back in range(terms)]
        return self.sd * sqrt(1 - per_day**2) * float(per_day ** np.arange(terms) @ innovations)

    def during(self, day: int) -> Floats:
        """Return the values at seconds 0 … 86400 of a day, both midnights included."""
        seconds = np.arange(DAY_S + 1)
        decay = np.exp(-self.speed * seconds)
        noise = generator(*self.key, "path", day).standard_normal(DAY_S) * (self.sd * sqrt(-expm1(-2 * self.speed)))
        free = decay * (self.at_midnight(day) + np.concatenate(([0.0], np.cumsum(noise / decay[1:]))))
        # Conditioning a Gaussian path on its end adds the miss times Cov(x_t, x_end) / Var(x_end).
        pull = decay[::-1] * np.expm1(-2 * self.speed * seconds) / expm1(-2 * self.speed * DAY_S)
        return np.asarray(free + pull * (self.at_midnight(day + 1) - free[-1]))


class Market:
    """Mid prices of all symbols of a scenario."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._scenario = scenario
        self._seed = seed
        self._day_cached = lru_cache(maxsize=KEPT_DAYS * len(scenario.symbols))(self._day)

    def mid(self, symbol: str, times: NDArray[np.int64]) -> Floats:
        """Return mid prices at `times` (ms UTC, all of one UTC day), linear between the seconds."""
        day = int(times[0]) // DAY_MS
        path = self._day_cached(symbol, day)
        offsets = times - day * DAY_MS
        second = offsets // 1000
        left = path[second]
        return np.asarray(left + (path[second + 1] - left) * ((offsets % 1000) / 1000))

    def _day(self, symbol: str, day: int) -> Floats:
        spec = self._scenario.symbols[symbol]
        follow = spec.follow
        if follow is None:
            per_day = 2.0 ** (-DAY_S / LEVEL_HALFLIFE_S)
            level = Reverting((self._seed, symbol, "level"), spec.volatility / sqrt(1 - per_day**2), LEVEL_HALFLIFE_S)
            return np.asarray(spec.level * np.exp(level.during(day)))
        spread = Reverting((self._seed, symbol, "spread"), follow.ou_sd, follow.ou_halflife_s)
        leader = self._day_cached(follow.leader, day)
        return np.asarray(self._scenario.alpha(follow, spec.level) + follow.beta * leader + spread.during(day))
