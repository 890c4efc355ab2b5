"""A batch of points holds what its structs hold."""

from msgspec.structs import replace

from quantd.columns.points import PointColumns
from quantd.model import DEFINITION, PairPoint
from quantd.testing import fakes


def points() -> list[PairPoint]:
    made = [replace(fakes.points(5, seed=seed)[seed], pair=f"A{seed}-B", ts=fakes.START, definition=DEFINITION) for seed in range(4)]
    warming = replace(made[1], zscore=None, spread_mean=None, spread_std=None, reason="warming", corr=None)
    flat = replace(made[2], zscore=None, spread_std=0.0, reason="flat", state=b"state", metrics={"adf": 0.5, "word": None}, revision=3)
    return [made[0], warming, flat, replace(made[3], hedge=replace(made[3].hedge, stderr=None, innovation=0.5, innovation_std=0.1))]


def test_the_structs_of_a_batch_equal_those_that_it_was_made_of() -> None:
    batch = PointColumns.of(points())
    assert list(batch) == points()
    assert [batch[at] for at in range(-4, 4)] == points() * 2


def test_a_part_of_a_batch_equals_the_part_of_the_structs() -> None:
    batch = PointColumns.of(points())
    assert list(batch[1:3]) == points()[1:3]
    assert list(batch.take([3, 0])) == [points()[3], points()[0]]
    assert batch.column("spread").tolist() == [point.spread for point in points()]
