"""From the simulator's bytes to bars of the book, against the truth that the simulator drew."""

import msgspec
import numpy as np
import pytest

from quantd.flow.bars.books import BookStage
from quantd.model import BookBar
from quantd.simulator.clock import Clock
from quantd.simulator.exchange import Exchange
from quantd.simulator.scenario import load
from quantd_plugins.feeds.binance.book_frames import BookTicker, DepthUpdate, MarkPriceUpdate

START = 1_795_489_440_000
SECONDS = 5
LISTING = Exchange(load("demo"), 1, Clock(START)).listings["BTCUSDT"]
decode = msgspec.json.Decoder(BookTicker | DepthUpdate | MarkPriceUpdate, strict=False).decode


@pytest.fixture(scope="module")
def bars() -> list[BookBar]:
    """Five seconds and a longer bucket, of all quotes, the best five levels every 100 ms, and one mark price a second."""
    stage, wire, book = BookStage("BTCUSDT", ["1s", "5s"], levels=5), LISTING.book_wire, LISTING.book
    last = book.top(np.array([START]))[0].tolist()
    stage.append([decode(wire.book_ticker(last, START, START)).event(START)])
    for ms in range(START, START + SECONDS * 1_000):
        row = book.top(np.array([ms]))[0].tolist()
        if row != last:
            stage.append([decode(wire.book_ticker(row, ms, ms + 20)).event(ms + 30)])
            last = row
        if ms % 100 == 0:
            stage.append([decode(wire.depth(book.at(ms, 5), ms - 100, ms, ms + 20)).event(ms + 30)])
        if ms % 1_000 == 500:
            stage.append([decode(wire.mark(LISTING.marks.at(ms), ms)).event(ms + 30)])
    return stage.close(START + SECONDS * 1_000)


def test_means_are_those_over_every_millisecond(bars: list[BookBar]) -> None:
    assert [(bar.every, bar.quality, bar.coverage) for bar in bars] == [("1s", "complete", 1.0)] * 5 + [("5s", "complete", 1.0)]
    for bar in bars:
        times = np.arange(bar.ts, bar.ts + int(bar.every[:-1]) * 1_000)
        bid, bid_qty, ask, ask_qty = LISTING.book.top(times).T.astype(float)
        assert bar.spread == pytest.approx(np.mean(ask - bid) * 0.1, rel=1e-9)
        assert bar.spread_bps == pytest.approx(np.mean(2e4 * (ask - bid) / (ask + bid)), rel=1e-9)
        assert bar.imbalance == pytest.approx(np.mean((bid_qty - ask_qty) / (bid_qty + ask_qty)), abs=1e-12)
        assert bar.microprice == pytest.approx(((ask * bid_qty + bid * ask_qty) / (bid_qty + ask_qty))[-1] * 0.1, rel=1e-12)


def test_the_depth_is_that_of_the_best_five_levels(bars: list[BookBar]) -> None:
    for bar in bars:
        sums = [[side[:, 1].sum() for side in LISTING.book.at(ms, 5)] for ms in range(bar.ts, bar.ts + int(bar.every[:-1]) * 1_000, 100)]
        assert bar.depth_imbalance == pytest.approx(np.mean([(bids - asks) / (bids + asks) for bids, asks in sums]), abs=1e-12)
        assert bar.depths == len(sums)


def test_the_mark_is_the_last_one(bars: list[BookBar]) -> None:
    for bar in bars:
        mark = LISTING.marks.at(bar.ts + int(bar.every[:-1]) * 1_000 - 500)
        assert (bar.mark, bar.index, bar.funding_rate) == (mark.mark_price / 1e8, mark.index_price / 1e8, mark.rate / 1e8)
