"""Alert rules of a running flow: what the services restore after a restart, and what a deleted rule leaves: nothing."""

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest

from quantd.clock import EventClock
from quantd.config.load import build as load
from quantd.errors import QuantdError
from quantd.model import Alert
from quantd.rule_state import RuleState
from quantd.runtime.build import Lasting, build
from quantd.services.alerts import RestRule
from quantd.services.live.bundle import LiveServices, live_services
from quantd.services.live.rulebook import Definition
from quantd.state import Changes, State
from quantd.supervision.losses import Losses
from quantd.supervision.troubles import Troubles
from quantd.testing import fakes
from quantd.testing.services import fake_services
from tests.unit.services.rig import Rig, rig

PIPELINE = {"feed": "synthetic", "bars": {"use": "time", "every": ["1m"]}, "regression": {"use": "ols", "window": 10}}


def firing_since(since: int, firing: str, triggered_at: int | None = None, trigger_count: int = 0) -> RuleState:
    """The state of a rule that fires."""
    return RuleState("firing", since, firing=firing, times=1, triggered_at=triggered_at, trigger_count=trigger_count)


@contextmanager
def started(folder: Path, *rules: Definition, alerts: Sequence[Alert] = ()) -> Iterator[tuple[LiveServices, State]]:
    """The services of a daemon that finds these."""
    loaded = load({"pairs": [{"A-B": "plain"}], "feeds": {"synthetic": {}}}, {"plain": PIPELINE}, {})
    clock = EventClock()
    with State.open(folder / "state") as state:
        runtime = build(loaded.config, loaded.registry, clock, folder, lasting=Lasting(Troubles(clock), Losses(), state))
        for rule in rules:
            state.kept[f"rule/{rule.id}"] = msgspec.json.encode(rule)
        state.records.save(Changes({each.alert_id: firing_since(each.since, each.id, each.ts, 1) for each in alerts}, fired=list(alerts)))
        yield live_services(runtime, loaded.config, loaded.registry, clock, state, fake_services().pool), state


def recalled(folder: Path, *rules: Definition) -> list[RestRule]:
    """The rules that a daemon goes on with that finds these."""
    with started(folder, *rules) as (found, _):
        return found.alerts.rules()


def test_firings_and_the_states_of_rules_outlive_the_daemon_but_not_the_rule(tmp_path: Path) -> None:
    fired, gone = (
        msgspec.structs.replace(fakes.alert(number, ts=number), alert_id=name) for number, name in ((1, "kept"), (2, "A-B/gone"))
    )
    kept = Definition("kept", "corr", "A-B", ">", 0.5, 1)
    with started(tmp_path, kept, alerts=[fired, gone]) as (found, state):
        assert found.alerts.fired() == [fired, gone]
        assert list(state.records.rule_states()) == ["kept"]
        found.alerts.delete("kept")
        assert state.records.rule_states() == {}
        found.alerts.clear_fired()
    with started(tmp_path) as (found, _):
        assert found.alerts.fired() == []


def test_a_kept_rule_that_data_cannot_decide_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    good, wrong = Definition("good", "corr", "A-B", ">", 0.5, 1), Definition("wrong", "corr", "A-B", ">", 1.5, 2)
    with caplog.at_level(logging.WARNING, "quantd.live"):
        assert [rule.id for rule in recalled(tmp_path, good, wrong)] == ["good"]
    (record,) = [record.getMessage() for record in caplog.records if "passed over" in record.getMessage()]
    assert record == ("the kept rule A-B corr > 1.5 is passed over: corr > 1.5 is never true: corr is from -1 to 1; take another threshold")


GOOD = Definition("good", "corr", "A-B", ">", 0.5, 1)
SHOWN = RestRule("good", "corr", "A-B", ">", 0.5, 1)
BROKEN = {
    "no JSON": b"\x80\x00",
    "no text": b'"\xff\xfe"',
    "another JSON": b"[1, 2]",
    "no rule": b'{"id": "bad"}',
    "another rule": msgspec.json.encode(GOOD),
    "no operator": msgspec.json.encode(GOOD).replace(b'"good"', b'"bad"').replace(b'">"', b'"~"'),
    "no pair": msgspec.json.encode(Definition("bad", "corr", "?", ">", 0.5, 1)),
    "empty": b"",
}


