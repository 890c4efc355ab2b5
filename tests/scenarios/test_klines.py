"""Every bar of every timeframe is the exchange's kline of the same bucket, as decimals: the simulator sums its own apart, in integers."""

import asyncio
import csv
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from quantd.simulator.exchange import Exchange
from quantd.simulator.listing import Listing
from quantd.simulator.scenario import parse
from tests.scenarios.conftest import Replay
from tests.simulator.support import EPOCH, HOUR_MS, ManualClock

MARKET = """
symbols:
  BUSYUSDT: {level: 90000, tick: 0.1, step: 0.001, rate: 5}
  RAREUSDT: {level: 1.5, tick: 0.0001, step: 0.1, rate: 0.0167}
  DUSTUSDT: {level: 0.0000312, tick: 1e-8, step: 1000, rate: 0.2}
  HUGEUSDT: {level: 100000, tick: 5, step: 0.0001, rate: 1}
quirks: {late: 0.05}
"""
SYMBOLS = ("BUSYUSDT", "RAREUSDT", "DUSTUSDT", "HUGEUSDT")
HOURS = 4
START = EPOCH // (HOURS * HOUR_MS) * HOURS * HOUR_MS - HOURS * HOUR_MS
END = START + HOURS * HOUR_MS
FRAMES = {"1s": 1, "5s": 5, "1m": 60, "3m": 180, "5m": 300, "15m": 900, "1h": 3600, "2h": 7200, "4h": 14_400}
"""Seconds of a bucket."""
PIPELINE = """
feed: replay
bars: {use: time, every: [1s, 5s, 1m, 3m, 5m, 15m, 1h, 2h, 4h]}
regression: {use: ols, window: 20}
"""
SUMS = ("volume", "taker_buy_volume")
Rows = dict[int, dict[str, Decimal]]


def dump(listing: Listing, path: Path) -> Path:
    """The published trades of those hours as a file of the exchange."""
    price, quantity = listing.wire.price.text, listing.wire.quantity.text
    with path.open("w") as file:
        for trade in listing.since(START, END - 1, 10**9):
            row = (trade.a, price(trade.p), quantity(trade.q), trade.f, trade.l, trade.T, str(bool(trade.m)).lower())
            file.write(",".join(map(str, row)) + "\n")
    return path


def klines(listing: Listing, interval: int) -> Rows:
    """What the exchange serves of those hours, by open time."""
    bars = asyncio.run(listing.bars(interval, START, END - 1, 10**9))
    names = {"open": 1, "high": 2, "low": 3, "close": 4, "volume": 5, "turnover": 7, "taker_buy_volume": 9}
    rows = (json.loads(listing.wire.kline_row(bar, interval)) for bar in bars)
    return {row[0]: {name: Decimal(row[at]) for name, at in names.items()} for row in rows}


def written(path: Path) -> Iterator[tuple[str, str, int, dict[str, str]]]:
    with path.open() as file:
        for row in csv.DictReader(file):
            yield row["symbol"], row["every"], int(row["ts"]), row


@pytest.fixture
def exchange() -> Exchange:
    return Exchange(parse(MARKET), 3, ManualClock(END + HOUR_MS))


def test_every_bar_is_the_kline_of_its_bucket(exchange: Exchange, replay: Replay, tmp_path: Path) -> None:
    files = [dump(exchange.listings[symbol], tmp_path / f"{symbol}-aggTrades-2026-11-18.csv") for symbol in SYMBOLS]
    pairs = ("--pair", f"{SYMBOLS[0]}-{SYMBOLS[1]}", "--pair", f"{SYMBOLS[2]}-{SYMBOLS[3]}")
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "plain.yaml").write_text(PIPELINE)
    replay(files, *pairs, "--pipeline", "plain", "--out", tmp_path)
    told = {(symbol, every): klines(exchange.listings[symbol], step * 1000) for symbol in SYMBOLS for every, step in FRAMES.items()}
    compared = dict.fromkeys(told, 0)
    for symbol, every, ts, bar in written(tmp_path / "bars.csv"):
        _equal(bar, told[symbol, every][ts])
        compared[symbol, every] += 1
    assert all(count > 0.98 * HOURS * 3600 // FRAMES[every] for (_, every), count in compared.items())


def _equal(bar: dict[str, str], kline: dict[str, Decimal]) -> None:
    for name in ("open", "high", "low", "close", *SUMS):
        assert Decimal(bar[name]) == kline[name], (name, bar, kline)
    if kline["volume"]:
        mean = float(kline["turnover"]) / float(kline["volume"])
        assert float(bar["vwap"]) == min(max(mean, float(bar["low"])), float(bar["high"])), (bar, kline)
