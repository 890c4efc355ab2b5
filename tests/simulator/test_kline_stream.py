"""The kline streams against the trades that were published, and the tickers of the rolling day, without sockets."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any

import pytest

from quantd.simulator.exchange import Exchange
from quantd.simulator.kline_live import KlineLive
from quantd.simulator.listing import Listing
from quantd.simulator.scenario import Limits
from quantd.simulator.tickers import KINDS, Tickers
from quantd.simulator.ws import Gateway

from .support import EPOCH, HOUR_MS, ManualClock, exchange

KEYS = ["t", "T", "s", "i", "f", "L", "o", "c", "h", "l", "v", "n", "x", "q", "V", "Q", "B"]
PUSH_MS = 50
MINUTE, SECOND = "btcusdt@kline_1m", "btcusdt_perpetual@continuousKline_1s"


class Recorder(Gateway):
    """Wants some streams and keeps what they are sent."""

    def __init__(self, clock: ManualClock, *streams: str) -> None:
        super().__init__(Limits(), clock)
        self.streams = streams
        self.frames: defaultdict[str, list[Any]] = defaultdict(list)

    def wanted(self, stream: str) -> bool:
        return stream in self.streams

    def received(self) -> list[str]:
        return list(self.streams)

    def publish(self, stream: str, payloads: Sequence[bytes]) -> None:
        self.frames[stream] += map(json.loads, payloads)


async def followed(clock: ManualClock, served: Exchange, ms: int) -> Recorder:
    recorder = Recorder(clock, MINUTE, SECOND)
    await run(clock, served, KlineLive(served, recorder), ms)
    return recorder


async def run(clock: ManualClock, served: Exchange, live: KlineLive, ms: int) -> None:
    for _ in range(0, ms, PUSH_MS):
        clock.now += PUSH_MS
        for listing in served.listings.values():
            listing.advance(clock.now)
        await live.push()


def ids(listing: Listing, start: int, stop: int) -> tuple[int, int]:
    """First and last raw id of the trades with start <= T < stop."""
    trades = listing.since(start, stop - 1, 100_000)
    return (trades[0].f, trades[-1].l) if trades else (-1, -1)


@pytest.fixture(scope="module")
def market() -> tuple[Exchange, Recorder]:
    clock = ManualClock(EPOCH - EPOCH % 60_000 + 59_000)
    served = exchange(clock)
    return served, asyncio.run(followed(clock, served, 63_000))


@pytest.mark.parametrize(("stream", "step", "closed"), [(MINUTE, 60_000, 2), (SECOND, 1_000, 62)])
def test_closed_candles_are_the_trades_and_come_in_order(market: tuple[Exchange, Recorder], stream: str, step: int, closed: int) -> None:
    served, recorder = market
    listing = served.listings["BTCUSDT"]
    last = {frame["k"]["t"]: frame for frame in recorder.frames[stream] if frame["k"]["x"]}
    assert list(last) == list(range(min(last), min(last) + closed * step, step))
    for opened, frame in last.items():
        k = frame["k"]
        assert (k["f"], k["L"]) == ids(listing, opened, opened + step)
        assert 0 < frame["E"] - (opened + step) <= 250
        assert (k["T"], k["B"]) == (opened + step - 1, "0")


async def test_the_minute_is_that_of_rest(market: tuple[Exchange, Recorder]) -> None:
    served, recorder = market
    frame = next(frame for frame in recorder.frames[MINUTE] if frame["k"]["x"])
    assert (list(frame), list(frame["k"])) == (["e", "E", "s", "k"], KEYS)
    k = frame["k"]
    listing = served.listings["BTCUSDT"]
    [bar] = await listing.bars(60_000, k["t"], k["t"], 1)
    assert json.loads(listing.wire.kline_row(bar, 60_000)) == [k[key] for key in ("t", *"ohlcvTqnVQB")]


@pytest.mark.parametrize("stream", [MINUTE, SECOND])
def test_a_running_candle_grows_until_it_is_closed(market: tuple[Exchange, Recorder], stream: str) -> None:
    frames = market[1].frames[stream]
    for _, group in groupby(frames, key=lambda frame: frame["k"]["t"]):
        states = [frame["k"] for frame in group]
        for before, after in pairwise(states):
            assert not before["x"] or before == after
            assert before["n"] < after["n"] or after["x"]
            assert (before["o"], before["f"]) == (after["o"], after["f"])
            assert float(before["h"]) <= float(after["h"])
            assert float(before["l"]) >= float(after["l"])


async def test_a_stream_that_is_asked_for_again_begins_with_the_running_candle() -> None:
    clock = ManualClock()
    served = exchange(clock)
    recorder = Recorder(clock, SECOND)
    live = KlineLive(served, recorder)
    for streams, ms in (((SECOND,), 2_000), ((), 3_000), ((SECOND,), 2_000)):
        recorder.streams = streams
        await run(clock, served, live, ms)
    opens = {(frame["k"]["t"] - EPOCH) // 1_000 for frame in recorder.frames[SECOND]}
    assert opens == {0, 1, 5, 6}


async def test_a_quiet_second_is_flat_and_closed() -> None:
    clock = ManualClock(EPOCH)
    served = exchange(clock)
    served.listings["BTCUSDT"].pace(clock.now + 1_000, 0.0)
    frames = (await followed(clock, served, 5_000)).frames[SECOND]
    quiet = [frame["k"] for frame in frames if frame["k"]["t"] >= EPOCH + 1_000]
    assert len({k["t"] for k in quiet}) >= 3
    assert all(k["x"] and (k["f"], k["L"], k["n"]) == (-1, -1, 0) for k in quiet)
    last = next(frame["k"]["c"] for frame in reversed(frames) if frame["k"]["n"])
    assert {k[key] for k in quiet for key in "ohlc"} == {last}


def test_a_closed_candle_comes_at_most_twice(market: tuple[Exchange, Recorder]) -> None:
    closed = [frame["k"]["t"] for frame in market[1].frames[SECOND] if frame["k"]["x"]]
    assert len(set(closed)) < len(closed) < 2 * len(set(closed))


async def test_a_long_candle_opens_on_its_own_grid_even_if_the_symbol_is_younger() -> None:
    listing, hours = exchange().listings["ADAUSDT"], 6 * HOUR_MS
    [bar] = await listing.bars(hours, 0, None, 1)
    assert bar.opened % hours == 0
    assert bar.opened < listing.onboarded < bar.opened + hours


async def test_a_ticker_of_all_has_a_row_of_each_symbol() -> None:
    clock = ManualClock()
    served = exchange(clock, "odd")
    for kind in KINDS:
        one = f"{next(iter(served.listings)).lower()}@{kind}"
        recorder = Recorder(clock, one, f"!{kind}@arr")
        await Tickers(served, recorder).send(kind)
        [[*rows]], [row] = recorder.frames[f"!{kind}@arr"], recorder.frames[one]
        assert [each["s"] for each in rows if each["st"] == 1] == list(served.listings)
        assert rows[0] == row
        assert row["e"] == f"24hr{kind[0].upper()}{kind[1:]}"