@pytest.mark.parametrize("value", BROKEN.values(), ids=BROKEN)
def test_a_kept_rule_that_is_broken_is_told_and_let_go(tmp_path: Path, caplog: pytest.LogCaptureFixture, value: bytes) -> None:
    with started(tmp_path, GOOD) as (_, state):
        state.kept["rule/bad"] = value
    with started(tmp_path) as (found, state):
        assert found.alerts.rules() == [SHOWN]
        assert [(each.what, each.name) for each in found.status.troubles()] == [("store", "rule/bad")]
        assert "rule/bad" not in state.kept
    assert any("let go" in record.message for record in caplog.records)
    with started(tmp_path) as (found, _):
        assert (found.alerts.rules(), found.status.troubles()) == ([SHOWN], [])


def test_symbols_that_are_broken_are_learnt_again(tmp_path: Path) -> None:
    with started(tmp_path) as (_, state):
        state.cache["symbols"] = b"{"
    with started(tmp_path) as (found, state):
        assert found.symbols.supported() == ["A", "B"]
        assert "symbols" not in state.cache


def test_a_rule_that_an_earlier_version_wrote_is_read_under_our_name(tmp_path: Path) -> None:
    with started(tmp_path) as (_, state):
        state.kept["rule/old"] = b'{"id":"old","metric":"correlation","pair":"A-B","op":">","value":0.5,"created_at":1}'
    for _ in range(2):
        with started(tmp_path) as (found, state):
            assert [(rule.id, rule.metric) for rule in found.alerts.rules()] == [("old", "corr")]
            assert b"correlation" not in state.kept["rule/old"]


def test_the_owner_of_a_rule_is_known_after_a_restart(tmp_path: Path) -> None:
    with started(tmp_path) as (found, state):
        state.kept["rule/old"] = b'{"id":"old","metric":"zscore","pair":"A-B","op":">","value":0.5,"created_at":1}'
        found.alerts.add("zscore", "A-B", ">", 1.0, "token:bot")
    for _ in range(2):
        with started(tmp_path) as (found, state):
            assert {rule.owner for rule in found.alerts.rules()} == {None, "token:bot"}


def test_what_became_of_a_rule_is_taken_over_from_where_an_earlier_version_wrote_it(tmp_path: Path) -> None:
    with started(tmp_path) as (_, state):
        state.kept["rule/old"] = (
            b'{"id":"old","metric":"zscore","pair":"A-B","op":">","value":0.5,"created_at":1,"triggered_at":7,"trigger_count":3}'
        )
        state.records.save(Changes({"old": firing_since(7, "old@7")}))
    for _ in range(2):
        with started(tmp_path) as (found, state):
            (rule,) = found.alerts.rules()
            assert (rule.triggered_at, rule.trigger_count) == (7, 3)
            assert state.records.rule_states() == {"old": firing_since(7, "old@7", 7, 3)}
            assert b"trigger" not in state.kept["rule/old"]


APART = [{"name": "apart", "when": "zscore > 2", "every": "1m"}]
BOTH_FIRE, BOTH_RESOLVE = [[(rule, state) for rule in ("apart", "zscore")] for state in ("firing", "resolved")]


def judge(at: Rig, zscore: float) -> list[tuple[str, str]]:
    """A closed bar and a now-cast of A-B with this z-score; the rules that changed, and how."""
    told: list[Alert] = []
    unlisten = at.services.events.listen("alerts", told.extend)
    engine = at.runtime.outputs.alerts
    point = fakes.points(6, pair="A-B")[5]
    point = msgspec.structs.replace(point, zscore=zscore, ts=engine.states.places.get("A-B 1m", point.ts))
    at.runtime.outputs.tell(engine.judge([point]) + engine.judge_now([point]))
    unlisten()
    return [(alert.rule, alert.state) for alert in told]


def table(at: Rig) -> dict[str, RuleState]:
    engine = at.runtime.outputs.alerts
    return {rule.id: engine.states.of(rule.id) for rule in engine.rules}


def test_rules_of_pipelines_and_of_requests_go_on_where_they_were(tmp_path: Path) -> None:
    with rig(tmp_path, alerts=APART) as at:
        made = at.services.alerts.add("zscore", "A-B", ">", 2.0)
        assert [judge(at, zscore) for zscore in (3.0, 1.0, 3.0)] == [BOTH_FIRE, BOTH_RESOLVE, BOTH_FIRE]
        before, shown = table(at), at.services.alerts.rules()
        at.services.alerts.save()
    with rig(tmp_path, alerts=APART) as at:
        assert table(at) == before
        assert {state.trigger_count for state in before.values()} == {2}
        assert at.services.alerts.rules() == shown
        assert [rule.holds for rule in at.services.alerts.pipeline_rules()] == [True]
        assert judge(at, 3.0) == [], "a rule that holds does not fire again"
        assert judge(at, 1.0) == BOTH_RESOLVE
        at.services.alerts.delete(made.id)
    with rig(tmp_path, alerts=APART) as at:
        assert [(rule, state.holds) for rule, state in table(at).items()] == [("A-B/apart", False)]


