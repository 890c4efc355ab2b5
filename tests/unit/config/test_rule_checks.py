"""What is wrong with one rule: its condition, its end, and its keys."""

from typing import Any

import pytest

from quantd.conditions.errors import WrongCondition
from quantd.conditions.parse import parse_condition
from quantd.config.bounds import close_ranges, z_range
from quantd.config.rule_checks import demand_ending, demand_sound, faults
from quantd.config.rules import Flapping, Rule
from quantd.config.subjects import Judging, Subject
from quantd.stats.zscore import ZScore

PAIR = Subject(name="A-B", legs=("A", "B"), ranges=close_ranges(z_range(ZScore(), 10), "raw"))


def rule(when: str, until: str | None = None, **keys: Any) -> Rule:
    return Rule(name="a", when=parse_condition(when), until=parse_condition(until) if until else None, **keys)


@pytest.mark.parametrize(
    ("text", "word", "message"),
    [
        ("corr > 0 and zscore > 3", "zscore > 3", "zscore > 3 is never true: over a window of 10"),
        ("corr > 0 and (zscore > 2 and zscore < 1)", "zscore > 2", "zscore > 2 and zscore < 1 is never true"),
        ("zscore < 0 or corr > 0.5 or corr < 0.6", "corr > 0.5", "corr > 0.5 or corr < 0.6 is always true"),
        ("zscor > 2", "zscor", "no metric 'zscor'"),
        ("zscore inside 2..1", "zscore inside 2..1", "is no channel"),
    ],
)
def test_a_condition_is_wrong_at_its_word(text: str, word: str, message: str) -> None:
    subject = Subject(name="A-B", legs=("A", "B"), ranges=PAIR.ranges, jobs=())
    with pytest.raises(WrongCondition) as caught:
        demand_sound(text, parse_condition(text), Judging("1m"), subject)
    assert text[caught.value.begin : caught.value.end] == word
    assert message in caught.value.message


def test_the_zscore_of_a_tick_has_no_bound() -> None:
    condition = parse_condition("abs(zscore) > 9")
    demand_sound(str(condition), condition, Judging("1m", "tick"), PAIR)


@pytest.mark.parametrize(
    ("when", "until", "ends"),
    [
        ("abs(zscore) > 2", "abs(zscore) < 0.5", True),
        ("abs(zscore) > 2", "zscore inside -1..1", True),
        ("abs(zscore) > 2", "abs(zscore) > 1", False),
        ("zscore > 2", "zscore > 2", False),
        ("zscore > 2 and corr > 0", "zscore > 1", False),
        ("zscore > 1", "zscore > 2", True),
        ("zscore > 2", "corr > 0", True),
        ("zscore crosses above 2", "zscore > 1", False),
        ("zscore > 2", "zscore crosses above 1", True),
    ],
)
def test_a_rule_must_not_fire_and_resolve_for_ever(when: str, until: str, ends: bool) -> None:
    conditions = parse_condition(when), parse_condition(until)
    if ends:
        demand_ending(*conditions, Judging("1m"), PAIR)
    else:
        with pytest.raises(ValueError, match="would fire and resolve for ever"):
            demand_ending(*conditions, Judging("1m"), PAIR)


@pytest.mark.parametrize(
    ("made", "given", "key"),
    [
        (rule("zscore > 2", no_data_for=1_000), {"no_data_for"}, "no_data_for"),
        (rule("zscore > 2", no_data_for=1_000, no_data="fire"), {"no_data_for"}, None),
        (rule("zscore > 2"), set(), None),
        (rule("zscore > 2", repeat=(60_000, 0)), {"repeat"}, "repeat"),
        (rule("zscore > 2", repeat=(60_000, 1_000)), {"repeat"}, None),
        (rule("zscore > 2", flapping=Flapping(within=999)), {"flapping"}, "flapping"),
        (rule("zscore > 2", flapping=False), {"flapping"}, None),
        (rule("zscore > 2", on="tick", late=True), {"late"}, "late"),
        (rule("price > 2", on="tick"), {"every"}, "every"),
        (rule("price > 2", on="tick"), set(), None),
        (rule("price > 2", "move(price, 5) < 1", on="tick"), {"every"}, None),
        (rule("zscore > 2", on="tick"), {"every"}, None),
        (rule("zscore > 2", labels={"desk": "fx"}), {"labels"}, None),
        (rule("zscore > 2", labels={"severity": "page"}), {"labels"}, "labels"),
        (rule("zscore > 2", labels={"pair": "any"}), {"labels"}, "labels"),
        (rule("zscore > 2", labels={"my desk": "fx"}), {"labels"}, "labels"),
    ],
)
def test_keys_that_mean_nothing_together(made: Rule, given: set[str], key: str | None) -> None:
    assert [fault.key for fault in faults(made, frozenset(given))] == ([key] if key else [])
