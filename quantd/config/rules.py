"""Alert rules, which compare a metric of a pair's points with a threshold."""

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct

from quantd.config.shapes import parsed
from quantd.config.texts import Text, Timeframe

Operator = Literal[">", "<", ">=", "<=", "==", "!="]
METRICS = ("zscore", "spread", "spread_mean", "spread_std", "corr", "corr_returns", "beta", "alpha", "y", "x", "coverage")
"""Metrics that a condition can use, besides those of the pipeline's jobs."""
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_FORM = re.compile(rf"(?a)\s*(?:(abs)\s*\(\s*([A-Za-z]\w*)\s*\)|([A-Za-z]\w*))\s*(>=|<=|==|!=|>|<)\s*(?:({_NUMBER})|([A-Za-z]\w*))\s*")


class Condition(Struct, frozen=True):
    """A comparison `metric op value` or `abs(metric) op value`; `state == name` or `state != name` if the metric is a state."""

    metric: str
    op: Operator
    value: float | str
    absolute: bool = False

    def __str__(self) -> str:
        metric = f"abs({self.metric})" if self.absolute else self.metric
        value = self.value if isinstance(self.value, str) else repr(self.value).removesuffix(".0")
        return f"{metric} {self.op} {value}"


def parse_condition(text: str) -> Condition:
    """Return the condition that a text states. Raises ValueError.

    >>> parse_condition("abs(zscore) > 2")
    Condition(metric='zscore', op='>', value=2.0, absolute=True)
    """
    match = _FORM.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a condition: write it like `abs(zscore) > 2`, `corr < 0.5` or `health == broken`")
    absolute, inner, plain, op, number, name = match.groups()
    if name and (absolute or op not in ("==", "!=")):
        raise ValueError(f"{text!r} compares with a name: write it like `health == broken` or `health != healthy`")
    return Condition(inner or plain, op, name or float(number), bool(absolute))  # type: ignore[arg-type]


COVERAGE = 0.9
Coverage = Annotated[float, Meta(ge=0, le=1, description="Share of the bars behind a number that must hold every trade; 0 judges all.")]


class Rule(Struct, frozen=True):
    """A named condition on a pair's points of one timeframe, and the sinks to which its alerts go."""

    name: Text
    when: Annotated[Condition, parsed(parse_condition, {"examples": ["abs(zscore) > 2"]})]
    every: Timeframe = ""
    send: Annotated[tuple[Text, ...], Meta(description="Sinks to which the alerts go.")] = ()
    coverage: Coverage = COVERAGE
    """Share of the bars behind a number, the latest included, that must hold every trade before the number is judged; 0 judges all."""
