"""Dropping undoes adding: nothing of a symbol or pair is left, and added again it is as at a fresh start."""

import asyncio
import csv
import gc
import os
import weakref
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantd.clock import EventClock
from quantd.conditions.model import Compare, Term
from quantd.config.load import build as load
from quantd.config.model import PairEntry, Pipeline
from quantd.config.rules import Rule
from quantd.errors import QuantdError, StateUnusable
from quantd.flow.alerts.rule import AlertRule
from quantd.metrics import Metrics
from quantd.model import Bar, PairPoint, Status, Tick
from quantd.runtime.metrics import register_metrics
from quantd.runtime.runtime import Runtime
from quantd.testing.fakes import START
from quantd.times import FOR_EVER
from tests.unit.services.rig import PIPELINE, Rig, rig, trade
from tests.waiting import until

ALERTS = [{"name": "any", "when": "abs(zscore) > 0.1"}]


def pipeline(exports: Sequence[dict[str, Any]] = (), **keys: Any) -> Pipeline:
    """One like that of the rig, with rules and a job."""
    common = PIPELINE | {"alerts": ALERTS, "jobs": ["reversion"], "exports": list(exports)}
    loaded = load({"pairs": [{"A-B": "p"}], "feeds": {"synthetic": {}}}, {"p": common | keys}, {})
    return loaded.config.pipelines["p"]


def bring(at: Rig, seconds: range, symbols: str = "ABGH") -> None:
    """A trade of each symbol in each of these seconds."""
    for second in seconds:
        at.flow.process([trade(symbol, second) for symbol in symbols])


def state(runtime: Runtime) -> Any:
    """All that a runtime knows of its members, without the objects that are made anew."""
    members, exporters, history, engine = runtime._members, runtime._exporters, runtime.outputs.history, runtime.outputs.alerts
    points = {pair for table in history._points._tables.values() for pair in table._members.of}
    return {
        "uses": members._uses._by_name,
        "exporters": {key: (shared.number, shared.users) for key, shared in exporters._shared.items()},
        "guards": [(health.kind, health.name) for health in runtime.guards.health()],
        "stages": [(flow.name, stage.symbol, stage.every) for flow in runtime.flows for stage in flow.stages],
        "pairs": [(pair.name, [series.spec.every for series in pair.series]) for pair in runtime.pairs],
        "rules": engine.rules,
        "watched": {place: list(at.rules.values()) for place, at in engine._places._at.items()},
        "rows": {key[0] for series in (history._bars._series, history._books) for key in series} | points | set(history.tick_counts()),
    }


