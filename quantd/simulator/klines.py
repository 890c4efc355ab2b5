"""Candles of one symbol, summed from the blocks of its tape in integers of ticks and steps."""

import asyncio
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import count
from typing import NamedTuple

import numpy as np

from quantd.simulator.trades import Block, Tape

MINUTE_MS = 60_000
INTERVALS = {
    "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240, "6h": 360, "8h": 480, "12h": 720, "1d": 1440,
}  # fmt: skip
KEPT_MINUTES = 24_000  # more than two weeks, each computed once; no more are shown than `history_h`


class Candle(NamedTuple):
    """A candle. Open and close are by id; `quote` and `buy_quote` are in ticks x steps, `buy_*` are the trades of buying takers."""

    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    quote: int = 0
    raw_trades: int = 0
    buy_volume: int = 0
    buy_quote: int = 0
    close_quantity: int = 0
    first_raw: int = -1
    last_raw: int = -1


class Bar(NamedTuple):
    """A candle and its open time."""

    opened: int
    candle: Candle


def of_block(block: Block, stop_id: int) -> Candle | None:
    """Return the candle of the trades with a < stop_id; None without trades."""
    n = int(np.searchsorted(block.a, stop_id))
    if n == 0:
        return None
    price, quantity = block.price[:n], block.quantity[:n]
    quote, taker_buys = price * quantity, ~block.maker[:n]
    return Candle(
        open=int(price[0]),
        high=int(price.max()),
        low=int(price.min()),
        close=int(price[-1]),
        volume=int(quantity.sum()),
        quote=int(quote.sum()),
        raw_trades=int((block.last[:n] - block.first[:n]).sum()) + n,
        buy_volume=int(quantity[taker_buys].sum()),
        buy_quote=int(quote[taker_buys].sum()),
        close_quantity=int(quantity[-1]),
        first_raw=int(block.first[0]),
        last_raw=int(block.last[n - 1]),
    )


def merge(parts: Iterable[Candle | None]) -> Candle | None:
    """Merge consecutive candles into one. None stands for a time without a trade."""
    candles = [part for part in parts if part is not None]
    if not candles:
        return None
    head, tail = candles[0], candles[-1]
    return Candle(
        open=head.open,
        high=max(candle.high for candle in candles),
        low=min(candle.low for candle in candles),
        close=tail.close,
        volume=sum(candle.volume for candle in candles),
        quote=sum(candle.quote for candle in candles),
        raw_trades=sum(candle.raw_trades for candle in candles),
        buy_volume=sum(candle.buy_volume for candle in candles),
        buy_quote=sum(candle.buy_quote for candle in candles),
        close_quantity=tail.close_quantity,
        first_raw=head.first_raw,
        last_raw=tail.last_raw,
    )


class Candles:
    """Candles of any whole number of minutes, of the trades below an id (the published ones)."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._blocks_per_minute = MINUTE_MS // tape.block_ms
        self._closed_minute = lru_cache(maxsize=KEPT_MINUTES)(self._closed)

    async def prepare(self, start: int, stop: int, stop_id: int) -> None:
        """Compute the minutes of [start, stop) that are not cached, and let other tasks run in between: thousands may be missing."""
        for minute in range(start // MINUTE_MS, stop // MINUTE_MS):
            self._minute(minute, stop_id)
            await asyncio.sleep(0)

    def between(self, start: int, stop: int, stop_id: int) -> Candle | None:
        """Return the candle of all trades with start <= T < stop (both on the minute, or within one) and a < stop_id."""
        if stop - start < MINUTE_MS:
            return self._part(start, stop, stop_id)
        return merge(self._minute(minute, stop_id) for minute in range(start // MINUTE_MS, stop // MINUTE_MS))

    def bars(self, interval_ms: int, start: int, stop: int, stop_id: int) -> Iterator[Bar]:
        """Yield each interval that opens in [start, stop). An interval without a trade is flat at the previous close."""
        close: int | None = None
        for opened in range(start, stop, interval_ms):
            candle = self.between(opened, opened + interval_ms, stop_id)
            if candle is None:
                close = self._close_before(opened, stop_id) if close is None else close
                candle = Candle(close, close, close, close)
            close = candle.close
            yield Bar(opened, candle)

    def _close_before(self, time_ms: int, stop_id: int) -> int:
        part = self._part(time_ms // MINUTE_MS * MINUTE_MS, time_ms, stop_id)
        if part is not None:
            return part.close
        minutes = (self._minute(minute, stop_id) for minute in count(time_ms // MINUTE_MS - 1, -1))
        return next(candle.close for candle in minutes if candle is not None)

    def _minute(self, minute: int, stop_id: int) -> Candle | None:
        after = self._tape.block_at((minute + 1) * MINUTE_MS)
        closed = self._tape.first_id(after) <= stop_id and self._tape.settled((minute + 1) * MINUTE_MS)
        return self._closed_minute(minute) if closed else self._sum(minute, stop_id)

    def _part(self, start: int, stop: int, stop_id: int) -> Candle | None:
        """Return the candle of a part of a minute."""
        blocks = map(self._tape.block, range(self._tape.block_at(start), self._tape.block_at(stop - 1) + 1))
        return merge(of_block(block.where((block.time >= start) & (block.time < stop)), stop_id) for block in blocks)

    def _closed(self, minute: int) -> Candle | None:
        return self._sum(minute, self._tape.first_id(self._tape.block_at((minute + 1) * MINUTE_MS)))

    def _sum(self, minute: int, stop_id: int) -> Candle | None:
        number = self._tape.block_at(minute * MINUTE_MS)
        blocks = range(number, number + self._blocks_per_minute)
        return merge(of_block(self._tape.block(block), stop_id) for block in blocks)
