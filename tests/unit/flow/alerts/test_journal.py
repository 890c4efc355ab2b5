"""What has fired outlives the daemon."""

from msgspec.structs import replace

from quantd.clock import EventClock
from quantd.flow.alerts.journal import Journal
from quantd.flow.alerts.keeper import Keeper
from quantd.flow.alerts.table import RuleStates
from quantd.model import Alert
from quantd.rule_state import RuleState
from quantd.state import FIRINGS_KEPT, Records
from quantd.supervision.troubles import Troubles
from quantd.testing import fakes

TROUBLES = Troubles(EventClock())
FIRING = RuleState("firing", 5, firing="rule 1@5", times=1, triggered_at=5, trigger_count=1)


def fired(number: int, ts: int) -> Alert:
    return replace(fakes.alert(number, ts=ts, bar=ts - 60_000), alert_id=f"rule {number}")


def keeper(records: Records, states: RuleStates | None = None) -> Keeper:
    return Keeper(records, states or RuleStates(), TROUBLES)


def test_firings_are_ordered_in_time_across_a_restart(records: Records) -> None:
    before, late, after = fired(1, 5_000), fired(2, 4_000), fired(3, 4_500)
    kept = keeper(records)
    first = Journal(kept)
    first.add([before, replace(before, state="resolved"), replace(before, repeat=1)])
    first.add([late])
    assert first.fired() == [late, before]
    kept.save()
    again = Journal(keeper(records))
    again.add([after])
    assert again.fired() == [late, after, before]


def test_what_is_cleared_does_not_come_back(records: Records) -> None:
    states = RuleStates()
    kept = keeper(records, states)
    journal = Journal(kept)
    states.put("rule 1", FIRING)
    journal.add([fired(1, 1_000)])
    kept.save()
    journal.add([fired(2, 2_000)])
    journal.clear()
    journal.add([fired(3, 3_000)])
    assert journal.fired() == [fired(3, 3_000)]
    kept.save()
    assert Journal(keeper(records)).fired() == [fired(3, 3_000)]
    assert records.rule_states() == {"rule 1": FIRING}


def test_a_rule_that_is_forgotten_is_not_saved_again_but_its_firing_is(records: Records) -> None:
    states = RuleStates()
    kept = keeper(records, states)
    states.put("rule 1", FIRING)
    Journal(kept).add([fired(1, 1_000)])
    states.forget("rule 1")
    kept.save()
    assert records.rule_states() == {}
    assert Journal(keeper(records)).fired() == [fired(1, 1_000)]


def test_the_latest_thousand_are_kept(records: Records) -> None:
    kept = keeper(records)
    journal = Journal(kept)
    made = [fired(number, number) for number in range(FIRINGS_KEPT + 5)]
    journal.add(made)
    kept.save()
    assert journal.fired() == Journal(keeper(records)).fired() == made[5:]
