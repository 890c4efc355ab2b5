"""Fake alert rules for the API."""

from collections.abc import Mapping
from itertools import count
from typing import Any

from msgspec.structs import replace

from quantd.clock import Clock
from quantd.config.load import as_node
from quantd.config.reader import Reader
from quantd.config.rules import WatchedRule
from quantd.config.sections import read_section
from quantd.errors import ConfigError, Mistake, QuantdError
from quantd.plugin.registry import Registry
from quantd.rule_state import RuleState
from quantd.services.live.rule_reader import named, with_end
from quantd.services.rules import KnownRule, Rules


class FakeRules(Rules):
    """Alert rules that are not judged, nor checked against a config. `mistakes` are what is wrong with the next one, and
    `refusal` is why it cannot be processed, if anything."""

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
        reader = Reader(Registry())
        rule: WatchedRule | None = read_section(reader, as_node(named(with_end(given, self._clock.now()))), "", WatchedRule).value
        if reader.mistakes or rule is None:
            raise ConfigError(reader.mistakes)
        every, rule_id = rule.every or "1m", f"written-{next(self._numbers)}"
        made = KnownRule(rule_id, rule.of, "request", replace(rule, every=every), RuleState(), created_at=self._clock.now())
        self.known[made.id] = replace(made, owner=owner)
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
