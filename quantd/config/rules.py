"""Alert rules: a metric of a pair's points against a threshold."""

import re
from typing import Literal

from msgspec import Struct

Operator = Literal[">", "<", ">=", "<=", "=="]
METRICS = ("zscore", "spread", "corr", "beta", "alpha", "y", "x", "coverage")
"""What a condition can speak of, besides the metrics of the pipeline's jobs."""
_FORM = re.compile(r"(?a)\s*(?:(abs)\s*\(\s*(\w+)\s*\)|(\w+))\s*(>=|<=|==|>|<)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")


class Condition(Struct, frozen=True):
    """`metric op value`, or `abs(metric) op value`."""

    metric: str
    op: Operator
    value: float
    absolute: bool = False

    def __str__(self) -> str:
        metric = f"abs({self.metric})" if self.absolute else self.metric
        return f"{metric} {self.op} {repr(self.value).removesuffix('.0')}"


class Rule(Struct, frozen=True):
    """A named condition on a pair's points of one timeframe, and the sinks that are told."""

    name: str
    when: Condition
    every: str
    send: tuple[str, ...] = ()


def parse_condition(text: str) -> Condition:
    """Raises ValueError.

    >>> parse_condition("abs(zscore) > 2")
    Condition(metric='zscore', op='>', value=2.0, absolute=True)
    """
    match = _FORM.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a condition: write it like `abs(zscore) > 2` or `corr < 0.5`")
    absolute, inner, plain, op, value = match.groups()
    return Condition(inner or plain, op, float(value), bool(absolute))  # type: ignore[arg-type]
