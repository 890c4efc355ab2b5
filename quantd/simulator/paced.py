"""A tape whose rate can be changed: no trades for a while, or more of them. Ids continue without a gap."""

from collections.abc import Iterator
from functools import lru_cache
from math import ceil
from typing import NamedTuple

import numpy as np

from quantd.simulator.market import Market, generator
from quantd.simulator.scenario import Scenario
from quantd.simulator.trades import KEPT_COUNTS, RAW_PER_AGGREGATE, Block, Tape

KEPT_BLOCKS = 8
RAW_PAD = 2  # the raw ids of two paces may overlap by this much
FOREVER = 2**62


class Pace(NamedTuple):
    """From `since` on, `rate` trades per second, evenly spaced, or the trades of the seed (None).

    `first_id` is that of the first trade, `seed_id` the one it would have had without any change.
    """

    since: int
    rate: float | None
    first_id: int
    seed_id: int


class PacedTape(Tape):
    """A tape that equals the tape of the seed until `pace` is called."""

    def __init__(self, symbol: str, scenario: Scenario, seed: int, market: Market) -> None:
        super().__init__(symbol, scenario, seed, market)
        self._plain = Tape(symbol, scenario, seed, market)
        self._key = (seed, symbol, "pace")
        self._paces = [Pace(0, None, 0, 0)]
        self._forget()

    def pace(self, since: int, rate: float | None, jump: int = 0) -> None:
        """Change the rate of trades due from `since` on, which must not be published yet. Ids continue after a `jump`."""
        since = max(since, self._paces[-1].since)
        self._paces.append(Pace(since, rate, self._id_at(since) + jump, self._seed_id_at(since)))
        self._forget()

    def settled(self, time_ms: int) -> bool:
        last = self._paces[-1]
        return last.rate != 0 or time_ms <= last.since

    def block_of(self, trade_id: int) -> int:
        pace = next(each for each in reversed(self._paces) if each.first_id <= trade_id)
        ahead = trade_id - pace.first_id
        number = self.block_at(pace.since + int(ahead * 1000 / pace.rate)) if pace.rate else self._plain.block_of(pace.seed_id + ahead)
        while self.first_id(number) > trade_id:
            number -= 1
        while self.first_id(number + 1) <= trade_id:
            number += 1
        return number

    def _forget(self) -> None:
        """Replace the caches instead of emptying them: a thread may be about to write to the old ones."""
        self.first_id = lru_cache(maxsize=KEPT_COUNTS)(lambda number: self._id_at(self.block_start(number)))
        self.block = lru_cache(maxsize=KEPT_BLOCKS)(self._paced)

    def _id_at(self, time_ms: int) -> int:
        """Return the id of the first trade that is due at a time or later."""
        pace = next(each for each in reversed(self._paces) if each.since <= time_ms)
        if pace.rate is None:
            return pace.first_id + self._seed_id_at(time_ms) - pace.seed_id
        return pace.first_id + ceil((time_ms - pace.since) * pace.rate / 1000)

    def _seed_id_at(self, time_ms: int) -> int:
        number = self.block_at(time_ms)
        if time_ms > self.block_start(number):
            block = self._plain.block(number)
            at = int(np.searchsorted(block.due, time_ms))
            return int(block.a[at]) if at < len(block.a) else self._plain.first_id(number + 1)
        return self._plain.first_id(number)

    def _paced(self, number: int) -> Block:
        parts = list(self._parts(number))
        if len(parts) == 1:
            return parts[0]
        return Block(*(np.concatenate([getattr(part, name) for part in parts]) for name in Block.__dataclass_fields__))

    def _parts(self, number: int) -> Iterator[Block]:
        start = self.block_start(number)
        ends = [pace.since for pace in self._paces[1:]] + [FOREVER]
        for order, (pace, end) in enumerate(zip(self._paces, ends, strict=True)):
            if pace.since < start + self.block_ms and start < end and pace.since < end:
                rows = self._moved(pace, order, number) if pace.rate is None else self._even(pace, order, number)
                yield _due_within(rows, pace.since, end)

    def _moved(self, pace: Pace, order: int, number: int) -> Block:
        """Return the rows of the seed with shifted ids."""
        plain, by = self._plain.block(number), pace.first_id - pace.seed_id
        if not order:
            return plain
        raw = RAW_PER_AGGREGATE * by + RAW_PAD * order
        return Block(
            plain.a + by, plain.price, plain.quantity, plain.normal, plain.first + raw, plain.last + raw, plain.time, plain.maker, plain.due
        )

    def _even(self, pace: Pace, order: int, number: int) -> Block:
        """Return rows at an even rate up to the end of the block, even if the pace ends earlier, so that its end changes no earlier row."""
        begin, stop = max(self.block_start(number), pace.since), self.block_start(number) + self.block_ms
        ids = np.arange(self._even_id(pace, begin), self._even_id(pace, stop))
        times = pace.since + np.floor((ids - pace.first_id) * 1000 / (pace.rate or 1)).astype(np.int64)
        draws = generator(*self._key, pace.since, number)
        maker = draws.random(len(ids)) < 0.5
        price, mid = self._prices(draws, times, maker)
        quantity, normal = self._quantities(draws, mid)
        first = RAW_PER_AGGREGATE * ids + RAW_PAD * order
        return Block(ids, price, quantity, normal, first, first + RAW_PER_AGGREGATE - 1, times, maker, times)

    @staticmethod
    def _even_id(pace: Pace, time_ms: int) -> int:
        return pace.first_id + ceil((time_ms - pace.since) * (pace.rate or 0) / 1000)


def _due_within(rows: Block, since: int, end: int) -> Block:
    i, j = np.searchsorted(rows.due, (since, end))
    if j - i == len(rows.a):
        return rows
    return Block(*(getattr(rows, name)[i:j] for name in Block.__dataclass_fields__))
