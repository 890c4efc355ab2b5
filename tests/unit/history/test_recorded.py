"""A recorded series is read whole and in order, whatever the order in which it was appended, the doubles and the writer beside it."""

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantd.errors import QuantdError
from quantd.history.csv_lines import decimal, tick_lines
from quantd.history.recorded import NotRecorded, RecordedSeries
from quantd.model import Bar, PairPoint, Tick
from quantd.testing import fakes
from quantd.timeframes import HOUR
from quantd_plugins.stores.local import Local


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Local]:
    opened = Local()
    opened.open(tmp_path)
    yield opened
    opened.close()


def read(series: RecordedSeries) -> list[list[str]]:
    """Its trades as cells of CSV."""
    return [line.split(",") for piece in series.ticks() for text in tick_lines(piece) for line in text.splitlines()]


def cells_of(tick: Tick) -> list[str]:
    return [str(tick.id), str(tick.ts), decimal(tick.price), decimal(tick.qty), "true" if tick.buyer_maker else "false"]


class Watched(Local):
    """Notes the spans that it is asked for."""

    asked: list[tuple[int, int]] = msgspec.field(default_factory=list)

    def points(self, pair: str, every: str, start: int, end: int) -> list[PairPoint]:
        self.asked.append((start, end))
        return super().points(pair, every, start, end)


def test_only_the_time_that_is_asked_for_is_read(tmp_path: Path) -> None:
    store = Watched()
    store.open(tmp_path)
    points = fakes.points(3_000)
    store.append([], [], [msgspec.structs.replace(point, definition=1) for point in points[:2_900]] + points[2_900:])
    start, end = points[2_930].ts, points[2_950].ts
    assert [point.ts for piece in RecordedSeries(store, "points", "BTCUSDT-ETHUSDT", "1m", start, end).points() for point in piece] == [
        point.ts for point in points[2_930:2_950]
    ]
    assert set(store.asked) == {(start, end)}
    store.close()


@settings(max_examples=80, deadline=None)
@given(
    data=st.data(),
    seed=st.integers(0, 2**32),
    span=st.sampled_from([1_000, HOUR, 9 * HOUR, -9 * HOUR]),
    disorder=st.sampled_from([0, 50, HOUR, 9 * HOUR]),
)
def test_what_is_read_is_what_was_appended(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, seed: int, span: int, disorder: int
) -> None:
    """Doubles may even be of another time: the one that was received first counts."""
    numbers = data.draw(st.lists(st.integers(0, 60), max_size=90))
    amounts = st.floats(1e-12, 1e12, exclude_min=True)
    noise, store = random.Random(seed), Local()
    first: dict[int, Tick] = {}
    store.open(tmp_path_factory.mktemp("store"))
    for recv, number in enumerate(numbers):
        ts = fakes.START + 9 * HOUR + number * span // 60 + noise.randint(0, disorder)
        tick = Tick("X", number, ts, recv, data.draw(amounts), data.draw(amounts), noise.random() < 0.5)
        store.append([tick, msgspec.structs.replace(tick, symbol="Y", id=recv)], [], [])
        first.setdefault(number, tick)
    if numbers:
        found = read(RecordedSeries(store, "ticks", "X", "", None, None))
        assert found == [cells_of(first[number]) for number in sorted(first)]
        assert [float(row[2]) for row in found] == [first[number].price for number in sorted(first)]
    store.close()


def test_no_more_than_an_hour_is_read_at_once(store: Local) -> None:
    ticks = fakes.ticks(2_000, spacing=10_000)
    store.append(ticks, [], [])
    pieces = [piece["ts"] for piece in RecordedSeries(store, "ticks", "BTCUSDT", "", None, None).ticks()]
    assert len(pieces) == len({tick.ts // HOUR for tick in ticks}) > 4
    assert sum(map(len, pieces)) == 2_000
    assert all(times[-1] - times[0] < HOUR for times in pieces)


def test_what_comes_late_meanwhile_breaks_no_order(store: Local) -> None:
    ticks = fakes.ticks(500, spacing=60_000)
    store.append([tick for tick in ticks if tick.id != 5], [], [])
    pieces = RecordedSeries(store, "ticks", "BTCUSDT", "", None, None).ticks()
    ids = next(pieces)["id"].tolist()
    late = msgspec.structs.replace(ticks[4], ts=ticks[300].ts)
    store.append([late, ticks[4], *fakes.ticks(50, start=ticks[-1].ts + 1)], [], [])
    ids += [number for piece in pieces for number in piece["id"].tolist()]
    assert ids == [tick.id for tick in ticks if tick.id != 5]


@pytest.mark.parametrize(("name", "every", "wrong"), [("ETHUSDT", "1m", "name"), ("BTCUSDT", "5m", "every")])
def test_a_series_that_is_not_recorded_says_what_is_wrong(store: Local, name: str, every: str, wrong: str) -> None:
    store.append([], fakes.bars(3), [])
    with pytest.raises(NotRecorded) as caught:
        RecordedSeries(store, "bars", name, every, None, None)
    assert caught.value.wrong == wrong


class Broken(Local):
    """Cannot read bars."""

    def bars(self, symbol: str, every: str, start: int, end: int) -> list[Bar]:
        raise OSError("no such device")


def test_a_store_that_cannot_be_read_is_an_error_for_the_operator(store: Local, tmp_path: Path) -> None:
    store.append([], fakes.bars(3), [])
    broken = Broken()
    broken.open_to_read(tmp_path)
    with pytest.raises(QuantdError, match="the store cannot be read"):
        list(RecordedSeries(broken, "bars", "BTCUSDT", "1m", None, None).bars())
    broken.close()
