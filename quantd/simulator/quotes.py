"""The best prices of one symbol, a pure function of (seed, symbol, time). Both its trades and its book are drawn around them."""

import numpy as np
from numpy.typing import NDArray

from quantd.simulator.market import DAY_MS, Floats, Market, uniform
from quantd.simulator.scenario import Symbol

BID, ASK = 0, 1
SECOND_MS = 1_000
WIDER = np.array([0] * 12 + [1] * 3 + [2])  # how many ticks farther from the mid a side stands, drawn anew each second

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]


def mixed(words: Words) -> Words:
    """Return well-mixed words, each a function of its own input alone: the output step of SplitMix64 (Steele, Lea and Flood 2014)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(words ^ (words >> np.uint64(31)))


def key(*parts: object) -> np.uint64:
    """Return the word of a key, to be combined with others before mixing."""
    return np.uint64(int(uniform(*parts) * 2**48) << 16)


class Quotes:
    """Mid price, best bid and best ask. Between two seconds the mid is linear and the sides keep their distance from it, so that both best
    prices are monotonic there."""

    def __init__(self, symbol: str, spec: Symbol, seed: int, market: Market) -> None:
        self._symbol = symbol
        self._tick = float(spec.tick)
        self._market = market
        self._keys = [key(seed, symbol, "wider", side) for side in (BID, ASK)]

    def mid(self, times: Ints) -> Floats:
        """Return mid prices in quote currency at `times` (ms UTC, ascending day by day)."""
        days = times // DAY_MS
        if not len(times) or days[0] == days[-1]:
            return self._market.mid(self._symbol, times) if len(times) else np.empty(0)
        parts = np.split(times, np.flatnonzero(np.diff(days)) + 1)
        return np.concatenate([self._market.mid(self._symbol, part) for part in parts])

    def best(self, times: Ints, mid: Floats | None = None) -> tuple[Ints, Ints]:
        """Return best bid and best ask in ticks at `times`: the bid at or below the mid, the ask above both."""
        below = np.floor((self.mid(times) if mid is None else mid) / self._tick).astype(np.int64)
        seconds = (times // SECOND_MS).astype(np.uint64)
        wider = [WIDER[mixed(seconds ^ word) & np.uint64(15)] for word in self._keys]
        bid = np.maximum(below - wider[BID], 1)
        return bid, np.maximum(below + 1 + wider[ASK], bid + 1)
