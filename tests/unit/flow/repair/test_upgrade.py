"""Recorded points of an older definition are replaced by what an analysis of the recorded bars says, and by nothing else."""

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest

from quantd.clock import EventClock
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.outbox import Outbox
from quantd.flow.exports import Exports
from quantd.flow.hub import Hub
from quantd.flow.outputs import Outputs
from quantd.flow.pair import PairStage
from quantd.flow.pairs import PairSeries, PairSpec, analyse
from quantd.flow.record import Recorder
from quantd.flow.repair import pace
from quantd.flow.repair.outdated import OutdatedPoints
from quantd.flow.repair.points import Legs
from quantd.flow.repair.upgrade import Upgrade
from quantd.flow.symbol import SymbolStage
from quantd.history.history import History
from quantd.model import DEFINITION, Bar, Hedge, PairPoint
from quantd.plugin.base import Plugin, RowKind
from quantd.plugin.guard import Guard
from quantd.plugin.regression import Regression
from quantd.stats.sums import Sums
from quantd.supervision.troubles import Troubles
from quantd.testing import fakes
from quantd_plugins.regressions.kalman import Kalman
from quantd_plugins.regressions.ols import Ols
from quantd_plugins.resamplers.time import TimeBars
from quantd_plugins.stores.local import Local

PAIR, LEGS = "BTCUSDT-ETHUSDT", ("BTCUSDT", "ETHUSDT")
MARK = f"{DEFINITION}/{PAIR} 1m"
N, HOLE, AFTER_THE_HOLE = 2_000, range(700, 1_100), 686
MINUTE = 60_000
END = fakes.START + N * MINUTE
GUARD = Guard("regression", "test", EventClock())


def guards(plugin: Plugin, user: str) -> Guard:
    return GUARD


def legs() -> list[list[Bar]]:
    """Minutes, of which some hours are missing."""
    both = [fakes.bars(N, symbol=leg, seed=seed) for seed, leg in enumerate(LEGS)]
    return [[bar for number, bar in enumerate(bars) if number not in HOLE] for bars in both]


def aged(points: list[PairPoint]) -> list[PairPoint]:
    """As an older version would have left them: something else, at its second revision."""
    return [msgspec.structs.replace(point, zscore=99.0, revision=2, definition=DEFINITION - 1) for point in points]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Local]:
    opened = Local()
    opened.open(tmp_path)
    yield opened
    opened.close()


def rebuild(store: Local, spec: PairSpec, at: int = 0) -> None:
    work = OutdatedPoints(spec, Legs(*LEGS), History(store), EventClock())
    work.start(at)
    while work.progress.at < work.progress.end:
        store.append([], [], work.rebuild_next())


@pytest.mark.parametrize("regression", [Ols(window=20), Kalman(window=20)])
@pytest.mark.parametrize("done", [0, 300, AFTER_THE_HOLE])
def test_they_equal_an_analysis_to_the_bit_also_over_a_hole_and_after_an_interruption(
    store: Local, regression: Regression, done: int
) -> None:
    spec = PairSpec(PAIR, "1m", regression)
    bars = y, x = legs()
    wanted = analyse(y, x, spec, guards)
    earlier = [msgspec.structs.replace(point, revision=3) for point in wanted[:done]]
    store.append([], [bar for leg in bars for bar in leg], [*earlier, *aged(wanted[done:])])
    rebuild(store, spec, at=wanted[done].ts if done else 0)
    found = History(store).points(PAIR, "1m", 0, END)
    assert [msgspec.structs.replace(point, revision=0, state=None) for point in found] == [
        msgspec.structs.replace(point, state=None) for point in wanted
    ]
    assert {point.revision for point in found} == {3}
    assert all(bool(point.state) == regression.recursive for point in found[done:])
    assert History(store).outdated_points(PAIR, "1m", 0, END) == []


def test_points_without_bars_stay_and_are_not_answered(store: Local) -> None:
    spec = PairSpec(PAIR, "1m", Ols(window=20))
    bars = y, x = legs()
    old = aged(analyse(y, x, spec, guards))
    store.append([], [bar for leg in bars for bar in leg[300:]], old)
    rebuild(store, spec)
    assert History(store).points(PAIR, "1m", 0, END)[0].ts == bars[0][319].ts
    assert History(store).outdated_points(PAIR, "1m", 0, END) == old[:300]


def test_a_point_made_live_takes_the_place_of_an_old_one_and_is_not_rebuilt(store: Local) -> None:
    live = fakes.points(3)[1]
    (old,) = aged([live])
    for points in ([old], [live], [old]):
        store.append([], [], points)
    assert History(store).points(PAIR, "1m", 0, END) == [live]
    rebuild(store, PairSpec(PAIR, "1m", Ols(window=20)))
    assert store.points(PAIR, "1m", 0, END) == [live]


def test_an_old_point_in_the_store_does_not_hide_the_one_in_memory(store: Local) -> None:
    points = fakes.points(3)
    store.append([], [], aged(points))
    history = History(store)
    history.put_points(points[1:])
    assert history.points(PAIR, "1m", 0, END) == points[1:]


def states(regression: Regression, count: int = 200) -> list[PairPoint]:
    y, x = legs()
    return PairSeries(PairSpec(PAIR, "1m", regression), guards, reopen=0).add(y[:count], x[:count])


def resumed(regression: Regression, recorded: list[PairPoint]) -> list[PairPoint]:
    """The points of a series that begins where the recorded ones end."""
    y, x = legs()
    series = PairSeries(PairSpec(PAIR, "1m", regression), guards, reopen=0, recall=lambda start, end: recorded)
    return series.add(y[200:400], x[200:400])


