"""What the daemon takes over from before a restart."""

import logging
from pathlib import Path

import msgspec
import pytest

from quantd.clock import EventClock
from quantd.compose import build
from quantd.config.load import build as load
from quantd.flow.desk import RestRule
from quantd.live import LiveDesk
from quantd.state import State

PIPELINE = {"feed": "synthetic", "bars": {"use": "time", "every": ["1m"]}, "regression": {"use": "ols", "window": 10}}


def recalled(folder: Path, *rules: RestRule) -> list[RestRule]:
    """The rules that a daemon goes on with that finds these."""
    loaded = load({"pairs": [{"A-B": "plain"}], "feeds": {"synthetic": {}}}, {"plain": PIPELINE}, {})
    clock = EventClock()
    runtime = build(loaded.config, loaded.registry, clock, folder)
    with State.open(folder / "state") as state:
        for rule in rules:
            state.kept.set(f"rule/{rule.id}", msgspec.json.encode(rule))
        return LiveDesk(runtime, loaded.config, loaded.registry, clock, state).rules()


def test_a_kept_rule_that_data_cannot_decide_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    good, wrong = RestRule("good", "correlation", "A-B", ">", 0.5, 1), RestRule("wrong", "correlation", "A-B", ">", 1.5, 2)
    with caplog.at_level(logging.WARNING, "quantd.live"):
        assert [rule.id for rule in recalled(tmp_path, good, wrong)] == ["good"]
    (record,) = [record.getMessage() for record in caplog.records if "passed over" in record.getMessage()]
    assert record == (
        "the kept rule A-B correlation > 1.5 is passed over: "
        "correlation > 1.5 is never true: correlation is from -1 to 1; take another threshold"
    )
