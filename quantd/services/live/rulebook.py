"""The alert rules made by request: in memory, and on disk, what the disk does not take at once with a later `save`."""

import logging
from collections.abc import Iterable, Iterator, MutableMapping
from typing import get_args

import msgspec

from quantd.blobs import recalled
from quantd.config.bounds import LIVE, mistake
from quantd.config.rules import Condition, Operator
from quantd.config.texts import as_legs, as_symbol
from quantd.services.alerts import RestRule
from quantd.state import tried_again
from quantd.supervision.troubles import Troubles

_PREFIX = "rule/"
_LOST = "an alert rule that was made by request is broken and lost: compare GET /alerts with what you have made"
_EARLIER_METRICS = {"correlation": "corr"}
"""What earlier versions wrote, and its name now."""
_log = logging.getLogger("quantd.alerts")


class RuleBook:
    """Rules by id, oldest first."""

    def __init__(self, kept: MutableMapping[str, bytes], troubles: Troubles) -> None:
        self._kept = kept
        self._troubles = troubles
        self._rules: dict[str, RestRule] = {}
        self._unsaved: set[str] = set()
        """The ids of those that are new, changed or dropped since they were last saved."""

    def recall(self) -> list[RestRule]:
        """The rules of earlier runs, which are in the book from now on. One that data cannot decide is passed over, and told of; one that
        is broken is let go."""
        for rule in sorted(self._kept_rules(), key=lambda rule: rule.created_at):
            if text := mistake(Condition(rule.metric, rule.op, rule.value), LIVE):  # type: ignore[arg-type]
                _log.warning("the kept rule %s %s %s %g is passed over: %s", rule.pair, rule.metric, rule.op, rule.value, text)
            else:
                self._rules[rule.id] = rule
        return self.all()

    def _kept_rules(self) -> Iterator[RestRule]:
        for key in [key for key in self._kept if key.startswith(_PREFIX)]:
            rule = recalled(self._kept, key, RestRule)
            if rule is None:
                self._troubles.begin("store", key, _LOST)
            elif rule.id != key.removeprefix(_PREFIX) or not _is_rule(rule):
                self._let_go(key, f"it is no rule: {rule}")
            else:
                yield self._renamed(rule)

    def _renamed(self, rule: RestRule) -> RestRule:
        """The rule with the metric's present name; it is written with the next `save`."""
        if rule.metric not in _EARLIER_METRICS:
            return rule
        self.touch([rule.id])
        return msgspec.structs.replace(rule, metric=_EARLIER_METRICS[rule.metric])

    def all(self) -> list[RestRule]:
        """Every rule."""
        return list(self._rules.values())

    def get(self, rule_id: str) -> RestRule | None:
        """The rule of this id, if there is one."""
        return self._rules.get(rule_id)

    def put(self, rule: RestRule) -> None:
        """Have a rule from now on."""
        self._rules[rule.id] = rule
        self.touch([rule.id])
        self.save()

    def drop(self, rule_id: str) -> RestRule | None:
        """Have a rule no more; the one that it was."""
        rule = self._rules.pop(rule_id, None)
        if rule:
            self.touch([rule_id])
            self.save()
        return rule

    def _let_go(self, key: str, why: str) -> None:
        self.touch([key.removeprefix(_PREFIX)])
        _log.error("what was kept as %s is broken, and is let go: %s", key, why)
        self._troubles.begin("store", key, _LOST)

    def touch(self, rule_ids: Iterable[str]) -> None:
        """These have changed: they are written with the next `save`."""
        self._unsaved.update(rule_ids)

    def save(self) -> None:
        """Put on disk what has changed. Never raises for the disk's sake: it is tried again with the next call."""
        if not self._unsaved:
            return
        with tried_again(self._troubles, "alert rules"):
            for rule_id in list(self._unsaved):
                self._write(rule_id)
                self._unsaved.discard(rule_id)

    def _write(self, rule_id: str) -> None:
        if rule := self._rules.get(rule_id):
            self._kept[_PREFIX + rule_id] = msgspec.json.encode(rule)
        else:
            self._kept.pop(_PREFIX + rule_id, None)


def _is_rule(rule: RestRule) -> bool:
    """Whether it can be judged: what is kept may be JSON of the right fields, and no rule."""
    try:
        return rule.op in get_args(Operator) and bool(as_symbol(rule.pair) if rule.metric == "price" else as_legs(rule.pair))
    except ValueError:
        return False