def test_a_state_of_another_version_is_not_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = states(Kalman(window=20))
    fresh = resumed(Kalman(window=20), [])
    assert resumed(Kalman(window=20), ours) != fresh
    monkeypatch.setattr(Kalman, "state_version", 2)
    assert resumed(Kalman(window=20), ours) == resumed(Kalman(window=20), [])


def test_a_state_that_cannot_be_resumed_costs_what_is_remembered_and_no_more() -> None:
    recorded = states(Kalman(window=20), 400)
    cut = [msgspec.structs.replace(point, state=point.state[:-3]) for point in recorded if point.state]
    before = GUARD.health()
    assert resumed(Kalman(window=20), cut) == resumed(Kalman(window=20), [])
    after = GUARD.health()
    assert (after.faults - before.faults, after.state) == (1, "ok")


class Moody(Local):
    """Does not answer the first time that it is asked for the span of a series, nor for points."""

    away: set[str] = msgspec.field(default_factory=lambda: {"span", "points"})

    def span(self, kind: RowKind, name: str, every: str) -> tuple[int, int] | None:
        self.answer("span")
        return super().span(kind, name, every)

    def points(self, pair: str, every: str, start: int, end: int) -> list[PairPoint]:
        self.answer("points")
        return super().points(pair, every, start, end)

    def answer(self, what: str) -> None:
        if what in self.away:
            self.away.remove(what)
            raise OSError(f"the disk with the {what} is away")


class Touchy(Ols):
    """Fails at some of its calls, by their number over all instances."""

    calls: ClassVar[Iterator[int]]
    fails: ClassVar[range]

    def fit_sums(self, sums: Sums) -> Hedge | None:
        if next(Touchy.calls) in Touchy.fails:
            raise ArithmeticError("it is touchy")
        return super().fit_sums(sums)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The log of upgrades that try again at once."""
    monkeypatch.setattr(pace, "SHORTEST_PAUSE_S", 0.0)
    caplog.set_level("INFO")
    return caplog


def left_by_an_older_version(store: Local) -> list[PairPoint]:
    bars = y, x = legs()
    old = aged(analyse(y, x, PairSpec(PAIR, "1m", Ols(window=20)), guards))
    store.append([], [bar for leg in bars for bar in leg], old)
    return old


async def upgraded(store: Local, regression: Regression, kept: dict[str, bytes]) -> int:
    """How many points were rebuilt."""
    clock = EventClock()
    recorder = Recorder(store, Guard("store", "test", clock), clock, Troubles(clock))
    outputs = Outputs(History(store), AlertEngine(), Outbox({}), Hub(), recorder)
    y, x = (SymbolStage(leg, TimeBars(every=("1m",)), GUARD, Exports([])) for leg in LEGS)
    series = PairSeries(PairSpec(PAIR, "1m", regression), guards, reopen=0)
    begin = asyncio.Event()
    begin.set()
    await Upgrade(outputs, [PairStage(y, x, (series,), Exports([]))], clock, kept).run(begin)
    assert await recorder.write()
    return outputs.points_rebuilt


async def test_a_store_that_fails_is_told_of_and_tried_again(tmp_path: Path, impatient: pytest.LogCaptureFixture) -> None:
    store = Moody()
    store.open(tmp_path)
    old = left_by_an_older_version(store)
    kept: dict[str, bytes] = {}
    made = await upgraded(store, Ols(window=20), kept)
    assert [made, *kept.items()] == [len(old), (MARK, b"%d" % (old[-1].ts + 1))]
    assert History(store).points(PAIR, "1m", 0, END)[-1].ts == old[-1].ts
    assert all(f"the disk with the {what} is away" in impatient.text for what in ("span", "points"))
    assert f"{PAIR} 1m: {len(old)} points rebuilt" in impatient.text
    store.close()


async def test_a_regression_that_fails_for_a_while_costs_no_point(
    store: Local, monkeypatch: pytest.MonkeyPatch, impatient: pytest.LogCaptureFixture
) -> None:
    old = left_by_an_older_version(store)
    monkeypatch.setattr(Touchy, "calls", itertools.count(), raising=False)
    monkeypatch.setattr(Touchy, "fails", range(700, 703), raising=False)
    kept: dict[str, bytes] = {}
    made = await upgraded(store, Touchy(window=20), kept)
    assert [made, *kept.items()] == [len(old), (MARK, b"%d" % (old[-1].ts + 1))]
    assert History(store).outdated_points(PAIR, "1m", 0, END) == []
    assert "the regression failed 3 times, last: ArithmeticError: it is touchy" in impatient.text
    assert f"{len(old)} points rebuilt in 0.0 s; 0 stay as they were" in impatient.text


async def test_a_regression_that_goes_on_failing_is_left_for_the_next_start(
    store: Local, monkeypatch: pytest.MonkeyPatch, impatient: pytest.LogCaptureFixture
) -> None:
    old = left_by_an_older_version(store)
    monkeypatch.setattr(Touchy, "calls", itertools.count(), raising=False)
    monkeypatch.setattr(Touchy, "fails", range(700, 1_000_000), raising=False)
    kept: dict[str, bytes] = {}
    made = await upgraded(store, Touchy(window=20), kept)
    left = History(store).outdated_points(PAIR, "1m", 0, END)
    assert (made > 0, made + len(left), kept) == (True, len(old), {})
    assert impatient.text.count("it is tried again: the regression failed") == 4
    assert impatient.text.count("which is tried again at the next start: the regression failed") == 1
    assert "points rebuilt in" not in impatient.text
    assert await upgraded(store, Ols(window=20), kept) == len(left)
    assert list(kept) == [MARK]
