"""Generated market data: seeded random walks, equal for equal arguments."""

from collections.abc import Iterable

import numpy as np
from msgspec.structs import replace

from quantd.model import DEFINITION, Alert, Bar, Hedge, PairPoint, Tick
from quantd.stats import FloatArray
from quantd.timeframes import timeframe

START = 1_767_225_600_000
"""The time 2026-01-01T00:00:00Z in ms."""


def walk(n: int, *, seed: int = 0, price: float = 100.0, step: float = 1e-3) -> FloatArray:
    """Return n prices. `price` is the first, and each differs from the one before by a normal relative `step`."""
    changes = np.random.default_rng(seed).normal(0.0, step, n)
    changes[:1] = 0.0
    return price * np.exp(np.cumsum(changes))


def legs(n: int, *, seed: int = 0, alpha: float = 5.0, beta: float = 2.0, noise: float = 0.05) -> tuple[FloatArray, FloatArray]:
    """Return y and x of a pair with y = alpha + beta * x + noise.

    >>> y, x = legs(60, noise=0.0)
    >>> bool(abs(y - 5 - 2 * x).max() < 1e-9)
    True
    """
    x = walk(n, seed=seed)
    return alpha + beta * x + np.random.default_rng(seed + 1).normal(0.0, noise, n), x


def ticks(n: int, *, symbol: str = "BTCUSDT", seed: int = 0, price: float = 100.0, start: int = START, spacing: int = 200) -> list[Tick]:
    """Return n trades by id, the first at `start`, `spacing` ms apart on average, received up to 50 ms later."""
    rng = np.random.default_rng(seed)
    gaps = rng.exponential(spacing, n).astype(np.int64)
    gaps[:1] = 0
    times = start + np.cumsum(gaps)
    columns = zip(
        times.tolist(),
        (times + rng.integers(0, 50, n)).tolist(),
        walk(n, seed=seed + 1, price=price).tolist(),
        rng.exponential(1.0, n).tolist(),
        (rng.random(n) < 0.5).tolist(),
        strict=True,
    )
    return [Tick(symbol, number, *values) for number, values in enumerate(columns, 1)]


def tick(symbol: str, number: int, at: int = 0, price: float = 100.0, qty: float = 1.0, *, delay: int = 0, start: int = START) -> Tick:
    """Return one trade, made `at` ms after `start` and received `delay` ms later. The taker buys if the number is odd and sells if it is
    even.

    A test that needs many of one symbol names what they share: `tick = partial(fakes.tick, "BTCUSDT", start=0)`.
    """
    return Tick(symbol, number, start + at, start + at + delay, price, qty, number % 2 == 0)


def flat_bars(closes: Iterable[float], *, symbol: str = "BTCUSDT", every: str = "1m", start: int = START, **changes: object) -> list[Bar]:
    """Return contiguous bars of one trade each, whose four prices are the close. `changes` are fields set to the same value in all of them.

    >>> [(bar.ts - START, bar.open, bar.close, bar.quality) for bar in flat_bars([1.0, 2.5], quality="gap")]
    [(0, 1.0, 1.0, 'gap'), (60000, 2.5, 2.5, 'gap')]
    """
    frame = timeframe(every)
    ts, made = frame.floor(start), []
    for close in map(float, closes):
        bar = Bar(symbol, every, ts, close, close, close, close, 1.0, 1, close, 0.5, "complete")
        made.append(replace(bar, **changes) if changes else bar)
        ts = frame.end(ts)
    return made


def bars(n: int, *, symbol: str = "BTCUSDT", every: str = "1m", seed: int = 0, price: float = 100.0, start: int = START) -> list[Bar]:
    """Return n contiguous bars. Every tenth has no trades."""
    frame = timeframe(every)
    ts = frame.floor(start)
    closes = walk(n, seed=seed, price=price).tolist()
    made = []
    for number, close in enumerate(closes):
        before = closes[max(number - 1, 0)]
        made.append(_quiet(symbol, every, ts, before) if number % 10 == 9 else _busy(symbol, every, ts, before, close))
        ts = frame.end(ts)
    return made


def _busy(symbol: str, every: str, ts: int, before: float, close: float) -> Bar:
    high, low = max(before, close) * 1.0001, min(before, close) * 0.9999
    return Bar(symbol, every, ts, before, high, low, close, 12.5, 25, (before + close) / 2, 6.25, "complete")


def _quiet(symbol: str, every: str, ts: int, price: float) -> Bar:
    return Bar(symbol, every, ts, price, price, price, price, 0.0, 0, None, 0.0, "complete")


def points(n: int, *, pair: str = "BTCUSDT-ETHUSDT", every: str = "1m", seed: int = 0, start: int = START) -> list[PairPoint]:
    """Return n contiguous points. The first five have no z-score yet."""
    frame = timeframe(every)
    hedge = Hedge(5.0, 2.0, 60, 0.01, 0.99)
    spreads = np.random.default_rng(seed + 2).normal(5.0, 0.5, n).tolist()
    made = []
    ts = frame.floor(start)
    for number, (y, x, spread) in enumerate(zip(*(each.tolist() for each in legs(n, seed=seed)), spreads, strict=True)):
        zscore, reason = (None, "warming") if number < 5 else ((spread - 5.0) / 0.5, None)
        metrics = {"adf_stat": None if number < 5 else -3.0}
        point = PairPoint(pair, every, ts, y, x, hedge, spread, zscore, 0.9, 1.0, "complete", reason=reason, metrics=metrics)
        made.append(replace(point, definition=DEFINITION))
        ts = frame.end(ts)
    return made


def alert(number: int = 1, *, pair: str = "BTCUSDT-ETHUSDT", ts: int = START, bar: int | None = None) -> Alert:
    """Return an alert of the rule `abs(zscore) > 2` that has fired, of a bar if `bar` is given."""
    text = f"{pair}: zscore 2.5 above 2"
    return Alert(str(number), "stretched", "abs(zscore) > 2", pair, "firing", 2.5, 2.0, ts, ts, text, "zscore", bar)
