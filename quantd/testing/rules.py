"""Fake alert rules for the API."""

from collections.abc import Mapping
from itertools import count
from typing import Any

import msgspec

from quantd.clock import Clock
from quantd.conditions.parse import parse_condition
from quantd.config.rules import Rule
from quantd.errors import ConfigError, Mistake, QuantdError
from quantd.rule_state import RuleState
from quantd.services.rules import KnownRule, Rules


class FakeRules(Rules):
    """Alert rules that are not judged. `mistakes` are what is wrong with the next one, and `refusal` is why it cannot be
    processed, if anything."""

    def __init__(self, clock: Clock) -> None:
        self.known: dict[str, KnownRule] = {}
        self.mistakes: list[Mistake] = []
        self.refusal: QuantdError | None = None
        self.given: dict[str, Any] = {}
        """The keys of the last order."""
        self._clock = clock
        self._numbers = count(1)

    def add(self, given: Mapping[str, Any], owner: str | None = None) -> KnownRule:
        self.given = dict(given)
        if self.mistakes:
            raise ConfigError(self.mistakes)
        if self.refusal:
            raise self.refusal
        rule = Rule(name=given.get("name") or given["when"], when=parse_condition(given["when"]), every=given.get("every") or "1m")
        made = KnownRule(f"written-{next(self._numbers)}", given["of"], "request", rule, RuleState(), None, created_at=self._clock.now())
        self.known[made.id] = msgspec.structs.replace(made, owner=owner)
        return self.known[made.id]

    def all(self) -> list[KnownRule]:
        return list(self.known.values())

    def find(self, rule_id: str) -> KnownRule | None:
        return self.known.get(rule_id)

    def owned(self, owner: str) -> int:
        return sum(rule.owner == owner for rule in self.known.values())

    def delete(self, rule_id: str) -> bool:
        if rule_id not in self.known or self.known[rule_id].origin != "request":
            return False
        return self.known.pop(rule_id) is not None
