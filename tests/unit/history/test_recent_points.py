"""Points that were put one by one and in batches are given back as they were."""

import math

import numpy as np
from msgspec.structs import replace

from quantd.columns.points import PointColumns
from quantd.history.history import History
from quantd.history.point_block import SLOTS
from quantd.model import PairPoint
from quantd.testing import fakes

LAST = 2**60
BARS = 3 * SLOTS + 5


def made(pairs: int) -> dict[str, list[PairPoint]]:
    """Points of some pairs; those of each second one have other values in the columns that are mostly left out."""
    found = {}
    for at in range(pairs):
        points = fakes.points(BARS, pair=f"A{at}-B", seed=at)
        if at % 2:
            points = [
                replace(point, hedge=replace(point.hedge, innovation=0.5 * at, innovation_std=0.1, weight=0.5), coverage=0.75, metrics={})
                for point in points
            ]
        found[f"A{at}-B"] = points
    return found


def batches(points: dict[str, list[PairPoint]]) -> list[PointColumns]:
    """These points as batches, which share their sequence of pairs."""
    pairs = list(points)
    found = [PointColumns.of([points[pair][at] for pair in pairs]) for at in range(BARS)]
    for batch in found:
        batch.pairs = pairs
    return found


def test_batches_and_single_points_are_the_same() -> None:
    points = made(11)
    history, one_by_one = History(None), History(None)
    for batch in batches(points):
        history.put_points(batch)
    for some in points.values():
        one_by_one.put_points(some)
    for pair, some in points.items():
        for each in (history, one_by_one):
            assert each.points(pair, "1m", 0, LAST) == some
            assert each.points(pair, "1m", some[40].ts, some[70].ts) == some[40:70]
            assert [each.recent_point(pair, "1m", point.ts) for point in some] == some
            assert list(each.point_columns(pair, "1m", some[9].ts, LAST)) == some[9:]


def test_pairs_that_come_later_and_in_another_order_have_their_own_places() -> None:
    points = made(9)
    names = list(points)
    history = History(None)
    for number, batch in enumerate(batches(points)):
        which = list(range(number % 9, -1, -1)) if number < 40 else list(range(8, -1, -1))
        history.put_points(batch.take(which))
    for at, pair in enumerate(names):
        told = [point for number, point in enumerate(points[pair]) if number >= 40 or at <= number % 9]
        assert history.points(pair, "1m", 0, LAST) == told


def test_a_pair_that_is_dropped_leaves_nothing_to_the_one_that_takes_its_place() -> None:
    points = made(3)
    history = History(None)
    for batch in batches(points):
        history.put_points(batch)
    history.forget("A1-B")
    assert history.points("A1-B", "1m", 0, LAST) == []
    fresh = fakes.points(3, pair="C-D", seed=9)
    history.put_points(fresh)
    assert history.points("C-D", "1m", 0, LAST) == fresh
    assert history.points("A0-B", "1m", 0, LAST) == points["A0-B"]
    assert history.points("A2-B", "1m", 0, LAST) == points["A2-B"]
    again = batches(points)[-1]
    assert history.known_points_at(again).tolist() == [True, False, True]
    history.put_points(again)
    assert history.points("A1-B", "1m", 0, LAST) == points["A1-B"][-1:]


def test_a_table_without_pairs_takes_no_memory() -> None:
    history, points = History(None), fakes.points(3)
    history.put_points(points)
    before = history.version("points", points[0].pair, "1m")
    history.forget(points[0].pair)
    assert history._points._tables == {}
    assert history.version("points", points[0].pair, "1m") > before
    history.put_points(points[1:])
    assert history.points(points[0].pair, "1m", 0, LAST) == points[1:]


def test_it_is_told_which_points_of_a_batch_are_known() -> None:
    points = made(5)
    every = batches(points)
    history = History(None)
    assert history.known_points_at(every[0]).tolist() == [False] * 5
    assert history.newest_points("1m", list(points)).tolist() == [-1] * 5
    history.put_points(every[2].take([0, 3]))
    history.put_points([replace(points["A4-B"][2], reason="a reason of another version")])
    assert history.known_points_at(every[2]).tolist() == [True, False, False, True, True]
    assert history.known_points_at(every[1]).tolist() == [False] * 5
    newest = every[2].ts
    assert history.newest_points("1m", list(points)).tolist() == [newest, -1, -1, newest, newest]


def test_a_point_that_columns_cannot_hold_is_given_back_as_it_is() -> None:
    points = fakes.points(6)
    odd = [
        replace(points[1], revision=1 << 20),
        replace(points[2], ts=points[2].ts + 1),
        replace(points[3], reason="a reason of another version", state=b"state"),
    ]
    history = History(None)
    history.put_points([*points, *odd])
    told = [points[0], odd[0], points[2], odd[1], odd[2], *points[4:]]
    pair = points[0].pair
    assert history.points(pair, "1m", 0, LAST) == told
    assert list(history.point_columns(pair, "1m", 0, LAST)) == told
    assert history.recent_point(pair, "1m", odd[2].ts) == odd[2]
    again = PointColumns.of([replace(points[3], revision=1)])
    history.put_points(again)
    assert history.recent_point(pair, "1m", points[3].ts) == again[0]
    assert len(history.points(pair, "1m", 0, LAST)) == len(told)


def test_the_newest_states_stay_in_memory_with_their_revisions() -> None:
    points = [replace(point, state=b"%d" % at) for at, point in enumerate(fakes.points(30))]
    pair = points[0].pair
    history = History(None)
    for point in points[:20]:
        history.put_points(PointColumns.of([point]))
    history.put_points(points[20:])
    kept = [point.state for point in history.points(pair, "1m", 0, LAST)]
    assert kept[12:20] == [point.state for point in points[12:20]]
    assert kept[22:] == [point.state for point in points[22:]]
    assert kept[:12] == [None] * 12
    mended = replace(points[19], revision=1, state=None)
    history.put_points([mended])
    assert history.recent_point(pair, "1m", mended.ts) == mended, "the state was that of an earlier revision"


def test_blocks_of_old_bars_give_way_and_are_used_again() -> None:
    points = fakes.points(40 * SLOTS)
    history = History(None, recent=4 * SLOTS)
    for number, point in enumerate(points):
        history.put_points(PointColumns.of([replace(point, hedge=replace(point.hedge, weight=0.5 + (number % 7 == 0) / 2))]))
        if number % 50 == 49:
            held = history.points(point.pair, "1m", 0, LAST)
            assert [each.ts for each in held] == [each.ts for each in points[number + 1 - len(held) : number + 1]]
            assert min(4 * SLOTS, number) <= len(held) <= 6 * SLOTS
            assert [each.hedge.weight for each in held] == [0.5 + ((each.ts - points[0].ts) // 60_000 % 7 == 0) / 2 for each in held]


def test_what_is_none_is_nan_in_the_columns() -> None:
    history = History(None)
    history.put_points(points := fakes.points(6))
    zscores = history.point_columns(points[0].pair, "1m", 0, LAST).column("zscore")
    assert np.isnan(zscores).tolist() == [point.zscore is None for point in points]
    assert all(math.isclose(value, point.zscore) for value, point in zip(zscores, points, strict=True) if point.zscore is not None)
