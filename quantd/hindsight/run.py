"""Judges a rule over its course, with the engine that judges live rules, in event time."""

from collections.abc import Sequence

from msgspec.structs import replace

from quantd.config.rules import Moments, Rule
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.rule import AlertRule
from quantd.flow.alerts.told import Told
from quantd.hindsight.course import Course, extreme, time_to_revert
from quantd.hindsight.model import End, Firing
from quantd.model import Alert, Bar, PairPoint

OTHER_END: dict[str, End] = {"resolved": "resolved", "withdrawn": "withdrawn"}


def of_the_past(rule: AlertRule, on: Moments = "close") -> AlertRule:
    """Return the rule as it is judged over the past: each firing is told once, however many there are, and to no sink."""
    past: Rule = replace(rule.rule, on=on, repeat=(), flapping=False, expires=None, send=())
    return replace(rule, rule=past)


def told(found: Course) -> list[Alert]:
    """Return the alerts of a rule over its course. Rows are judged in their last form, whatever they were when they closed."""
    engine = AlertEngine(None, found.history)
    engine.put(found.rule)
    return [alert for row in found.rows for alert, _ in _judged(engine, replace(row, revision=0))]


def _judged(engine: AlertEngine, row: PairPoint | Bar) -> list[Told]:
    return engine.judge([row]) if isinstance(row, PairPoint) else engine.judge_bars([row])


def firings(found: Course, alerts: Sequence[Alert]) -> tuple[Firing, ...]:
    """Return the firings that alerts tell of, oldest first."""
    begun: dict[str, Alert] = {}
    ended: dict[str, Alert] = {}
    for alert in alerts:
        if alert.state == "firing":
            begun.setdefault(alert.id, alert)
        elif alert.state in OTHER_END:
            ended[alert.id] = alert
    return tuple(_firing(found, alert, ended.get(alert.id)) for alert in begun.values())


def _firing(found: Course, alert: Alert, end: Alert | None) -> Firing:
    until = end.ts if end else max(found.ends[-1], alert.ts)
    half, mean = time_to_revert(found, alert.ts)
    highest = extreme(found.clause, [found.values[at] for at in found.stretch(alert.since, until)])
    return Firing(
        since=alert.since,
        fired=alert.ts,
        ended=end.ts if end else None,
        end=OTHER_END[end.state] if end else "open",
        lasted=until - alert.ts,
        value=alert.value,
        extreme=alert.value if highest is None else highest,
        half=half,
        mean=mean,
    )