def test_of_a_rule_that_is_deleted_nothing_is_left(tmp_path: Path) -> None:
    def there(at: Rig) -> list[object]:
        pairs = [pair.name for pair in at.runtime.pairs]
        users = {user for _, user in at.runtime.guards._guards}
        return [
            set(at.state.kept),
            pairs,
            users,
            at.services.symbols.active(),
            dict(at.runtime.outputs.alerts._places._at),
            at.services.alerts.rules(),
        ]

    with rig(tmp_path) as at:
        at.services.learn_symbols(["A", "B", "G", "H"])
        at.services.symbols.hold("somebody", ["G", "H"])
        before, engine = there(at), at.runtime.outputs.alerts
        for _ in range(2):
            made = at.services.alerts.add("zscore", "G-H", ">", 2.0)
            assert (made.triggered_at, made.trigger_count) == (None, 0)
            point = msgspec.structs.replace(fakes.points(6, pair="G-H")[5], zscore=3.0)
            at.runtime.outputs.tell(engine.judge_now([point]))
            at.services.alerts.save()
            assert (at.services.alerts.rules()[0].trigger_count, list(at.state.records.rule_states())) == (1, [made.id])
            assert at.services.alerts.delete(made.id)
            assert there(at) == before
            assert (at.state.records.rule_states(), engine.states.of(made.id)) == ({}, RuleState())
        at.services.symbols.release("somebody")
        assert at.services.symbols.active() == ["A", "B"]


def test_the_states_wait_for_a_disk_that_does_not_take_them(tmp_path: Path) -> None:
    with rig(tmp_path, alerts=APART) as at, closing(sqlite3.connect(tmp_path / "state" / "quantd.db")) as db:
        db.execute("alter table alert_rules rename to hidden")
        judge(at, 3.0)
        at.services.alerts.save()
        assert [trouble.name for trouble in at.services.status.troubles()] == ["alerts"]
        db.execute("alter table hidden rename to alert_rules")
        at.services.alerts.save()
        assert at.services.status.troubles() == []
        assert at.state.records.rule_states() == table(at)


NO_BARS_IN_COMMON = "A-C is not processed: its legs have no bars in common of 1m"


@contextmanager
def started_without_bars_in_common(folder: Path, *rules: Definition) -> Iterator[LiveServices]:
    """The services of a daemon whose pairs A-B and C-D have bars of other timeframes."""
    fast = PIPELINE | {"bars": {"use": "time", "every": ["1s"]}}
    loaded = load({"pairs": [{"A-B": "plain"}, {"C-D": "fast"}], "feeds": {"synthetic": {}}}, {"plain": PIPELINE, "fast": fast}, {})
    clock = EventClock()
    with State.open(folder / "state") as state:
        runtime = build(loaded.config, loaded.registry, clock, folder, lasting=Lasting(Troubles(clock), Losses(), state))
        for rule in rules:
            state.kept[f"rule/{rule.id}"] = msgspec.json.encode(rule)
        yield live_services(runtime, loaded.config, loaded.registry, clock, state, fake_services().pool)


def test_a_rule_on_a_pair_that_cannot_be_processed_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with started_without_bars_in_common(tmp_path) as found:
        with pytest.raises(QuantdError, match=NO_BARS_IN_COMMON):
            found.alerts.add("corr", "A-C", ">", 0.5)
        assert (found.alerts.rules(), found.status.troubles()) == ([], [])


def test_a_stored_rule_on_a_pair_that_cannot_be_processed_any_more_is_reported_until_it_is_deleted(tmp_path: Path) -> None:
    with started_without_bars_in_common(tmp_path, Definition("old", "corr", "A-C", ">", 0.5, 1)) as found:
        [trouble] = found.status.troubles()
        assert (trouble.what, trouble.name, trouble.text) == ("rules", "old", f"is not judged: {NO_BARS_IN_COMMON}")
        assert found.alerts.delete("old")
        assert found.status.troubles() == []


def test_what_fires_although_its_receivers_are_not_known_can_be_acknowledged(tmp_path: Path) -> None:
    fired = msgspec.structs.replace(fakes.alert(1, ts=1), alert_id="kept")
    with started(tmp_path, Definition("kept", "corr", "A-B", ">", 0.5, 1), alerts=[fired]) as (found, _):
        ((rule, known),) = found.alerts._runtime.outputs.dispatcher.firings
        assert (rule, known.alert.id, known.alert.state, known.told, known.lasts) == ("kept", "1", "firing", True, True)
