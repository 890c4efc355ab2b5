"""One symbol as the exchange publishes it: the position of the live tape, and the past that REST can show."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from quantd.simulator.book import Book
from quantd.simulator.book_wire import BookWire
from quantd.simulator.clock import Clock
from quantd.simulator.contract import PERPETUAL, contract_of
from quantd.simulator.klines import MINUTE_MS, Bar, Candles
from quantd.simulator.market import DAY_MS
from quantd.simulator.marks import Marks
from quantd.simulator.paced import PacedTape
from quantd.simulator.scenario import Scenario
from quantd.simulator.sessions import KIND
from quantd.simulator.trades import Trade
from quantd.simulator.wire import Wire

HOUR_MS = 3_600_000


class Listing:
    """A tape with the boundary between published and future trades: ids below `head` are public, by stream and by REST. These trades were
    due until `published` (ms UTC).

    Trades can be asked for over the last `history_h` hours, candles since `onboarded`, the hour in which that past began.
    """

    def __init__(self, tape: PacedTape, scenario: Scenario, clock: Clock) -> None:
        self.symbol = tape.symbol
        spec = scenario.symbols[tape.symbol]
        self.sessions = spec.sessions
        self.contract = contract_of(tape.symbol, KIND if spec.sessions else PERPETUAL)
        self.wire = Wire(tape.symbol, spec, scenario.quirks.extra_field_every)
        self.book = Book(tape.symbol, spec, tape.seed, tape.quotes)
        self.marks = Marks(tape.symbol, tape.seed, tape.quotes)
        self.book_wire = BookWire(tape.symbol, self.wire, self.book)
        self.status = "TRADING"
        """The status in exchangeInfo; empty if the symbol is not listed."""
        self._tape = tape
        self._clock = clock
        self._candles = Candles(tape)
        self._history_ms = scenario.limits.history_h * HOUR_MS
        self.onboarded = (clock.epoch - self._history_ms) // HOUR_MS * HOUR_MS
        self.head = self._first_id_after(clock.epoch)
        self.published = clock.epoch

    def advance(self, now: int) -> list[Trade]:
        """Return the trades that became due since the last call. They are public from now on."""
        stop_id = self._first_id_after(now)
        trades = list(self._tape.rows(self.head, stop_id)) if stop_id > self.head else []
        self.head = max(self.head, stop_id)
        self.published = max(self.published, now)
        return trades

    def pace(self, since: int, rate: float | None, jump: int = 0) -> None:
        """Set the rate (trades per second) from `since` on (ms UTC, not yet published); None for the normal rate. Ids continue after a
        `jump`."""
        self._tape.pace(since, rate, jump)

    def from_id(self, first_id: int, limit: int) -> list[Trade]:
        """Return at most `limit` public trades from an id on. An id beyond the horizon is moved to it."""
        first_id = max(first_id, self._tape.first_id(self._tape.block_at(self._horizon())))
        return list(islice(self._tape.rows(first_id, self.head), limit)) if first_id < self.head else []

    def since(self, start: int, end: int | None, limit: int) -> list[Trade]:
        """Return at most `limit` public trades with start <= T <= end, oldest first; the newest ones if `start` is beyond the horizon."""
        if start < self._horizon():
            return self.newest(None, limit)
        return list(islice(self._within(start, self._until(end)), limit))

    def newest(self, end: int | None, limit: int) -> list[Trade]:
        """Return the last `limit` public trades with T <= end, oldest first."""
        last, found = self._until(end), list[Trade]()
        for number in range(self._tape.block_at(last), self._tape.block_at(self._horizon()) - 1, -1):
            found = [trade for trade in self._public(number) if trade.T <= last] + found  # noqa: SIM300
            if len(found) >= limit:
                break
        return found[-limit:]

    def of_day(self, start: int) -> Iterator[Trade]:
        """Yield the public trades of the UTC day that begins at `start`, however long ago."""
        return self._within(start, start + DAY_MS - 1)

    async def bars(self, interval_ms: int, start: int | None, end: int | None, limit: int) -> list[Bar]:
        """Return at most `limit` candles with start <= open time <= end; the last ones without a start."""
        last = self._until(end) // interval_ms * interval_ms
        first = last - (limit - 1) * interval_ms if start is None else -(-start // interval_ms) * interval_ms
        first = max(first, self.onboarded // interval_ms * interval_ms)
        stop = min(last, first + (limit - 1) * interval_ms) + interval_ms
        return await self._bars(interval_ms, first, stop)

    async def rolling_day(self) -> Bar:
        """Return the candle of the last 24 hours in whole minutes, the current one included; of less time if the symbol is younger."""
        stop = self._clock.now_ms() // MINUTE_MS * MINUTE_MS + MINUTE_MS
        start = max(stop - DAY_MS, self.onboarded)
        [day] = await self._bars(stop - start, start, stop)
        return day

    async def _bars(self, interval_ms: int, start: int, stop: int) -> list[Bar]:
        head = self.head
        await self._candles.prepare(start, stop, head)
        return list(self._candles.bars(interval_ms, start, stop, head))

    def _horizon(self) -> int:
        return self._clock.now_ms() - self._history_ms

    def _until(self, end: int | None) -> int:
        now = self._clock.now_ms()
        return now if end is None else min(end, now)

    def _within(self, start: int, end: int) -> Iterator[Trade]:
        for number in range(self._tape.block_at(start), self._tape.block_at(end) + 1):
            yield from (trade for trade in self._public(number) if start <= trade.T <= end)

    def _public(self, number: int) -> Iterator[Trade]:
        first_id = self._tape.first_id(number)
        return self._tape.block(number).rows(first_id, self.head) if first_id < self.head else iter(())

    def _first_id_after(self, now: int) -> int:
        """Return the first id that is not yet due."""
        number = self._tape.block_at(now)
        block = self._tape.block(number)
        due = int(np.searchsorted(block.due, now, side="right"))
        return int(block.a[due]) if due < len(block.a) else self._tape.first_id(number + 1)
