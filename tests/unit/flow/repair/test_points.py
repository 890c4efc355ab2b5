"""Points are rebuilt from bars as an analysis of those bars makes them."""

import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from quantd.flow.pairs import PairSeries, PairSpec, analyse
from quantd.flow.repair.points import Legs, PointRebuilder
from quantd.flow.repair.revisions import next_revisions
from quantd.history.history import History
from quantd.model import Bar, PairPoint
from quantd.testing import fakes
from quantd_plugins.regressions.ols import Ols
from quantd_plugins.stores.local import Local
from tests.unit.flow.repair.test_upgrade import AFTER_THE_HOLE, LEGS, PAIR, aged, guards, left_by_an_older_version, legs


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
    rebuilt = (await rebuilder(store, spec).changed_by([changed], 0)).points
    assert rebuilt[0].ts == changed.ts
    assert {point.revision for point in rebuilt} == {1}
    stands = {point.ts: point for point in points} | {point.ts: point for point in rebuilt}
    assert unnumbered(list(stands.values())) == unnumbered(wanted)


def test_a_row_takes_the_next_revision_only_if_it_says_something_else() -> None:
    first, second, third = fakes.bars(3)
    other = msgspec.structs.replace(second, close=second.close + 1.0)
    known = {bar.ts: msgspec.structs.replace(bar, revision=4) for bar in (first, second)}
    assert next_revisions([first, other, third], known) == [msgspec.structs.replace(other, revision=5), third]


class Watched(Local):
    """Notes from which thread it is asked for what."""

    asked: list[tuple[str, bool]] = msgspec.field(default_factory=list)

    def bars(self, symbol: str, every: str, start: int, end: int) -> list[Bar]:
        self.asked.append(("bars", threading.current_thread() is threading.main_thread()))
        return super().bars(symbol, every, start, end)

    def points(self, pair: str, every: str, start: int, end: int) -> list[PairPoint]:
        self.asked.append(("points", threading.current_thread() is threading.main_thread()))
        return super().points(pair, every, start, end)


def rebuilder(store: Local, spec: PairSpec) -> PointRebuilder:
    return PointRebuilder(spec, guards, History(store), Legs(*LEGS))


async def test_a_repair_reads_the_store_once_and_beside_the_loop(tmp_path: Path) -> None:
    store = Watched()
    store.open(tmp_path)
    left_by_an_older_version(store)
    y, x = legs()
    spec = PairSpec(PAIR, "1m", Ols(window=20))
    series = PairSeries(spec, guards, reopen=0)
    series.add(y[1_000:], x[1_000:])
    assert (await rebuilder(store, spec).changed_by([y[200]], series.oldest)).points
    assert sorted(store.asked) == [("bars", False), ("bars", False), ("points", False)]
    store.close()


async def test_a_repair_replaces_old_points_too(store: Local) -> None:
    spec = PairSpec(PAIR, "1m", Ols(window=20))
    bars = y, x = legs()
    wanted = analyse(y, x, spec, guards)
    store.append([], [bar for leg in bars for bar in leg], aged(wanted))
    series = PairSeries(spec, guards, reopen=0)
    series.add(bars[0][1_000:], bars[1][1_000:])
    again = (await rebuilder(store, spec).changed_by([bars[0][200]], series.oldest)).points
    assert again[0] == msgspec.structs.replace(wanted[200 - 19], revision=3)
