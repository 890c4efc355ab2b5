"""A rule is written back with the keys that its author wrote."""

from quantd.conditions.parse import parse_condition
from quantd.config.rules import Flapping, Rule, Times
from quantd.services.live.rule_keys import keys_of
from quantd.timeframes import MINUTE


def test_each_key_is_written_as_in_yaml() -> None:
    rule = Rule(
        name="stretched",
        when=parse_condition("abs(zscore) > 2"),
        for_=5 * MINUTE,
        until=parse_condition("abs(zscore) < 1"),
        times=Times(3, 5),
        repeat=(MINUTE, 60 * MINUTE),
        expires=1_767_225_600_000,
        labels={"team": "night"},
        flapping=Flapping(10, MINUTE),
    )
    assert keys_of(rule) == {
        "name": "stretched",
        "when": "abs(zscore) > 2",
        "for": "5m",
        "until": "abs(zscore) < 1",
        "times": "3 of 5",
        "repeat": ["1m", "1h"],
        "expires": "2026-01-01T00:00:00.000Z",
        "labels": {"team": "night"},
        "flapping": {"changes": 10, "in": "1m"},
    }


def test_what_is_left_at_its_default_is_not_written() -> None:
    assert keys_of(Rule(name="a", when=parse_condition("corr < 0"))) == {"name": "a", "when": "corr < 0"}
    assert keys_of(Rule(name="a", when=parse_condition("corr < 0"), flapping=False))["flapping"] == "off"
