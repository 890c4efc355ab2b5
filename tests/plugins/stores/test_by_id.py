"""Trades that follow an id are found, in whatever order and pieces they were stored."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from quantd.model import Tick
from quantd.testing import fakes
from quantd_plugins.stores.local import Local


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Local]:
    made = Local()
    made.open(tmp_path)
    yield made
    made.close()


def trade(number: int, at: int | None = None) -> Tick:
    return fakes.tick("A", number, number if at is None else at)


def ids(store: Local, first_id: int, count: int) -> list[int]:
    return store.ticks_from("A", first_id, count)["id"].tolist()


def test_a_hole_is_filled_by_a_chunk_that_ends_far_behind_it(store: Local) -> None:
    store.append([trade(1), trade(3), trade(900)], [], [])
    for number in [2, *range(4, 50)]:
        store.append([trade(number)], [], [])
    assert ids(store, 1, 5) == [1, 2, 3, 4, 5]
    assert ids(store, 2, 3) == [2, 3, 4]
    assert ids(store, 45, 20) == [*range(45, 50), 900]
    assert ids(store, 0, 1_000) == [*range(1, 50), 900]


def test_a_trade_that_nobody_has_is_passed(store: Local) -> None:
    for number in range(1, 60):
        if number % 10:
            store.append([trade(number, 500 * number)], [], [])
    assert ids(store, 35, 8) == [35, 36, 37, 38, 39, 41, 42, 43]


def test_times_that_do_not_follow_ids_hide_none(store: Local) -> None:
    store.append([trade(number, 20_000 * (number % 3) // 2) for number in range(1, 300)], [], [])
    for first_id in (1, 50, 149):
        assert ids(store, first_id, 150) == list(range(first_id, first_id + 150))


def test_the_first_version_of_a_trade_counts(store: Local) -> None:
    store.append([trade(5)], [], [])
    store.append([fakes.tick("A", 5, 5, price=7.0), trade(6)], [], [])
    assert store.ticks_from("A", 0, 9)["price"].tolist() == [100.0, 100.0]
