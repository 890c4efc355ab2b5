"""Mark price, index price and funding of one symbol, a pure function of (seed, symbol, time)."""

from math import floor, pi, sin
from typing import NamedTuple

import numpy as np

from quantd.simulator.market import uniform
from quantd.simulator.quotes import Quotes

FUNDING_MS = 8 * 3_600_000
INTEREST = 0.0001
MOST_FROM_INTEREST = 0.0005
PREMIUM = 0.0004
PERIOD_MS = 3 * 3_600_000
AVERAGED_S = 30
UNITS = 10**8  # prices and rates are sent with eight decimals


class Mark(NamedTuple):
    """Prices and the rate in units of 1e-8. `average` is the mean mark price over half a minute, `funding` the next time of funding."""

    mark_price: int
    average: int
    index_price: int
    rate: int
    funding: int


class Marks:
    """Mark and index prices. The mark is the market's mid; the index lies below it by a premium that varies within 4 bp."""

    def __init__(self, symbol: str, seed: int, quotes: Quotes) -> None:
        self._quotes = quotes
        self._phase = uniform(seed, symbol, "premium")

    def at(self, time_ms: int) -> Mark:
        """Return the mark at a time (ms UTC)."""
        mids = self._quotes.mid(time_ms + 1000 * np.arange(1 - AVERAGED_S, 1))
        premium = PREMIUM * sin(2 * pi * (time_ms / PERIOD_MS + self._phase))
        rate = premium + min(max(INTEREST - premium, -MOST_FROM_INTEREST), MOST_FROM_INTEREST)
        funding = time_ms // FUNDING_MS * FUNDING_MS + FUNDING_MS
        return Mark(_units(mids[-1]), _units(mids.mean()), _units(mids[-1] / (1 + premium)), floor(rate * UNITS), funding)


def _units(price: float) -> int:
    return max(1, floor(price * UNITS))
