"""The input of scale.py: a market in simulated time, and an event loop that measures its callbacks."""

import asyncio
import gc
import time
from array import array
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextvars import Context
from sys import intern
from typing import Annotated, Any, ClassVar, TypeVarTuple

import numpy as np
from msgspec import Meta

import quantd
from quantd.stats import FloatArray
from quantd_plugins.feeds.binance.frames import AggTrade, decode

START = 1_767_225_600_000
"""Time of the first trade, ms; a whole day."""
FRAME = '{"stream":"%s@aggTrade","data":{"e":"aggTrade","E":%d,"a":%d,"s":"%s","p":"%.2f","q":"0.250","f":%d,"l":%d,"T":%d,"m":true}}'
BATCH_MS = 5
"""Trades of so many milliseconds arrive together."""
LONG_S = 0.005
Arguments = TypeVarTuple("Arguments")
INPUT, END, TRADES, CLOSE_1S, CLOSE_1M, CLOSE_5M = "input", "end", "trades", "close of 1s", "close of 1m", "close of 5m"
"""Kinds of callbacks: those that make frames and those after the end of the market, which no daemon has, those without a close, and those
with one."""


class SimulatedClock:
    """Its time stands still until the market moves it. Its monotonic time also counts the CPU time, by which work is cut into slices."""

    def __init__(self) -> None:
        self.ms = START

    def now(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000 + time.thread_time()


class TimedLoop(asyncio.SelectorEventLoop):
    """An event loop that measures the CPU time of its thread in each callback."""

    def __init__(self) -> None:
        super().__init__()
        self.kind = self.usual = TRADES
        """The kind of the present callback, if it sets one, and that of callbacks that set none."""
        self.spent: dict[str, array[float]] = {}
        """CPU time (s) of each callback, by kind."""
        self.longest: list[tuple[float, str, str, list[tuple[int, float]]]] = []
        """Of the long callbacks: CPU time (ms), kind, task, and the garbage collections in it: generation and CPU time (ms)."""
        self._collections: list[tuple[int, float]] = []
        self._collecting_since = 0.0
        gc.callbacks.append(self._on_collection)

    def call_soon(self, callback: Callable[[*Arguments], object], *args: *Arguments, context: Context | None = None) -> asyncio.Handle:
        return super().call_soon(self._timed, callback, args, context=context)

    def forget(self) -> None:
        """Begin anew."""
        self.spent.clear()
        self.longest.clear()

    def _timed(self, callback: Callable[..., object], args: Sequence[Any]) -> None:
        self.kind = self.usual
        self._collections = []
        began = time.thread_time()
        callback(*args)
        spent = time.thread_time() - began
        self.spent.setdefault(self.kind, array("d")).append(spent)
        if spent > LONG_S:
            task = getattr(callback, "__self__", None)
            name = task.get_name() if isinstance(task, asyncio.Task) else repr(callback)
            self.longest.append((round(1000 * spent, 1), self.kind, name, self._collections))

    def _on_collection(self, phase: str, info: Mapping[str, int]) -> None:
        if phase == "start":
            self._collecting_since = time.thread_time()
        else:
            self._collections.append((info["generation"], round(1000 * (time.thread_time() - self._collecting_since), 1)))


class Market(quantd.Feed):
    """Trades of all symbols at random, as frames of Binance, as fast as they are taken."""

    rate: Annotated[int, Meta(ge=1, description="Trades a second of all symbols.")] = 5_000
    seconds: Annotated[int, Meta(ge=1, description="How much market time there is.")] = 600
    past_timeframes: ClassVar[tuple[str, ...]] = ("1m", "5m")

    def __post_init__(self) -> None:
        self.clock = SimulatedClock()
        self.after_second: Callable[[int], Awaitable[object]] = nothing
        """Called after each second of the market, with its number."""
        self._rng = np.random.default_rng(7)

    def time(self) -> int:
        return self.clock.ms

    async def fetch_ticks(self, symbol: str, start: int, end: int) -> list[quantd.Tick]:
        return []

    async def fetch_bars(self, symbol: str, every: str, start: int, end: int) -> list[quantd.Bar]:
        frame = quantd.timeframe(every)
        opens = range(frame.floor(start + frame.step - 1), min(end, frame.floor(START)), frame.step)
        rng = np.random.default_rng((len(every), int(first_price(symbol))))
        closes = (first_price(symbol) * np.exp(np.cumsum(rng.normal(0.0, 2e-4, len(opens)))[::-1])).round(2).tolist()
        return [
            quantd.Bar(symbol, every, ts, close, close, close, close, 1.0, 1, close, 0.5, "imported")
            for ts, close in zip(opens, closes, strict=True)
        ]

    async def stream(self, subscription: quantd.Subscription) -> AsyncGenerator[Sequence[quantd.Event], None]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, TimedLoop)
        symbols = subscription.symbols
        prices, ids = np.array([first_price(symbol) for symbol in symbols]), [0] * len(symbols)
        lateness = quantd.duration(self.lateness)
        yield [quantd.Status(START, healthy=True)]
        for second in range(self.seconds):
            loop.kind = INPUT
            prices = prices * np.exp(self._rng.normal(0.0, 2e-4) + self._rng.normal(0.0, 1e-4, len(symbols)))
            batches = list(self._frames(START + 1000 * second, symbols, prices, ids))
            await asyncio.sleep(0)
            loop.kind = INPUT
            await self.after_second(second)
            closed = False
            yield [quantd.Status(START + 1000 * second, healthy=True)]
            for now, frames in batches:
                await asyncio.sleep(0)
                self.clock.ms = max(self.clock.ms, now)
                if not closed and now % 1000 > lateness:
                    closed = True
                    loop.kind = closing(now - lateness)
                yield decoded(frames, now)
        loop.kind = loop.usual = END

    def _frames(self, start: int, symbols: Sequence[str], prices: FloatArray, ids: list[int]) -> Iterator[tuple[int, list[bytes]]]:
        """Yield the frames of a second, those that arrive together with the time of their arrival (ms)."""
        rng, count = self._rng, self.rate
        offsets = np.sort(rng.integers(0, 1000, count))
        which = rng.integers(0, len(symbols), count)
        traded = (prices[which] * (1 + rng.normal(0.0, 2e-5, count))).tolist()
        batch: list[bytes] = []
        until = BATCH_MS
        for offset, at, price in zip(offsets.tolist(), which.tolist(), traded, strict=True):
            while offset >= until:
                if batch:
                    yield start + until, batch
                    batch = []
                until += BATCH_MS
            ids[at] += 1
            number, symbol, ts = ids[at], symbols[at], start + offset
            batch.append((FRAME % (symbol.lower(), ts, number, symbol, price, number, number, ts)).encode())
        yield start + 999, batch


async def nothing(second: int) -> None:
    """Do nothing."""


def closing(closed: int) -> str:
    """Return the kind of a callback that closes the bars up to `closed` (ms)."""
    second = closed - closed % 1000
    return CLOSE_5M if not second % 300_000 else CLOSE_1M if not second % 60_000 else CLOSE_1S


def first_price(symbol: str) -> float:
    """Return the price at the beginning of the market."""
    return 50.0 + int(symbol[1:5])


def decoded(frames: Sequence[bytes], now: int) -> list[quantd.Tick]:
    """Return the trades of frames, as the feed binance-futures makes them."""
    datas = [decode(frame).data for frame in frames]
    return [
        quantd.Tick(intern(data.symbol), data.id, data.ts, now, data.price, data.qty, data.buyer_maker)
        for data in datas
        if type(data) is AggTrade
    ]
