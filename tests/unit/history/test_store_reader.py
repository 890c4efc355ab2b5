"""The recorded rows alone, whatever is in memory."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from quantd.errors import QuantdError
from quantd.history.history import History
from quantd.history.store_reader import StoreReader
from quantd.model import DEFINITION
from quantd.testing import fakes
from quantd_plugins.stores.local import Local

LAST = 2**60
PAIR = "BTCUSDT-ETHUSDT"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Local]:
    opened = Local()
    opened.open(tmp_path)
    yield opened
    opened.close()


def test_what_is_in_memory_alone_is_not_recorded(store: Local) -> None:
    bars, points = fakes.bars(5), fakes.points(5)
    store.append([], bars[:3], points[:3])
    history = History(store)
    history.put_bars(bars)
    history.put_points(points)
    assert history.recorded_bars("BTCUSDT", "1m", 0, LAST) == bars[:3]
    assert history.recorded_bars("BTCUSDT", "1m", 0, LAST, 2) == bars[1:3]
    assert history.recorded_points(PAIR, "1m", 0, LAST) == points[:3]


def test_a_span_is_that_of_the_last_look(store: Local) -> None:
    ticks = fakes.ticks(5)
    reader = StoreReader(store)
    store.append(ticks[:3], [], [])
    reader.look_up()
    store.append(ticks[3:], [], [])
    assert reader.span("ticks", "BTCUSDT", "") == (ticks[0].ts, ticks[2].ts)
    assert reader.span("bars", "BTCUSDT", "1m") is None
    assert reader.trades_since("BTCUSDT") == ticks[0].ts
    assert reader.newest_trade("BTCUSDT") == (ticks[-1].id, ticks[-1].ts)
    assert reader.recorded_ticks("BTCUSDT", 0, LAST) == ticks
    assert reader.trade_columns("BTCUSDT", 0, LAST)["id"].tolist() == [tick.id for tick in ticks]


def test_points_of_other_definitions_are_told_apart(store: Local) -> None:
    older, now, later = (
        msgspec.structs.replace(point, definition=DEFINITION + n) for n, point in zip((-1, 0, 1), fakes.points(3), strict=True)
    )
    store.append([], [], [older, now, later])
    reader = StoreReader(store)
    assert reader.recorded_points(PAIR, "1m", 0, LAST) == [older, now]
    assert reader.outdated_points(PAIR, "1m", 0, LAST) == [older]
    assert History(store).points(PAIR, "1m", 0, LAST) == [now]


def test_without_a_store_there_is_nothing() -> None:
    reader = StoreReader(None)
    reader.look_up()
    assert (reader.span("bars", "A", "1m"), reader.trades_since("A"), reader.newest_trade("A")) == (None, None, None)
    assert (
        reader.recorded_bars("A", "1m", 0, LAST)
        == reader.recorded_ticks("A", 0, LAST)
        == reader.recorded_points("A-B", "1m", 0, LAST)
        == []
    )
    with pytest.raises(QuantdError, match="there is no store"):
        reader.series("bars", "A", "1m", None, None)
