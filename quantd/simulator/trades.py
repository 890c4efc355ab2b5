"""The tape of one symbol: time is divided into blocks, and the trades of a block are a pure function of (seed, symbol, block).

The number of trades before a block is known without drawing them (`Tape.first_id`), so any id or any time is reached at
once, in the past and in the live stream alike. Prices are integers of ticks, quantities integers of steps, times
milliseconds UTC.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from math import floor
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from quantd.simulator.market import Floats, Market, generator, uniform
from quantd.simulator.quotes import Ints, Quotes
from quantd.simulator.scenario import Scenario

ORIGIN = 1_577_836_800_000  # 2020-01-01, the time of every symbol's first trade
RAW_PER_AGGREGATE = 3
RATE_SWING = 0.5  # trade counts of two blocks differ by up to this share of their mean
BLOCK_MS = (60_000, 10_000, 1_000)
BLOCK_TRADES = 6_000
KEPT_TRADES = 400_000  # 70 bytes each
KEPT_COUNTS = 10_000
LATE_MS = 50


class Trade(NamedTuple):
    """An aggregate trade in ticks and steps. The fields have the names of the wire format."""

    a: int
    p: int
    q: int
    nq: int
    f: int
    l: int  # noqa: E741
    T: int
    m: bool


@dataclass(frozen=True, slots=True)
class Block:
    """The trades of one block as columns, in order of id. `due` is the time from which each may be sent; it never decreases."""

    a: Ints
    price: Ints
    quantity: Ints
    normal: Ints
    first: Ints
    last: Ints
    time: Ints
    maker: NDArray[np.bool_]
    due: Ints

    def rows(self, first_id: int, stop_id: int) -> Iterator[Trade]:
        """Yield the trades with first_id <= a < stop_id."""
        i, j = np.searchsorted(self.a, (first_id, stop_id))
        columns = (self.a, self.price, self.quantity, self.normal, self.first, self.last, self.time, self.maker)
        return map(Trade, *(column[i:j].tolist() for column in columns))

    def where(self, kept: NDArray[np.bool_]) -> "Block":
        """Return the trades that a mask selects."""
        return Block(*(getattr(self, name)[kept] for name in Block.__dataclass_fields__))


class Tape:
    """All past and future trades of one symbol."""

    def __init__(self, symbol: str, scenario: Scenario, seed: int, market: Market) -> None:
        self.symbol = symbol
        self._spec = scenario.symbols[symbol]
        self._quirks = scenario.quirks
        self.seed = seed
        self.quotes = Quotes(symbol, self._spec, seed, market)
        self._base = 1 + crc32(symbol.encode()) % 1_000_000_000
        self.block_ms = next((ms for ms in BLOCK_MS if self._spec.rate * ms / 1000 <= BLOCK_TRADES), BLOCK_MS[-1])
        self._per_block = self._spec.rate * self.block_ms / 1000
        self._sessions = self._spec.sessions
        kept = KEPT_TRADES // len(scenario.symbols) / self._per_block
        self.first_id = lru_cache(maxsize=KEPT_COUNTS)(self._first_id)
        self.block = lru_cache(maxsize=int(min(64, max(2, kept))))(self._block)

    def block_at(self, time_ms: int) -> int:
        """Return the number of the block that contains a time."""
        return (time_ms - ORIGIN) // self.block_ms

    def block_start(self, number: int) -> int:
        return ORIGIN + number * self.block_ms

    def block_of(self, trade_id: int) -> int:
        """Return the number of the block that contains an id."""
        number = self._number(floor((trade_id - self._base) / self._per_block))
        while self.first_id(number) > trade_id:
            number -= 1
        while self.first_id(number + 1) <= trade_id:
            number += 1
        return number

    def rows(self, first_id: int, stop_id: int) -> Iterator[Trade]:
        """Yield the trades with first_id <= a < stop_id, drawn block by block."""
        for number in count(self.block_of(first_id)):
            if self.first_id(number) >= stop_id:
                return
            yield from self.block(number).rows(first_id, stop_id)

    def settled(self, time_ms: int) -> bool:
        """Return whether the trades due before a time can no longer change, once all of them are published."""
        return True

    def _first_id(self, number: int) -> int:
        """Return the id of the first trade of block `number`; of a later block if that one is empty."""
        number = self._open_blocks(number)
        swing = RATE_SWING * self._per_block * uniform(self.seed, self.symbol, "count", number)
        return self._base + floor(self._per_block * number + swing)

    def _open_blocks(self, number: int) -> int:
        """Return the number of earlier blocks in which the market is open. The others are empty."""
        if self._sessions is None:
            return number
        return (self._sessions.opened(self.block_start(number)) - self._sessions.opened(ORIGIN)) // self.block_ms

    def _number(self, open_blocks: int) -> int:
        """Return the number of the block that is preceded by so many open blocks."""
        if self._sessions is None:
            return open_blocks
        return self.block_at(self._sessions.after(self._sessions.opened(ORIGIN) + open_blocks * self.block_ms))

    def _block(self, number: int) -> Block:
        first_id = self.first_id(number)
        ids = np.arange(first_id, self.first_id(number + 1))
        n = len(ids)
        draws = generator(self.seed, self.symbol, "trades", number)
        time, due = self._times(draws, n, self.block_start(number))
        first, last = self._raw_ids(draws, ids)
        maker = draws.random(n) < 0.5
        price, mid = self._prices(draws, time, maker)
        quantity, normal = self._quantities(draws, mid)
        columns = (ids, price, quantity, normal, first, last, time, maker, due)
        return Block(*columns) if not self._quirks.holes else self._pierced(draws, columns)

    def _times(self, draws: np.random.Generator, n: int, start: int) -> tuple[Ints, Ints]:
        times = start + np.sort(draws.integers(0, self.block_ms, n))
        late = 1 + np.flatnonzero(draws.random(max(n - 1, 0)) < self._quirks.late)
        times[late] = np.maximum(start, times[late - 1] - draws.integers(1, LATE_MS + 1, len(late)))
        return times, np.maximum.accumulate(times)

    def _raw_ids(self, draws: np.random.Generator, ids: Ints) -> tuple[Ints, Ints]:
        """Return 1 to 5 raw trade ids for each aggregate, such that each block begins at three times its first id."""
        shift = draws.integers(0, RAW_PER_AGGREGATE, len(ids) + 1)
        shift[[0, -1]] = 0
        edges = RAW_PER_AGGREGATE * np.append(ids, ids[-1] + 1 if len(ids) else 0) + shift
        raw = np.diff(edges)
        excluded = (draws.random(len(ids)) < self._quirks.raw_id_gaps) & (raw > 1)
        return edges[:-1], edges[1:] - 1 - excluded

    def _prices(self, draws: np.random.Generator, times: Ints, maker: NDArray[np.bool_]) -> tuple[Ints, Floats]:
        """Return prices: takers sell at the best bid and buy at the best ask, each occasionally a tick further."""
        mid = self.quotes.mid(times)
        bid, ask = self.quotes.best(times, mid)
        depth = draws.integers(0, 2, len(times))
        return np.maximum(np.where(maker, bid - depth, ask + depth), 1), mid

    def _quantities(self, draws: np.random.Generator, mid: Floats) -> tuple[Ints, Ints]:
        notional = self._spec.notional * np.exp(1.5 * draws.standard_normal(len(mid)))
        quantity = np.maximum(np.rint(notional / mid / float(self._spec.step)), 1).astype(np.int64)
        improved = draws.random(len(mid)) < self._quirks.rpi
        normal = np.where(improved, np.floor(quantity * draws.random(len(mid))), quantity).astype(np.int64)
        return quantity, normal

    def _pierced(self, draws: np.random.Generator, columns: tuple[NDArray[np.generic], ...]) -> Block:
        return Block(*columns).where(draws.random(len(columns[0])) >= self._quirks.holes)  # type: ignore[arg-type]
