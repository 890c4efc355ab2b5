"""Threads that read while the loop writes see whole rows."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import numpy as np
import pytest
from msgspec.structs import replace

from quantd.columns.points import NUMBERS, PointColumns
from quantd.history.history import History
from quantd.model import Bar
from quantd.times import FOR_EVER

PAIRS = [f"A{at}-B" for at in range(300)]
BARS = 15_000
MADE = 1_500
SECOND = 1_000


@pytest.fixture(autouse=True)
def restless() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@contextmanager
def reading(check: Callable[[], int]) -> Iterator[None]:
    """Check again and again in two threads, at least once after the end."""
    ended = Event()

    def read() -> int:
        seen = 0
        while not ended.is_set():
            seen = max(seen, check())
        return seen

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        try:
            yield
        finally:
            ended.set()
        assert all(reader.result() > 1 for reader in readers), "each has read rows"


def bar(at: int, revision: int) -> Bar:
    value = float(10_000 * at + revision)
    whole = 10_000 * at + revision
    return Bar("A", "1s", at * SECOND, value, value, value, value, value, whole, value, value, "complete", revision, whole, whole)


def test_no_reader_sees_a_part_of_a_bar() -> None:
    history = History(None, recent=100)

    def check() -> int:
        bars = history.bar_columns("A", "1s", 0, FOR_EVER)
        times = bars.ts.tolist()
        assert times == list(range(times[0], times[0] + SECOND * len(times), SECOND)) if times else True
        assert list(bars) == [bar(one.ts // SECOND, one.revision) for one in bars]
        return len(times)

    with reading(check):
        for at in range(1, BARS):
            for revision in range(3):
                history.put_bars([bar(at, revision)])


def batch(at: int, revision: int) -> PointColumns:
    count = len(PAIRS)
    numbers = np.full((len(NUMBERS), count), 10_000.0 * at + revision)
    marks = np.array([[10 * at + revision], [0], [revision]]) * np.ones((1, count), np.int64)
    return PointColumns("1s", at * SECOND, PAIRS, numbers, marks)


def test_no_reader_sees_a_part_of_a_point() -> None:
    history = History(None, recent=100)

    def check() -> int:
        points = history.point_columns(PAIRS[-1], "1s", 0, FOR_EVER)
        at, revision = points.ts // SECOND, points.marks[2]
        assert (np.diff(points.ts) == SECOND).all()
        assert (points.numbers == 10_000.0 * at + revision).all()
        assert (points.marks[0] == 10 * at + revision).all()
        return len(points)

    with reading(check):
        for at in range(1, MADE):
            for revision in range(3):
                history.put_points(batch(at, revision))
            if at % 100 == 0:
                mended = batch(at - 3, 3)[len(PAIRS) - 1]
                history.put_points([replace(mended, revision=3)])
