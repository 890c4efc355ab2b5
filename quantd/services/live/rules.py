"""All alert rules of a running flow, in the full grammar."""

import uuid
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from quantd.clock import Clock
from quantd.errors import ConfigError, Mistake, QuantdError
from quantd.flow.alerts.rule import AlertRule, of_config
from quantd.flow.alerts.state import due
from quantd.runtime.runtime import Runtime
from quantd.services.live.rule_analyses import RuleAnalyses
from quantd.services.live.rule_holds import RuleHolds
from quantd.services.live.rule_reader import ReadRule, RuleReader, with_end
from quantd.services.live.rule_values import RuleValues
from quantd.services.live.written_rules import WrittenRule, WrittenRules
from quantd.services.rules import KnownRule, Rules
from quantd.state import State
from quantd.times import iso

_EXPIRED_KEPT = 60_000
"""For how long (ms) a rule that has expired is kept, so that its firing can end."""


class LiveRules(Rules):
    """Judges the rules that requests have written with the engine of a runtime, and stores them in `state`."""

    def __init__(self, runtime: Runtime, reader: RuleReader, holds: RuleHolds, analyses: RuleAnalyses, clock: Clock, state: State) -> None:
        self._runtime = runtime
        self._reader = reader
        self._holds = holds
        self._analyses = analyses
        self._clock = clock
        self._engine = runtime.outputs.alerts
        self._troubles = runtime.outputs.troubles
        self._values = RuleValues(runtime, analyses)
        self._book = WrittenRules(state.kept, self._troubles)
        for read in reader.with_own():
            self._begin_of_config(read)
        for rule in self._book.recall():
            self._begin_again(rule)

    def add(self, given: Mapping[str, Any], owner: str | None = None) -> KnownRule:
        now = self._clock.now()
        keys = with_end(given, now)
        read = self._reader.read(keys)
        if read.rule.expires is not None and read.rule.expires <= now:
            raise ConfigError([Mistake("rule", 0, 0, "expires", f"{iso(read.rule.expires)} is over: take a time to come")])
        self._holds.demand_supported(read.rule.of)
        made = WrittenRule(str(uuid.uuid4()), keys | {"of": read.rule.of}, now, owner)
        self._holds.begin(made.id, made.of)
        self._book.put(made)
        self._begin(made, read)
        return self._known(self._judged(made.id))

    def all(self) -> list[KnownRule]:
        return [self._known(rule) for rule in self._engine.rules]

    def find(self, rule_id: str) -> KnownRule | None:
        return next((rule for rule in self.all() if rule.id == rule_id), None)

    def delete(self, rule_id: str) -> bool:
        if self._book.drop(rule_id) is None:
            return False
        self._runtime.drop_rule(rule_id)
        self._analyses.drop(rule_id)
        self._troubles.end("rules", rule_id)
        self._holds.release(rule_id)
        return True

    def owned(self, owner: str) -> int:
        return sum(rule.owner == owner for rule in self._book.all())

    def save(self) -> None:
        """Write what has changed since the last call to disk, and delete the rules that have expired."""
        now = self._clock.now()
        for rule in self._engine.rules:
            if rule.rule.expires is not None and rule.rule.expires + _EXPIRED_KEPT < now:
                self.delete(rule.id)
        self._book.save()

    def hold_all(self) -> None:
        """Subscribe to what every rule watches and is supported by now."""
        for rule in self._book.all():
            self._begin_again(rule)

    def _begin_again(self, made: WrittenRule) -> None:
        """Go on with a rule that was made earlier. A config that has changed since may not allow it: this is reported."""
        try:
            read = self._reader.read(made.keys)
            self._holds.hold(made.id, made.of)
        except QuantdError as error:
            self._troubles.begin("rules", made.id, f"is not judged: {error}")
            return
        self._troubles.end("rules", made.id)
        if made.id not in self._ids():
            self._begin(made, read)

    def _begin_of_config(self, read: ReadRule) -> None:
        made = of_config(read.rule, read.rule.of)
        assert read.question is not None
        self._runtime.add_rule(replace(made, analysis=self._analyses.put(made.id, read.question)))

    def _begin(self, made: WrittenRule, read: ReadRule) -> None:
        rule = read.rule
        text = f"{rule.of} {rule.every} {rule.name}: {rule.when}"
        analysis = self._analyses.put(made.id, read.question) if read.question else ""
        self._runtime.add_rule(AlertRule(made.id, rule, made.of, text, analysis=analysis))

    def _ids(self) -> set[str]:
        return {rule.id for rule in self._engine.rules}

    def _judged(self, rule_id: str) -> AlertRule:
        return next(rule for rule in self._engine.rules if rule.id == rule_id)

    def _known(self, rule: AlertRule) -> KnownRule:
        made, state = self._book.get(rule.id), self._engine.states.of(rule.id)
        return KnownRule(
            id=rule.id,
            of=rule.on,
            origin=rule.origin,
            rule=rule.rule,
            state=state,
            value=self._values.of(rule),
            due=due(rule, state),
            window=getattr(rule.rule, "window", None),
            regression=getattr(rule.rule, "regression", None),
            created_at=made.created_at if made else None,
            owner=made.owner if made else None,
        )
