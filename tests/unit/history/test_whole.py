"""What memory holds is read without the store, and nothing that the store alone has is missed."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from quantd.history.history import History
from quantd.model import DEFINITION, Bar, Loss, PairPoint
from quantd.testing import fakes
from quantd.timeframes import timeframe
from quantd.times import FOR_EVER
from quantd_plugins.stores.local import Local

SYMBOL, PAIR = "BTCUSDT", "BTCUSDT-ETHUSDT"
BARS, POINTS = fakes.bars(60), fakes.points(60)


class Counting(Local):
    """A store that counts how often rows are read, and that tells of the damage that a test gives it."""

    reads: int = 0
    damage: Sequence[Loss] = ()

    def bars(self, symbol: str, every: str, start: int, end: int) -> list[Bar]:
        self.reads += 1
        return super().bars(symbol, every, start, end)

    def last_bars(self, symbol: str, every: str, start: int, end: int, count: int) -> list[Bar]:
        self.reads += 1
        return super().last_bars(symbol, every, start, end, count)

    def points(self, pair: str, every: str, start: int, end: int) -> list[PairPoint]:
        self.reads += 1
        return super().points(pair, every, start, end)

    def losses(self) -> Sequence[Loss]:
        return self.damage


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Counting]:
    opened = Counting()
    opened.open(tmp_path)
    yield opened
    opened.close()


def of_an_earlier_run(store: Counting, until: int) -> History:
    """A history over a store with the first rows, which has been looked up."""
    store.append([], BARS[:until], POINTS[:until])
    history = History(store)
    history.look_up()
    return history


def put(history: History, begin: int, end: int = 60) -> None:
    history.put_bars(BARS[begin:end])
    history.put_points(POINTS[begin:end])


def read(history: History, start: int, end: int = FOR_EVER) -> tuple[list[Bar], list[PairPoint]]:
    return history.bars(SYMBOL, "1m", start, end), history.points(PAIR, "1m", start, end)


def test_rows_of_this_run_are_read_from_memory(store: Counting) -> None:
    history = of_an_earlier_run(store, 0)
    put(history, 0)
    assert read(history, 0) == (BARS, POINTS)
    assert read(history, BARS[20].ts, BARS[30].ts) == (BARS[20:30], POINTS[20:30])
    assert read(history, BARS[-1].ts + 1) == ([], [])
    assert store.reads == 0


def test_what_an_earlier_run_recorded_is_read_from_the_store_and_the_rest_is_not(store: Counting) -> None:
    history = of_an_earlier_run(store, 40)
    put(history, 35)
    assert read(history, BARS[40].ts) == (BARS[40:], POINTS[40:])
    assert store.reads == 0
    assert read(history, BARS[39].ts) == (BARS[39:], POINTS[39:])
    assert store.reads == 2


def test_what_was_restored_is_read_from_memory(store: Counting) -> None:
    history = of_an_earlier_run(store, 40)
    history.restore_bars(BARS[10:40], BARS[10].ts)
    history.restore_points(POINTS[10:40], BARS[10].ts)
    put(history, 40)
    assert read(history, BARS[10].ts) == (BARS[10:], POINTS[10:])
    assert store.reads == 0
    assert read(history, 0) == (BARS, POINTS)
    assert store.reads == 2


def test_the_newest_bars_are_read_from_memory_however_old_the_range(store: Counting) -> None:
    history = of_an_earlier_run(store, 40)
    put(history, 40)
    assert history.bars(SYMBOL, "1m", 0, FOR_EVER, 20) == BARS[40:]
    assert history.bars(SYMBOL, "1m", 0, BARS[50].ts, 3) == BARS[47:50]
    assert history.open_from(SYMBOL, timeframe("1m"), timeframe("1h")) == BARS[0].ts + 3_600_000
    assert store.reads == 0
    assert history.bars(SYMBOL, "1m", 0, FOR_EVER, 21) == BARS[39:]


def test_what_a_read_has_shown_is_not_read_again(store: Counting) -> None:
    store.append([], BARS[:30], POINTS[:30])
    history = History(store)
    put(history, 20)
    for _ in range(3):
        assert read(history, BARS[25].ts) == (BARS[25:], POINTS[25:])
        assert store.reads == 2
    assert history.bars(SYMBOL, "1m", 0, FOR_EVER, 50) == BARS[10:]
    assert store.reads == 3
    assert read(history, BARS[20].ts) == (BARS[20:], POINTS[20:])
    assert store.reads == 4, "the bars are known by now"


def test_nothing_is_concluded_from_a_store_that_has_found_damage(store: Counting) -> None:
    history = of_an_earlier_run(store, 0)
    store.damage = [Loss("hot.db", "it is broken", 0)]
    put(history, 30)
    assert read(history, 0) == (BARS[30:], POINTS[30:])
    store.append([], BARS[:40], POINTS[:40])  # taken over from the broken file
    assert read(history, 0) == (BARS, POINTS)


def test_what_the_store_holds_at_a_later_revision_counts(store: Counting) -> None:
    history = of_an_earlier_run(store, 40)
    bar, point = replace(BARS[39], revision=1), replace(POINTS[39], revision=1)
    store.append([], [bar], [point])
    put(history, 39, 40)
    history.restore_bars([bar], 0)
    history.restore_points([point], 0)
    assert read(history, BARS[39].ts) == ([bar], [point])


def test_points_that_were_upgraded_in_the_store_alone_are_shown(store: Counting) -> None:
    old = [msgspec.structs.replace(point, definition=DEFINITION - 1) for point in POINTS]
    store.append([], [], old)
    history = History(store)
    history.restore_points(old, 0)
    assert history.points(PAIR, "1m", 0, FOR_EVER) == []
    assert history.known_points(PAIR, "1m", 0, FOR_EVER) == old
    store.append([], [], POINTS[:30])
    assert history.points(PAIR, "1m", 0, FOR_EVER) == POINTS[:30]
    assert history.known_points(PAIR, "1m", 0, FOR_EVER) == [*POINTS[:30], *old[30:]]


def test_rows_of_a_series_that_was_forgotten_are_in_the_store_alone(store: Counting) -> None:
    history = of_an_earlier_run(store, 0)
    put(history, 0, 40)
    history.forget(SYMBOL)
    history.forget(PAIR)
    put(history, 45)
    store.append([], BARS[:40], POINTS[:40])
    assert read(history, 0) == (BARS[:40] + BARS[45:], POINTS[:40] + POINTS[45:])
    before = store.reads
    assert read(history, BARS[40].ts) == (BARS[45:], POINTS[45:])
    assert store.reads == before


def test_states_that_are_not_in_memory_come_from_the_store(store: Counting) -> None:
    points = [replace(point, state=b"%d" % at) for at, point in enumerate(POINTS)]
    store.append([], [], points[:50])
    history = History(store)
    history.look_up()
    history.restore_points(points[:40], 0)
    history.put_points(points[40:])
    mended = replace(points[45], revision=1, state=None)
    history.amend([mended])
    assert history.points(PAIR, "1m", 0, FOR_EVER, states=True) == [
        *points[:45],
        mended,
        *points[46:50],
        *_stateless(points[50:52]),
        *points[52:],
    ]


def _stateless(points: Sequence[PairPoint]) -> list[PairPoint]:
    return [replace(point, state=None) for point in points]
