"""A made-up market as a feed."""

import zlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from operator import attrgetter
from typing import Annotated

import numpy as np
from msgspec import Meta

import quantd
from quantd.stats import FloatArray
from quantd_plugins.feeds.offload import offload

STEP = 100
"""Time in ms between two values of a hidden price."""
BLOCK = 60_000
"""Time in ms that is generated at once."""
VOLATILITY = 2e-4
"""Standard deviation of a price's relative change in one second."""
HALF_LIFE = 10_000
"""Half-life in ms of a spread's distance from its mean."""
SPREAD = 5e-4
"""Standard deviation of a spread, relative to its symbol's first price."""


class Market:
    """The hidden price of one symbol, every STEP ms: a random walk."""

    def __init__(self, seed: int, symbol: str) -> None:
        self.symbol = symbol
        self.rng = np.random.default_rng((seed, zlib.crc32(symbol.encode())))
        self.first = float(np.exp(self.rng.uniform(np.log(20), np.log(2000))))
        self._traded = 0
        self._log_return = 0.0

    def prices(self, steps: int) -> FloatArray:
        """Return the next `steps` hidden prices."""
        changes = self.rng.normal(0.0, VOLATILITY * (STEP / 1000) ** 0.5, steps)
        path = self._log_return + np.cumsum(changes)
        self._log_return = float(path[-1])
        return np.asarray(self.first * np.exp(path))

    def trades(self, start: int, span: int, rate: float, hidden: FloatArray) -> list[quantd.Tick]:
        """Return the trades of `span` ms from `start`, by id: Poisson arrivals at the hidden price, half a price tick to either side."""
        count = int(self.rng.poisson(rate * span / 1000))
        offsets = np.sort(self.rng.integers(0, span, count))
        sells = self.rng.random(count) < 0.5
        decimals = 4 - int(np.floor(np.log10(self.first)))
        prices = np.round(hidden[offsets // STEP] + np.where(sells, -0.5, 0.5) * 10.0**-decimals, decimals)
        sizes = np.maximum(np.round(self.rng.lognormal(0.0, 1.0, count), 3), 0.001)
        times = (start + offsets).tolist()
        ids = range(self._traded + 1, self._traded + count + 1)
        self._traded += count
        return list(map(quantd.Tick, [self.symbol] * count, ids, times, times, prices.tolist(), sizes.tolist(), sells.tolist()))


class Follower(Market):
    """The first leg of a pair: alpha + beta times the other leg, plus a spread that reverts to zero (an Ornstein-Uhlenbeck process)."""

    def __init__(self, seed: int, symbol: str, leader: Market) -> None:
        super().__init__(seed, symbol)
        self.beta = float(self.rng.uniform(0.5, 2.0))
        self.alpha = float(self.rng.uniform(0.0, 0.2)) * leader.first
        self.first = self.alpha + self.beta * leader.first
        self._spread = 0.0

    def follow(self, leader: FloatArray) -> FloatArray:
        """Return the hidden prices that follow the other leg's."""
        decay = 0.5 ** (STEP / HALF_LIFE)
        shocks = self.rng.normal(0.0, SPREAD * self.first * (1 - decay**2) ** 0.5, len(leader))
        weights = decay ** np.arange(1, len(leader) + 1)
        spread = weights * (self._spread + np.cumsum(shocks / weights))
        self._spread = float(spread[-1])
        return np.asarray(self.alpha + self.beta * leader + spread)


Couple = tuple[Follower | None, Market]


class Synthetic(quantd.Feed):
    """Invents trades, the same ones for the same settings and symbols, as fast as they are taken.

    The symbols wanted are pairs in turn: the first follows the second (alpha + beta times its price, plus a mean-reverting spread with a
    half-life of 10 s and a deviation of 5 basis points), the third the fourth, and so on; one left over walks at random.
    """

    seed: Annotated[int, Meta(ge=0, description="Another seed, another market.")] = 1
    rate: Annotated[float, Meta(gt=0, le=10_000, description="Trades a second of each symbol.")] = 10.0
    start: Annotated[int, Meta(ge=0, le=10**13, description="Time of the beginning, ms since 1970 UTC.")] = 1_767_225_600_000
    duration: Annotated[str, Meta(pattern=r"^\d+(ms|s|m|h|d)$", description="How much market time there is.")] = "30m"
    chunk: Annotated[int, Meta(ge=1, description="Trades in a batch.")] = 1000

    def __post_init__(self) -> None:
        self._length = quantd.duration(self.duration)
        self._done = 0

    async def stream(self, subscription: quantd.Subscription) -> AsyncGenerator[Sequence[quantd.Event], None]:
        if not subscription.symbols:
            raise quantd.QuantdError("synthetic: no symbol is wanted, and it has none of its own: name a pair under `pairs`")
        async for batch in offload(self._ticks(self._couples(subscription.symbols)), self.chunk):
            yield batch

    def progress(self) -> quantd.Progress:
        """Return the milliseconds of market time."""
        return quantd.Progress(self._done, self._length)

    def _couples(self, symbols: Sequence[str]) -> list[Couple]:
        couples: list[Couple] = []
        for first, second in zip(symbols[::2], symbols[1::2], strict=False):
            leader = Market(self.seed, second)
            couples.append((Follower(self.seed, first, leader), leader))
        if len(symbols) % 2:
            couples.append((None, Market(self.seed, symbols[-1])))
        return couples

    def _ticks(self, couples: Sequence[Couple]) -> Iterator[quantd.Tick]:
        self._done = 0
        while self._done < self._length:
            span = min(BLOCK, self._length - self._done)
            yield from self._block(couples, self.start + self._done, span)
            self._done += span

    def _block(self, couples: Sequence[Couple], start: int, span: int) -> list[quantd.Tick]:
        """Return the trades of `span` ms from `start` by time; at equal times, in the order of the wanted symbols."""
        ticks: list[quantd.Tick] = []
        for follower, leader in couples:
            hidden = leader.prices(-(-span // STEP))
            if follower:
                ticks += follower.trades(start, span, self.rate, follower.follow(hidden))
            ticks += leader.trades(start, span, self.rate, hidden)
        ticks.sort(key=attrgetter("ts"))
        return ticks


@quantd.hookimpl
def register_feeds(register: quantd.Register[quantd.Feed]) -> None:
    register("synthetic", Synthetic)
