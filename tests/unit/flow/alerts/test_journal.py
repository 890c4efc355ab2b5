"""What has fired outlives the daemon."""

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from quantd.clock import EventClock
from quantd.flow.alerts.journal import Journal
from quantd.flow.alerts.table import RuleStates
from quantd.model import Alert
from quantd.rule_state import RuleState
from quantd.state import FIRINGS_KEPT, Records
from quantd.supervision.losses import Losses
from quantd.supervision.troubles import Troubles
from quantd.testing import fakes

TROUBLES = Troubles(EventClock())
FIRING = RuleState("firing", 5, firing="rule 1@5", times=1, triggered_at=5, trigger_count=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "quantd.db"


@pytest.fixture
def records(path: Path) -> Iterator[Records]:
    opened = Records(path, Losses())
    yield opened
    opened.close()


def fired(number: int, ts: int) -> Alert:
    return msgspec.structs.replace(fakes.alert(number, ts=ts, bar=ts - 60_000), alert_id=f"rule {number}")


def test_firings_are_ordered_in_time_across_a_restart(records: Records) -> None:
    before, late, after = fired(1, 5_000), fired(2, 4_000), fired(3, 4_500)
    first = Journal(records, RuleStates(), TROUBLES)
    first.add([before, msgspec.structs.replace(before, state="resolved")])
    first.add([late])
    assert first.fired() == [late, before]
    first.save()
    again = Journal(records, RuleStates(), TROUBLES)
    again.add([after])
    assert again.fired() == [late, after, before]


def test_what_is_cleared_does_not_come_back(records: Records) -> None:
    states = RuleStates()
    journal = Journal(records, states, TROUBLES)
    states.put("rule 1", FIRING)
    journal.add([fired(1, 1_000)])
    journal.save()
    journal.add([fired(2, 2_000)])
    journal.clear()
    assert journal.fired() == []
    journal.save()
    assert Journal(records, RuleStates(), TROUBLES).fired() == []
    assert records.rule_states() == {"rule 1": FIRING}


def test_a_rule_that_is_forgotten_is_not_saved_again_but_its_firing_is(records: Records) -> None:
    states = RuleStates()
    journal = Journal(records, states, TROUBLES)
    states.put("rule 1", FIRING)
    journal.add([fired(1, 1_000)])
    states.forget("rule 1")
    journal.save()
    assert records.rule_states() == {}
    assert Journal(records, RuleStates(), TROUBLES).fired() == [fired(1, 1_000)]


def test_the_latest_thousand_are_kept(records: Records) -> None:
    journal = Journal(records, RuleStates(), TROUBLES)
    made = [fired(number, number) for number in range(FIRINGS_KEPT + 5)]
    journal.add(made)
    journal.save()
    assert journal.fired() == Journal(records, RuleStates(), TROUBLES).fired() == made[5:]


def test_a_disk_that_fails_loses_nothing_once_it_is_back(records: Records, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    states = RuleStates()
    journal = Journal(records, states, TROUBLES)
    states.put("rule 1", FIRING)
    journal.add([fired(1, 1_000)])
    with sqlite3.connect(path) as db:
        db.execute("alter table firings rename to hidden")
        for _ in range(2):
            journal.save()
            assert [trouble.name for trouble in TROUBLES.present()] == ["alerts"]
        db.execute("alter table hidden rename to firings")
    db.close()
    assert [record.levelno for record in caplog.records if "alerts cannot be written" in record.getMessage()] == [logging.ERROR]
    journal.add([fired(2, 2_000)])
    journal.save()
    assert TROUBLES.present() == []
    assert records.rule_states() == {"rule 1": FIRING}
    assert Journal(records, RuleStates(), TROUBLES).fired() == [fired(1, 1_000), fired(2, 2_000)]
