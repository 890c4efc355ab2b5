"""Stores the definitions of the alert rules that the contract knows: a metric, a pair, an operator and a value."""

import logging
from collections.abc import Iterator, MutableMapping
from functools import partial

from msgspec import Struct

from quantd.blobs import recalled
from quantd.conditions.model import Compare, Operator, Term
from quantd.config.bounds import LIVE, mistake
from quantd.config.texts import as_legs, as_symbol
from quantd.services.live.book import Book
from quantd.supervision.troubles import Troubles

_PREFIX = "rule/"
_LOST = "an alert rule that was made by request is broken and lost: compare GET /alerts with what you have made"
_EARLIER_METRICS = {"correlation": "corr"}
"""Names of metrics that earlier versions wrote, and their present names."""
_log = logging.getLogger("quantd.alerts")


class Definition(Struct, frozen=True):
    """An alert rule made by request, as its maker defined it; see `RestRule`."""

    id: str
    metric: str
    pair: str
    op: Operator
    value: float
    created_at: int
    owner: str | None = None
    """Who made it; None for rules of earlier versions."""

    @property
    def when(self) -> Compare:
        """The condition of the rule."""
        return Compare(Term(self.metric), self.op, self.value)


class Stored(Definition, frozen=True):
    """A rule as found on disk. Earlier versions wrote its state beside its definition."""

    triggered_at: int | None = None
    trigger_count: int = 0

    @property
    def definition(self) -> Definition:
        """The definition alone, with present names."""
        metric = _EARLIER_METRICS.get(self.metric, self.metric)
        return Definition(self.id, metric, self.pair, self.op, self.value, self.created_at, self.owner)


class RuleBook(Book[Definition]):
    """Definitions by id, oldest first."""

    def __init__(self, kept: MutableMapping[str, bytes], troubles: Troubles) -> None:
        super().__init__(kept, troubles, _PREFIX)

    def recall(self) -> list[Stored]:
        """Read the rules of earlier runs into the book. A rule that no data can decide is skipped with a warning; a broken one is deleted
        and reported."""
        found = sorted(self._stored(), key=lambda rule: rule.created_at)
        good = [rule for rule in found if _is_decidable(rule.definition)]
        self._entries |= {rule.id: rule.definition for rule in good}
        self._unsaved.update(rule.id for rule in good if rule.trigger_count or rule.metric in _EARLIER_METRICS)
        return good

    def _stored(self) -> Iterator[Stored]:
        for key in [key for key in self._kept if key.startswith(_PREFIX)]:
            rule = recalled(self._kept, key, Stored, partial(_check, key.removeprefix(_PREFIX)))
            if rule is None:
                self._troubles.begin("store", key, _LOST)
            else:
                yield rule


def _check(rule_id: str, rule: Stored) -> None:
    """Raise ValueError for JSON that has the fields of a rule and cannot be judged."""
    if rule.id != rule_id:
        raise ValueError(f"it is another rule, {rule.id}")
    if rule.metric == "price":
        as_symbol(rule.pair)
    else:
        as_legs(rule.pair)


def _is_decidable(rule: Definition) -> bool:
    text = mistake(rule.when, LIVE)
    if text:
        _log.warning("the kept rule %s %s %s %g is passed over: %s", rule.pair, rule.metric, rule.op, rule.value, text)
    return text is None
