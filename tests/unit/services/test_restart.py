"""What the daemon takes over from before a restart."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from quantd.clock import EventClock
from quantd.config.load import build as load
from quantd.model import Alert
from quantd.runtime.build import build
from quantd.services.alerts import RestRule
from quantd.services.live.bundle import LiveServices, live_services
from quantd.state import State
from quantd.testing import fakes
from quantd.testing.services import fake_services

PIPELINE = {"feed": "synthetic", "bars": {"use": "time", "every": ["1m"]}, "regression": {"use": "ols", "window": 10}}


@contextmanager
def started(folder: Path, *rules: RestRule, alerts: Sequence[Alert] = ()) -> Iterator[tuple[LiveServices, State]]:
    """The services of a daemon that finds these."""
    loaded = load({"pairs": [{"A-B": "plain"}], "feeds": {"synthetic": {}}}, {"plain": PIPELINE}, {})
    clock = EventClock()
    runtime = build(loaded.config, loaded.registry, clock, folder)
    with State.open(folder / "state") as state:
        for rule in rules:
            state.kept[f"rule/{rule.id}"] = msgspec.json.encode(rule)
        state.records.save_alerts(alerts, alerts)
        yield live_services(runtime, loaded.config, loaded.registry, clock, state, fake_services().pool), state


def recalled(folder: Path, *rules: RestRule) -> list[RestRule]:
    """The rules that a daemon goes on with that finds these."""
    with started(folder, *rules) as (found, _):
        return found.alerts.rules()


def test_firings_and_the_states_of_rules_outlive_the_daemon_but_not_the_rule(tmp_path: Path) -> None:
    fired, gone = (
        msgspec.structs.replace(fakes.alert(number, ts=number), alert_id=name) for number, name in ((1, "kept"), (2, "A-B/gone"))
    )
    kept = RestRule("kept", "corr", "A-B", ">", 0.5, 1)
    with started(tmp_path, kept, alerts=[fired, gone]) as (found, state):
        assert found.alerts.fired() == [fired, gone]
        assert [record.alert_id for record in state.records.firing()] == ["kept"]
        found.alerts.delete("kept")
        assert state.records.firing() == []
        found.alerts.clear_fired()
    with started(tmp_path) as (found, _):
        assert found.alerts.fired() == []


def test_a_kept_rule_that_data_cannot_decide_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    good, wrong = RestRule("good", "corr", "A-B", ">", 0.5, 1), RestRule("wrong", "corr", "A-B", ">", 1.5, 2)
    with caplog.at_level(logging.WARNING, "quantd.live"):
        assert [rule.id for rule in recalled(tmp_path, good, wrong)] == ["good"]
    (record,) = [record.getMessage() for record in caplog.records if "passed over" in record.getMessage()]
    assert record == ("the kept rule A-B corr > 1.5 is passed over: corr > 1.5 is never true: corr is from -1 to 1; take another threshold")


GOOD = RestRule("good", "corr", "A-B", ">", 0.5, 1)
BROKEN = {
    "no JSON": b"\x80\x00",
    "no text": b'"\xff\xfe"',
    "another JSON": b"[1, 2]",
    "no rule": b'{"id": "bad"}',
    "another rule": msgspec.json.encode(GOOD),
    "no operator": msgspec.json.encode(RestRule("bad", "corr", "A-B", "~", 0.5, 1)),
    "no pair": msgspec.json.encode(RestRule("bad", "corr", "?", ">", 0.5, 1)),
    "empty": b"",
}


@pytest.mark.parametrize("value", BROKEN.values(), ids=BROKEN)
def test_a_kept_rule_that_is_broken_is_told_and_let_go(tmp_path: Path, caplog: pytest.LogCaptureFixture, value: bytes) -> None:
    with started(tmp_path, GOOD) as (_, state):
        state.kept["rule/bad"] = value
    with started(tmp_path) as (found, state):
        assert found.alerts.rules() == [GOOD]
        assert [(each.what, each.name) for each in found.status.troubles()] == [("store", "rule/bad")]
        assert "rule/bad" not in state.kept
    assert any("let go" in record.message for record in caplog.records)
    with started(tmp_path) as (found, _):
        assert (found.alerts.rules(), found.status.troubles()) == ([GOOD], [])


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
