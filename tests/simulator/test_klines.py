"""Candles against a plain aggregation of the trades that aggTrades serves."""

import json
from collections import defaultdict
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from quantd.simulator.klines import INTERVALS
from quantd.simulator.listing import Listing

from .support import EPOCH, HOUR_MS, ManualClock, exchange


def by_hand(trades: list[Any], interval: int, tick: Decimal, step: Decimal) -> dict[int, list[str | int]]:
    buckets: dict[int, list[Any]] = defaultdict(list)
    for trade in trades:
        buckets[trade.T // interval * interval].append(trade)
    return {opened: summed(bucket, tick, step) for opened, bucket in buckets.items()}


def summed(trades: list[Any], tick: Decimal, step: Decimal) -> list[Any]:
    prices, bought = [t.p * tick for t in trades], [t for t in trades if not t.m]
    return [
        prices[0],
        max(prices),
        min(prices),
        prices[-1],
        sum(t.q * step for t in trades),
        sum(t.p * tick * t.q * step for t in trades),
        sum(t.l - t.f + 1 for t in trades),
        sum(t.q * step for t in bought),
        sum(t.p * tick * t.q * step for t in bought),
    ]


async def shown(listing: Listing, interval: int, start: int) -> dict[int, list[Any]]:
    """The REST rows as numbers, without the times and the last field."""
    rows = [json.loads(listing.wire.kline_row(bar, interval)) for bar in await listing.bars(interval, start, None, 1500)]
    assert all(row[6] == row[0] + interval - 1 for row in rows)
    return {row[0]: [Decimal(row[i]) for i in (1, 2, 3, 4, 5, 7, 8, 9, 10)] for row in rows}


@pytest.mark.parametrize(("symbol", "scenario"), [("BTCUSDT", "demo"), ("DUSTUSDT", "odd"), ("HUGEUSDT", "odd")])
@pytest.mark.parametrize("interval", ["1m", "15m", "1h"])
async def test_klines_equal_the_sum_of_the_trades(symbol: str, scenario: str, interval: str) -> None:
    clock = ManualClock(EPOCH + 20_123)
    served = exchange(clock, scenario)
    clock.now += 41_000
    listing, spec = served.listings[symbol], served.scenario.symbols[symbol]
    listing.advance(clock.now)
    start = EPOCH // HOUR_MS * HOUR_MS - HOUR_MS
    trades = listing.from_id(listing.since(start, None, 1)[0].a, 1_000_000)
    step = INTERVALS[interval] * 60_000
    rows = await shown(listing, step, start)
    expected = by_hand(trades, step, spec.tick, spec.step)
    assert {opened: rows[opened] for opened in expected} == expected
    assert list(rows) == list(range(start, clock.now, step))


async def test_a_minute_without_a_trade_is_flat_at_the_last_close() -> None:
    listing = exchange(scenario="odd").listings["DEADUSDT"]
    bars = await listing.bars(60_000, EPOCH - 3 * HOUR_MS, None, 180)
    quiet = [(before.candle, after.candle) for before, after in pairwise(bars) if after.candle.volume == 0]
    assert len(bars) == 180
    assert quiet
    assert all({after.open, after.high, after.low, after.close} == {before.close} for before, after in quiet)
    assert all(after.raw_trades == 0 for _, after in quiet)


async def test_a_quiet_start_looks_back_for_its_price() -> None:
    listing = exchange(scenario="odd").listings["DEADUSDT"]
    bars = await listing.bars(60_000, EPOCH - 3 * HOUR_MS, None, 180)
    index = next(i for i, bar in enumerate(bars) if bar.candle.volume == 0 and i > 5)
    assert await listing.bars(60_000, bars[index].opened, bars[index].opened, 1) == [bars[index]]


async def test_which_candles_a_request_means() -> None:
    listing = exchange().listings["ADAUSDT"]
    step, last = 300_000, EPOCH // 300_000 * 300_000
    opens = {
        (None, None, 3): [last - 2 * step, last - step, last],
        (last - 2 * step, None, 2): [last - 2 * step, last - step],
        (None, last - step, 2): [last - 2 * step, last - step],
        (last - step - 1, last, 500): [last - step, last],
        (last + 1, None, 5): [],
        (last, last + 10**9, 5): [last],
    }
    for (start, end, limit), expected in opens.items():
        assert [bar.opened for bar in await listing.bars(step, start, end, limit)] == expected
    oldest = (await listing.bars(step, 0, None, 1))[0].opened
    assert oldest == listing.onboarded == (EPOCH - 48 * HOUR_MS) // HOUR_MS * HOUR_MS


async def test_the_day_is_the_sum_of_its_minutes() -> None:
    listing = exchange().listings["ADAUSDT"]
    day, minutes = await listing.rolling_day(), await listing.bars(60_000, None, None, 1440)
    assert day.opened == minutes[0].opened
    assert day.candle.volume == sum(bar.candle.volume for bar in minutes)
    assert day.candle.high == max(bar.candle.high for bar in minutes)
    assert day.candle.open == minutes[0].candle.open
