"""Alert rules in the full grammar, wherever they were written, and their present states."""

from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct

from quantd.config.rules import Origin, Rule
from quantd.model import Metric
from quantd.rule_state import RuleState


class KnownRule(Struct, frozen=True):
    """A rule, and its present state."""

    id: str
    of: str
    """The pair or symbol that it watches."""
    origin: Origin
    rule: Rule
    state: RuleState
    value: Metric = None
    """The present value of the part of its condition that decides; None if there is none."""
    due: int | None = None
    """When its state changes next, unless data change it before; None if it does not."""
    window: int | None = None
    regression: str | None = None
    created_at: int | None = None
    """When it was made, if by request."""
    owner: str | None = None


class Rules(Protocol):
    """All alert rules, and orders to make and delete those made by request."""

    def add(self, given: Mapping[str, Any], owner: str | None = None) -> KnownRule:
        """Make a rule of this owner from the keys of a rule in a config, and `of`, the pair or symbol that it watches. `expires` may also
        be a length of time from now on.

        Raises ConfigError, with every mistake, if a key is wrong, and QuantdError if the pair cannot be processed.
        """
        ...

    def all(self) -> list[KnownRule]:
        """Return every rule: those of pipelines, of quantd.yaml and those made by request."""
        ...

    def find(self, rule_id: str) -> KnownRule | None:
        """Return a rule by its id."""
        ...

    def owned(self, owner: str) -> int:
        """Return the number of rules that an owner has made with `add`."""
        ...

    def delete(self, rule_id: str) -> bool:
        """Delete a rule that `add` has made. Return whether there was one."""
        ...
