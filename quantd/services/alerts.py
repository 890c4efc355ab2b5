"""Alert rules and firings."""

from typing import Protocol

from msgspec import Struct

from quantd.conditions.model import Operator
from quantd.model import Alert


class RestRule(Struct, frozen=True):
    """An alert rule made by request, and its present state."""

    id: str
    metric: str
    """One of zscore, spread, corr, corr_returns and price."""
    pair: str
    op: Operator
    value: float
    created_at: int
    triggered_at: int | None = None
    trigger_count: int = 0
    owner: str | None = None
    """Key of the caller who made it; None for a rule of an earlier version."""


class PipelineRule(Struct, frozen=True):
    """An alert rule of a pipeline, on one pair."""

    pair: str
    name: str
    condition: str
    holds: bool


class Alerts(Protocol):
    """Rules made by request, rules of pipelines, and the latest firings."""

    def add(self, metric: str, pair: str, op: Operator, value: float, owner: str | None = None) -> RestRule:
        """Make a rule of this owner. A rule whose condition is already true fires at once. `pair` is Y-X, or a symbol for `price`.
        Raises QuantdError, without any change, if the pair cannot be processed: its legs have no bars in common."""
        ...

    def rules(self) -> list[RestRule]:
        """Return the rules made by request, oldest first."""
        ...

    def delete(self, rule_id: str) -> bool:
        """Delete a rule made by request. Return whether there was one."""
        ...

    def pipeline_rules(self) -> list[PipelineRule]:
        """Return the rules of pipelines."""
        ...

    def fired(self) -> list[Alert]:
        """Return the latest firings, ordered by time. They survive a restart."""
        ...

    def clear_fired(self) -> None:
        """Delete the latest firings. The rules stay."""
        ...
