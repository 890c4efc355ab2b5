"""Stores the alert rules that requests have written in the words of a config."""

from collections.abc import MutableMapping
from functools import partial
from typing import Any

from msgspec import Struct

from quantd.blobs import recalled
from quantd.services.live.book import Book
from quantd.supervision.troubles import Troubles

_PREFIX = "written/"
_LOST = "an alert rule that was made by request is broken and lost: compare `quantd alerts list` with what you have made"


class WrittenRule(Struct, frozen=True):
    """A rule as its maker wrote it. Its keys are read again at each start, against the config of then."""

    id: str
    keys: dict[str, Any]
    created_at: int
    owner: str | None = None

    @property
    def of(self) -> str:
        """The pair or symbol that it watches."""
        return str(self.keys["of"]).upper()


class WrittenRules(Book[WrittenRule]):
    """Written rules by id, oldest first."""

    def __init__(self, kept: MutableMapping[str, bytes], troubles: Troubles) -> None:
        super().__init__(kept, troubles, _PREFIX)

    def recall(self) -> list[WrittenRule]:
        """Read the rules of earlier runs into the book. A broken one is deleted and reported."""
        found = []
        for key in [key for key in self._kept if key.startswith(_PREFIX)]:
            rule = recalled(self._kept, key, WrittenRule, partial(_check, key.removeprefix(_PREFIX)))
            if rule is None:
                self._troubles.begin("store", key, _LOST)
            else:
                found.append(rule)
        self._entries |= {rule.id: rule for rule in sorted(found, key=lambda rule: rule.created_at)}
        return self.all()


def _check(rule_id: str, rule: WrittenRule) -> None:
    """Raise ValueError for JSON that has the fields of a rule and is none."""
    if rule.id != rule_id:
        raise ValueError(f"it is another rule, {rule.id}")
    if not isinstance(rule.keys.get("of"), str):
        raise ValueError("it does not say what it watches")
