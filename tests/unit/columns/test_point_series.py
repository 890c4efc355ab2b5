"""Columns of one pair's points hold what their structs hold."""

from msgspec.structs import replace

from quantd.columns.point_series import PointSeries
from quantd.model import PairPoint
from quantd.testing import fakes

PAIR = "BTCUSDT-ETHUSDT"


def points() -> list[PairPoint]:
    made = fakes.points(8)
    made[1] = replace(made[1], definition=1, revision=3, state=b"state")
    made[2] = replace(made[2], reason="a reason of another version")
    made[6] = replace(made[6], hedge=replace(made[6].hedge, innovation=0.5, innovation_std=0.1, weight=0.25), coverage=0.5, metrics={})
    return made


def test_the_structs_of_a_series_equal_those_that_it_was_made_of() -> None:
    series = PointSeries.of(PAIR, "1m", points())
    assert list(series) == points()
    assert [series[at] for at in range(-8, 8)] == points() * 2
    assert list(series[1:4]) == points()[1:4]
    assert series.column("spread").tolist() == [point.spread for point in points()]
    assert list(PointSeries.of(PAIR, "1m", [])) == []


def test_points_of_another_definition_are_left_out() -> None:
    assert list(PointSeries.of(PAIR, "1m", points()).current()) == [points()[0], *points()[2:]]