def open_files() -> set[str]:
    """The files that this process has open. Pipes and sockets may be those of earlier tests."""
    there = (f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd"))
    return {path for name in there if os.path.exists(name) and (path := os.readlink(name)).startswith("/")}


def samples(runtime: Runtime) -> set[str]:
    """The series that Prometheus reads, without their values."""
    metrics = Metrics()
    register_metrics(runtime, metrics, EventClock(START))
    return {line.rpartition(" ")[0] for line in metrics.render()[0].decode().splitlines() if line and not line.startswith("#")}


def known(runtime: Runtime, *names: str) -> tuple[list[list[Bar]], list[list[PairPoint]]]:
    """The bars and points of these symbols and pairs in memory."""
    history = runtime.outputs.history
    points = sorted((pair, every) for every, table in history._points._tables.items() for pair in table._members.of if pair in names)
    return (
        [list(history.recent_bars(*key)) for key in history._bars._series if key[0] in names],
        [history.known_points(*key, 0, FOR_EVER) for key in points],
    )


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


async def test_nothing_is_left_of_a_configured_pair_and_its_symbols(tmp_path: Path) -> None:
    csv_of = {name: {"use": "csv", "dir": str(tmp_path / name), "kinds": ["ticks", "bars", "points"]} for name in ("out", "others")}
    with rig(tmp_path, exports=[csv_of["others"]]) as at:
        async with at.runtime.opened():
            bring(at, range(20), "AB")
            before = state(at.runtime), open_files(), samples(at.runtime)
            at.runtime.add_pair(PairEntry("G", "H", "p"), pipeline([csv_of["out"]]))
            bring(at, range(20, 60))
            assert len(open_files() - before[1]) == 3
            assert len(at.runtime.guards.health()) > len(before[0]["guards"])
            assert {rule.on for rule in at.runtime.outputs.alerts.rules} == {"G-H"}
            refs = [weakref.ref(each) for each in (at.runtime.pairs[1].series[0], *at.flow.stages[2:])]
            assert at.runtime.drop_pair("G-H")
            assert at.runtime.drop_symbol("G")
            assert at.runtime.drop_symbol("H")
            bring(at, range(60, 70))
            assert (state(at.runtime), open_files(), samples(at.runtime)) == before
            assert at.feed.wanted[-1] == ("A", "B")
            gc.collect()
            assert [ref() for ref in refs] == [None, None, None]
    assert {row["pair"] for row in rows(tmp_path / "out" / "points.csv")} == {"G-H"}
    assert {row["symbol"] for row in rows(tmp_path / "others" / "ticks.csv")} == {"A", "B"}
    assert len(rows(tmp_path / "others" / "ticks.csv")) == 2 * 70


async def test_nothing_is_left_of_a_pair_of_a_rule(tmp_path: Path) -> None:
    with rig(tmp_path) as at:
        at.services.learn_symbols(["A", "B", "G", "H"])
        bring(at, range(20), "AB")
        before = state(at.runtime), open_files(), samples(at.runtime)
        rule = at.services.alerts.add("zscore", "G-H", ">", 2.0)
        bring(at, range(20, 60))
        assert [pair.name for pair in at.runtime.pairs] == ["A-B", "G-H"]
        at.services.alerts.delete(rule.id)
        at.clock.advance_to(at.clock.now() + 3_600_000)
        at.services.symbols.sweep()
        assert (state(at.runtime), open_files(), samples(at.runtime)) == before


def test_added_again_it_is_as_at_a_fresh_start(tmp_path: Path) -> None:
    made = []
    for name, times in (("fresh", 1), ("again", 3)):
        with rig(tmp_path / name) as at:
            for number in range(times):
                if number:
                    bring(at, range(30), "GH")
                    at.runtime.drop_symbol("G")
                    at.runtime.drop_symbol("H")
                at.runtime.add_pair(PairEntry("G", "H", "p"), pipeline())
            bring(at, range(30, 90), "GH")
            made.append((state(at.runtime), known(at.runtime, "G", "H", "G-H")))
    assert made[0] == made[1]
    assert len(made[0][1][1][0]) > 40


@pytest.mark.parametrize("meanwhile", [False, True])
def test_the_pair_that_shares_a_leg_is_as_if_the_other_had_never_been(tmp_path: Path, meanwhile: bool) -> None:
    written = []
    for other in (False, True):
        exports = [{"use": "csv", "dir": str(tmp_path / f"{other}"), "kinds": ["ticks", "bars", "points"]}]
        with rig(tmp_path / f"state{other}", exports=exports) as at:

            async def run(at: Rig = at, exports: Sequence[dict[str, Any]] = exports, other: bool = other) -> None:
                async with at.runtime.opened():
                    bring(at, range(30), "ABG")
                    if other:
                        mine = [{**exports[0], "dir": str(tmp_path / "mine")}] if meanwhile else exports
                        at.runtime.add_pair(PairEntry("A", "G", "p"), pipeline(mine, jobs=[]))
                    bring(at, range(30, 60), "AB")
                    if other:
                        assert at.runtime.drop_pair("A-G")
                        at.runtime.drop_symbol("G")
                    bring(at, range(60, 90), "AB")

            asyncio.run(run())
        written.append({path.name: path.read_bytes() for path in (tmp_path / f"{other}").iterdir()})
    assert written[0] == written[1]
    assert len(rows(tmp_path / "True" / "points.csv")) > 60


async def test_a_leg_is_exported_as_those_say_who_use_it(tmp_path: Path) -> None:
    one, two = ({"use": "csv", "dir": str(tmp_path / name), "kinds": ["ticks"]} for name in ("one", "two"))
    with rig(tmp_path, exports=[one]) as at:
        async with at.runtime.opened():
            bring(at, range(10), "AB")
            at.runtime.add_pair(PairEntry("A", "G", "p"), pipeline([two], jobs=[]))
            bring(at, range(10, 20), "AB")
            at.runtime.drop_pair("A-B")
            bring(at, range(20, 30), "AB")
    for name, first, until_ in (("one", 1_000, 1_020), ("two", 1_010, 1_030)):
        assert [int(row["id"]) for row in rows(tmp_path / name / "ticks.csv") if row["symbol"] == "A"] == list(range(first, until_)), name


def test_what_is_not_there_is_not_dropped_and_what_is_there_is_not_added(tmp_path: Path) -> None:
    with rig(tmp_path) as at:
        before = state(at.runtime)
        assert not at.runtime.drop_pair("G-H")
        assert not at.runtime.drop_pair("A")
        assert not at.runtime.drop_symbol("G")
        at.runtime.drop_rule("none")
        with pytest.raises(QuantdError, match="A-B is processed already: drop it first"):
            at.runtime.add_pair(PairEntry("A", "B", "p"), pipeline())
        with pytest.raises(QuantdError, match="G is not processed: feed 'other' of pipeline 'p' does not run"):
            at.runtime.add_symbol("G", msgspec.structs.replace(pipeline(), feed="other"))
        assert state(at.runtime) == before
        at.runtime.add_symbol("G", pipeline())
        assert (at.runtime.drop_symbol("G"), at.runtime.drop_symbol("G")) == (True, False)
        assert (at.runtime.drop_pair("A-B"), at.runtime.drop_pair("A-B")) == (True, False)


async def test_an_exporter_that_cannot_begin_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    exports = [{"use": "csv", "dir": str(tmp_path / name), "kinds": ["ticks"]} for name in ("good", "file")]
    with rig(tmp_path) as at:
        async with at.runtime.opened():
            before = state(at.runtime), open_files()
            with pytest.raises(StateUnusable, match="exporter csv"):
                at.runtime.add_pair(PairEntry("G", "H", "p"), pipeline(exports))
            assert (state(at.runtime), open_files()) == before


async def test_a_full_disk_is_no_trouble_of_an_exporter_that_is_gone(tmp_path: Path) -> None:
    exports = [{"use": "csv", "dir": str(tmp_path / "out"), "kinds": ["ticks"], "roll": "1d"}]
    with rig(tmp_path) as at:
        async with at.runtime.opened():
            at.runtime.add_symbol("G", pipeline(exports))
            (tmp_path / "out" / "ticks-2026-01-01.csv").mkdir()
            bring(at, range(3), "G")
            assert [trouble.what for trouble in at.runtime.outputs.troubles.present()] == ["disk"]
            at.runtime.drop_symbol("G")
            assert at.runtime.outputs.troubles.present() == []


def test_a_rule_is_dropped_with_its_state(tmp_path: Path) -> None:
    with rig(tmp_path) as at:
        rule = AlertRule("1", Rule(name="high", when=Compare(Term("price"), ">", 1.0), every="1m", on="tick"), "A", "high")
        before = state(at.runtime)
        at.runtime.add_rule(rule)
        bring(at, range(2), "A")
        assert at.runtime.outputs.alerts.states.of("1").holds
        at.runtime.drop_rule("1")
        bring(at, range(2, 4), "B")
        assert not at.runtime.outputs.alerts.states.of("1").holds
        assert state(at.runtime)["watched"] == before["watched"]


@pytest.mark.parametrize("prices", ["raw", "log"])
def test_a_rule_knows_whether_its_pair_s_beta_is_of_logarithms(tmp_path: Path, prices: str) -> None:
    with rig(tmp_path) as at:
        at.runtime.add_pair(PairEntry("A", "G", "p"), pipeline(regression={"use": "ols", "window": 60, "prices": prices}))
        asked = AlertRule("1", Rule(name="high", when=Compare(Term("zscore"), ">", 1.0), every="1m"), "A-G", "high")
        at.runtime.add_rule(asked)
        rules = {rule.id: rule.log for rule in at.runtime.outputs.alerts.rules if rule.on == "A-G"}
        assert rules == {"A-G/any": prices == "log", "1": prices == "log"}


# --- while something goes on ----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Rig]:
    """The flow drinks its feed; the past of the config's symbols is there, that of others is awaited."""
    with rig(folder, warm=True, store="local") as at:
        flow = asyncio.create_task(at.flow.run())
        at.feed.tell.set()
        at.feed.events.put_nowait([Status(START, healthy=True), trade("A", 0), trade("B", 0)])
        await until(lambda: at.flow.warm == 2)
        at.feed.tell.clear()
        yield at
        at.feed.tell.set()
        at.feed.events.put_nowait([])
        await flow
        assert at.runtime.outputs.recorder
        await at.runtime.outputs.recorder.close()


async def test_dropping_while_the_past_is_fetched(tmp_path: Path) -> None:
    async with running(tmp_path) as at:
        before = state(at.runtime)
        at.runtime.add_pair(PairEntry("G", "H", "p"), pipeline())
        await until(lambda: {"G", "H"} <= set(at.feed.fetched))
        refs = [weakref.ref(stage) for stage in at.flow.stages[2:]]
        at.runtime.drop_symbol("G")
        at.runtime.drop_symbol("H")
        at.feed.tell.set()
        await until(lambda: not any(task.get_name().startswith("warm") for task in asyncio.all_tasks()))
        assert state(at.runtime) == before
        gc.collect()
        assert [ref() for ref in refs] == [None, None]
        at.runtime.add_pair(PairEntry("G", "H", "p"), pipeline())
        await until(lambda: at.flow.warm == 4)
        assert len(known(at.runtime, "G-H")[1][0]) > 40


async def test_dropping_while_a_repair_is_in_flight(tmp_path: Path) -> None:
    async with running(tmp_path) as at:
        before = state(at.runtime)
        asked, answer = asyncio.Event(), asyncio.Event()

        async def fetch_ids(symbol: str, first_id: int, last_id: int) -> list[Tick]:
            if symbol == "G":
                asked.set()
                await answer.wait()
            return [trade(symbol, number - 1_000) for number in range(first_id, last_id + 1)]

        at.feed.fetch_ids = fetch_ids  # type: ignore[method-assign]
        at.feed.tell.set()
        at.runtime.add_symbol("G", pipeline())
        await until(lambda: at.flow.warm == 3)
        (stage,) = [stage for stage in at.flow.stages if stage.symbol == "G"]
        at.feed.events.put_nowait([trade("G", 0), trade("G", 5)])
        await until(lambda: stage.last == trade("G", 5))
        at.clock.advance_to(START + 60_000)
        await until(asked.is_set)
        at.runtime.drop_symbol("G")
        answer.set()
        other = at.flow.stages[0]
        at.feed.events.put_nowait([trade("A", 9)])
        await until(lambda: other.last == trade("A", 9))
        at.clock.advance_to(START + 120_000)
        await until(lambda: other.intake.repaired == 8)  # the ids of one symbol are fetched after those of another
        assert state(at.runtime) == before
        assert stage.intake.repaired == 0


# --- any sequence ---------------------------------------------------------------------------------------------------------------------

PAIRS = [PairEntry(y, x, "p") for y, x in ("AB", "AG", "GH", "HA")]
STEPS = st.one_of(
    st.tuples(st.just("pair"), st.sampled_from(PAIRS)),
    st.tuples(st.just("drop pair"), st.sampled_from(PAIRS)),
    st.tuples(st.just("symbol"), st.sampled_from("ABGH")),
    st.tuples(st.just("drop symbol"), st.sampled_from("ABGH")),
)


@given(st.lists(STEPS, max_size=8))
@settings(max_examples=15, deadline=None)
def test_after_any_sequence_nothing_is_left_once_all_are_dropped(tmp_path_factory: pytest.TempPathFactory, steps: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("drop")
    of_pipeline = pipeline()
    with rig(folder) as at:
        for symbol in "AB":
            at.runtime.drop_symbol(symbol)
        empty, second = state(at.runtime), 0
        for what, which in steps:
            with suppress(QuantdError):  # it is there already
                if what == "pair":
                    at.runtime.add_pair(which, of_pipeline)
                elif what == "drop pair":
                    at.runtime.drop_pair(which.name)
                elif what == "symbol":
                    at.runtime.add_symbol(which, of_pipeline)
                else:
                    at.runtime.drop_symbol(which)
            bring(at, range(second, second + 12))
            second += 12
        for symbol in "ABGH":
            at.runtime.drop_symbol(symbol)
        assert state(at.runtime) == empty
