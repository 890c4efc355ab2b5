"""Alert rules, and what has fired."""

from typing import Protocol

from msgspec import Struct

from quantd.config.rules import Operator
from quantd.model import Alert


class RestRule(Struct, frozen=True):
    """An alert rule made by request, and what became of it."""

    id: str
    metric: str
    """zscore, spread, corr, corr_returns or price."""
    pair: str
    op: Operator
    value: float
    created_at: int
    triggered_at: int | None = None
    trigger_count: int = 0


class PipelineRule(Struct, frozen=True):
    """An alert rule of a pipeline, on one pair."""

    pair: str
    name: str
    condition: str
    holds: bool


class Alerts(Protocol):
    """Rules made by request, rules of pipelines, and the latest firings."""

    def add(self, metric: str, pair: str, op: Operator, value: float) -> RestRule:
        """Make a rule; one that is true already fires at once. `pair` is Y-X, or a symbol for `price`."""
        ...

    def rules(self) -> list[RestRule]:
        """The rules made by request, oldest first."""
        ...

    def delete(self, rule_id: str) -> bool:
        """Delete a rule made by request. Returns whether there was one."""
        ...

    def pipeline_rules(self) -> list[PipelineRule]:
        """The rules of pipelines."""
        ...

    def fired(self) -> list[Alert]:
        """The latest firings, by their time; a restart keeps them."""
        ...

    def clear_fired(self) -> None:
        """Forget the latest firings; the rules stay."""
        ...
