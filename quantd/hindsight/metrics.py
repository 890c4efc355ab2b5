"""Checks that a rule over the past can be judged at all: that its words mean something, and that the points have its metrics."""

from collections.abc import Sequence

from quantd.conditions.model import clauses
from quantd.config.bounds import ANYTHING, close_ranges
from quantd.config.rule_checks import demand_sound
from quantd.config.rules import METRICS, Rule
from quantd.config.subjects import Judging, Subject
from quantd.errors import close_to
from quantd.flow.alerts.rule import AlertRule
from quantd.model import PairPoint


def demand_meaning(text: str, rule: Rule, of: str) -> None:
    """Raise WrongCondition, at the word, unless a condition means something for a pair or symbol. `text` states the condition.

    Which metrics jobs have computed, and the bounds that a pipeline sets, are not known here.
    """
    subject = Subject(name=of, legs=tuple(of.split("-")), ranges=close_ranges(ANYTHING, "log"))
    demand_sound(text, rule.when, Judging(rule.every, rule.on, rule.coverage), subject)


def demand_recorded(rule: AlertRule, points: Sequence[PairPoint]) -> None:
    """Raise ValueError if a metric of a rule on a pair is in none of the points: the rule would seem to be calm."""
    conditions = [each for each in (rule.rule.when, rule.rule.until) if each is not None]
    terms = [clause.term for condition in conditions for clause in clauses(condition)]
    for metric in [term.metric for term in terms if not term.of and term.metric not in METRICS]:
        if not any(metric in point.metrics for point in points):
            known = [*METRICS, *dict.fromkeys(name for point in points for name in point.metrics)]
            hint = f" (did you mean {meant!r}?)" if (meant := close_to(metric, known)) else ""
            raise ValueError(f"no point of {rule.on} {rule.rule.every} has a metric {metric!r}; there is {', '.join(known)}{hint}")
