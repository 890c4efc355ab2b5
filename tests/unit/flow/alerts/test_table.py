"""The table of states knows what has to be written, and lets go of rules that are no more."""

from quantd.flow.alerts.table import RuleStates
from quantd.rule_state import RuleState

FIRING, RESOLVED = RuleState("firing", 5, firing="rule@5"), RuleState(firing="rule@5", ended=6)


def test_what_has_changed_is_unsaved_until_it_is_saved() -> None:
    states = RuleStates()
    states.put("one", FIRING)
    states.put("one", RESOLVED)
    states.put("two", FIRING)
    states.forget("two")
    states.forget("never there")
    assert states.unsaved == {"one": RESOLVED, "two": None}
    states.saved()
    assert states.unsaved == {}
    assert (states.of("one"), states.of("two")) == (RESOLVED, RuleState())


def test_of_what_an_earlier_run_has_stored_the_states_of_rules_that_are_no_more_are_forgotten() -> None:
    states = RuleStates()
    states.restore({"one": FIRING, "gone": RESOLVED}, ["one", "new"])
    assert [states.of(rule) for rule in ("one", "gone", "new")] == [FIRING, RuleState(), RuleState()]
    assert states.unsaved == {"gone": None}
