"""The synthetic feed: always the same market, made of pairs that belong together."""

import asyncio
import hashlib
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import quantd
from quantd_plugins.feeds.synthetic import HALF_LIFE, Follower, Market, Synthetic

PAIR = ("AAAUSDT", "BBBUSDT")


def ticks_of(*symbols: str, **settings: Any) -> list[quantd.Tick]:
    async def drain() -> list[quantd.Tick]:
        return [
            tick
            async for batch in Synthetic(**settings).stream(quantd.Subscription(symbols))
            for tick in batch
            if isinstance(tick, quantd.Tick)
        ]

    return asyncio.run(drain())


def digest() -> str:
    ticks = ticks_of(*PAIR, "CCCUSDT", duration="3m")
    return hashlib.sha256(repr(ticks).encode()).hexdigest()


def seconds(ticks: list[quantd.Tick], symbol: str) -> np.ndarray:
    """The last price of each second."""
    own = [tick for tick in ticks if tick.symbol == symbol]
    times = np.array([tick.ts for tick in own])
    last = np.searchsorted(times, np.arange(times[0] + 1000, times[-1], 1000)) - 1
    return np.array([tick.price for tick in own])[last]


def memory(y: np.ndarray, x: np.ndarray) -> float:
    """First-order autocorrelation of the residuals of y on x."""
    slope, intercept = np.polyfit(x, y, 1)
    residual = y - slope * x - intercept
    return float(residual[1:] @ residual[:-1] / (residual[:-1] @ residual[:-1]))


@pytest.mark.parametrize("chunk", [1, 7, 100_000])
def test_the_same_whatever_the_chunk(chunk: int) -> None:
    assert ticks_of(*PAIR, duration="65s", chunk=chunk) == ticks_of(*PAIR, duration="65s")


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_the_same_in_another_process(hash_seed: str) -> None:
    script = f"import sys; sys.path[:0] = {sys.path!r}; sys.argv = ['']; import test_synthetic; print(test_synthetic.digest())"
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.path.dirname(__file__)}
    output = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True).stdout
    assert output.strip() == digest()


def test_a_longer_market_begins_as_a_shorter_one() -> None:
    short = ticks_of(*PAIR, duration="2m")
    assert ticks_of(*PAIR, duration="3m")[: len(short)] == short


def test_another_seed_or_symbol_another_market() -> None:
    first = ticks_of(*PAIR, duration="10s")
    assert ticks_of(*PAIR, duration="10s", seed=2) != first
    assert [tick.price for tick in ticks_of("AAAUSDT", "XUSDT", duration="10s")] != [tick.price for tick in first]


def test_a_pair_does_not_depend_on_the_others() -> None:
    alone = ticks_of(*PAIR, duration="10s")
    assert [tick for tick in ticks_of("CUSDT", "DUSDT", *PAIR, duration="10s") if tick.symbol in PAIR] == alone


def test_ids_and_times() -> None:
    ticks = ticks_of(*PAIR, "CCCUSDT", duration="150500ms", start=1_000_000)
    for symbol in (*PAIR, "CCCUSDT"):
        ids = [tick.id for tick in ticks if tick.symbol == symbol]
        assert ids == list(range(1, len(ids) + 1))
        assert len(ids) == pytest.approx(1505, rel=0.15)
    times = [tick.ts for tick in ticks]
    assert times == sorted(times)
    assert 1_000_000 <= times[0] < 1_002_000
    assert 1_148_500 < times[-1] < 1_150_500
    assert all(tick.recv == tick.ts and tick.price > 0 and tick.qty > 0 for tick in ticks)


@pytest.mark.parametrize("cut", [1, 300, 599])
def test_hidden_prices_run_on_from_block_to_block(cut: int) -> None:
    def paths(*blocks: int) -> tuple[np.ndarray, np.ndarray]:
        leader = Market(1, "BBBUSDT")
        follower = Follower(1, "AAAUSDT", leader)
        leading = [leader.prices(steps) for steps in blocks]
        return np.concatenate(leading), np.concatenate([follower.follow(prices) for prices in leading])

    for whole, parts in zip(paths(600), paths(cut, 600 - cut), strict=True):
        np.testing.assert_allclose(parts, whole, rtol=1e-12)


def test_prices_stand_on_a_grid() -> None:
    prices = {tick.price for tick in ticks_of("AAAUSDT", duration="1m")}
    decimals = max(len(repr(price).partition(".")[2]) for price in prices)
    assert decimals == 4 - int(np.log10(min(prices)))


def test_pairs_revert_and_strangers_do_not() -> None:
    ticks = ticks_of(*PAIR, "CCCUSDT", "DDDUSDT", duration="1h")
    a, b, c, d = (seconds(ticks, symbol)[:3500] for symbol in (*PAIR, "CCCUSDT", "DDDUSDT"))
    for y, x in ((a, b), (c, d)):
        assert HALF_LIFE / 2 < 1000 * np.log(0.5) / np.log(memory(y, x)) < HALF_LIFE * 2
    assert memory(a, d) > 0.99


def test_progress_in_market_time() -> None:
    feed = Synthetic(duration="90s", chunk=100)

    async def seen() -> list[int]:
        return [feed.progress().done async for _ in feed.stream(quantd.Subscription(PAIR))]

    assert feed.progress() == quantd.Progress(0, 90_000)
    assert sorted(set(asyncio.run(seen()))) == [0, 60_000, 90_000]
    assert feed.progress() == quantd.Progress(90_000, 90_000)


def test_no_symbols() -> None:
    with pytest.raises(quantd.QuantdError, match="name a pair"):
        ticks_of()
