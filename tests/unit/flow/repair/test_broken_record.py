"""A record that lacks rows in its midst: what is missing is found by id, and bars that lack are those of trades that are there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from quantd.flow.ingest.ledger import RECORD_BROKEN, Ledger
from quantd.flow.repair.broken_record import lost_rows
from quantd.flow.repair.restore import restore
from quantd.history.store_reader import StoreReader
from quantd.model import Gap, Tick
from quantd.plugin.base import Store
from quantd.plugin.loader import load
from quantd.testing import fakes
from quantd.timeframes import HOUR, MINUTE, timeframe

START = fakes.START - fakes.START % HOUR
END = START + 4 * HOUR
FRAMES = [timeframe("1m")]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened: Any = load().get("store", "local").plugin()
    opened.open(tmp_path)
    yield opened
    opened.close()


def trades(*without: range) -> list[Tick]:
    """One every 10 s over four hours, ids from 1, but for these."""
    lost = {number for each in without for number in each}
    count = (END - START) // 10_000
    return [Tick("X", n, START + 10_000 * (n - 1), 0, 1.0, 1.0, False) for n in range(1, count + 1) if n not in lost]


def test_what_is_missing_is_found_once_wherever_hours_meet(store: Store) -> None:
    per_hour = HOUR // 10_000
    lost = [range(10, 20), range(per_hour - 3, per_hour + 4), range(2 * per_hour + 1, 3 * per_hour + 50)]
    store.append(trades(*lost), [], [])
    found = lost_rows(StoreReader(store), "X", [], 0, END)
    assert [(hole.first, hole.last, hole.cause) for hole in found.trades] == [(each[0], each[-1], RECORD_BROKEN) for each in lost]
    assert [(hole.start, hole.end) for hole in found.trades] == [
        (START + 10_000 * (each[0] - 2), START + 10_000 * each[-1]) for each in lost
    ]


def test_trades_that_come_out_of_time_where_hours_meet_are_not_missing(store: Store) -> None:
    ticks = trades()
    at, meet = HOUR // 10_000, START + HOUR
    for number, ts in enumerate((meet + 5, meet - 900, meet + 7, meet - 800), at - 2):
        ticks[number] = replace(ticks[number], ts=ts)
    store.append(ticks, [], [])
    assert lost_rows(StoreReader(store), "X", [], 0, END).trades == ()


def test_bars_are_missing_where_trades_are(store: Store) -> None:
    bars = [replace(fakes.bars(1)[0], symbol="X", every="1m", ts=ts) for ts in range(START, END, MINUTE)]
    store.append(trades(range(600, 620)), bars[:60] + bars[70:], [])
    found = lost_rows(StoreReader(store), "X", FRAMES, 0, END).bars
    assert found == tuple((bar.ts, bar.ts + MINUTE - 1) for bar in bars[60:70])


def test_the_ledger_goes_on_from_what_is_missing_in_all(store: Store) -> None:
    store.append(trades(range(10, 40), range(1_430, 1_432)), [], [])
    inside, apart = (Gap("X", first, last, 0, 0, 0, None, "disconnected") for first, last in ((20, 25), (1_000, 1_001)))
    known = restore(StoreReader(store), "X", [inside, apart], lost_rows(StoreReader(store), "X", [], 0, END).trades)
    assert known is not None
    assert [(hole.first, hole.last, hole.cause) for hole in known.holes] == [
        (10, 39, RECORD_BROKEN), (1_000, 1_001, "disconnected"), (1_430, 1_431, RECORD_BROKEN),
    ]  # fmt: skip


def test_nothing_recorded_lacks_nothing(store: Store) -> None:
    assert lost_rows(StoreReader(store), "X", FRAMES, 0, END).trades == ()


def test_recorded_trades_that_come_again_say_why_some_are_missing(store: Store) -> None:
    ticks = trades(range(1_400, 1_410))
    store.append(ticks, [], [])
    known = restore(StoreReader(store), "X", [], lost_rows(StoreReader(store), "X", [], 0, END).trades)
    assert known is not None
    ledger = Ledger()
    ledger.restore(known)
    for tick in ticks[-60:]:
        ledger.admit(tick)
    assert [(hole.first, hole.last, hole.cause) for hole in ledger.holes] == [(1_400, 1_409, RECORD_BROKEN)]
