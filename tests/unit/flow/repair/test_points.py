"""Points are rebuilt from bars as an analysis of those bars makes them."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from quantd.flow.pairs import PairSpec, analyse
from quantd.flow.repair.points import Legs, PointRebuilder
from quantd.flow.repair.revisions import next_revisions
from quantd.history.history import History
from quantd.model import PairPoint
from quantd.testing import fakes
from quantd_plugins.regressions.ols import Ols
from quantd_plugins.stores.local import Local
from tests.unit.flow.repair.test_upgrade import AFTER_THE_HOLE, LEGS, PAIR, guards, legs


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Local]:
    opened = Local()
    opened.open(tmp_path)
    yield opened
    opened.close()


def unnumbered(points: list[PairPoint]) -> list[PairPoint]:
    return [msgspec.structs.replace(point, revision=0) for point in points]


async def test_points_behind_a_hole_are_those_of_all_bars_before_it(store: Local) -> None:
    """The hole is longer by far than what a point looks back."""
    spec, (y, x) = PairSpec(PAIR, "1m", Ols(window=20)), legs()
    points = analyse(y, x, spec, guards)
    store.append([], [*y, *x], points)
    at = AFTER_THE_HOLE + 25
    assert y[at].ts - y[at - 10].ts < spec.memory * 60_000 < y[at].ts - y[699].ts
    changed = msgspec.structs.replace(y[at], close=y[at].close + 1.0, revision=1)
    wanted = analyse([*y[:at], changed, *y[at + 1 :]], x, spec, guards)
    rebuilt = (await PointRebuilder(spec, guards, History(store), Legs(*LEGS)).changed_by([changed], 0)).points
    assert rebuilt[0].ts == changed.ts
    assert {point.revision for point in rebuilt} == {1}
    stands = {point.ts: point for point in points} | {point.ts: point for point in rebuilt}
    assert unnumbered(list(stands.values())) == unnumbered(wanted)


def test_a_row_takes_the_next_revision_only_if_it_says_something_else() -> None:
    first, second, third = fakes.bars(3)
    other = msgspec.structs.replace(second, close=second.close + 1.0)
    known = {bar.ts: msgspec.structs.replace(bar, revision=4) for bar in (first, second)}
    assert next_revisions([first, other, third], known) == [msgspec.structs.replace(other, revision=5), third]
