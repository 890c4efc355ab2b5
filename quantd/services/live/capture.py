"""Takes down what a rule saw when it fired. It reads memory only, since it runs on the loop."""

from msgspec.structs import replace

from quantd.conditions.model import clauses
from quantd.flow.alerts.rule import AlertRule, values_of
from quantd.history.history import History
from quantd.model import Alert, Bar, PairPoint
from quantd.services.explain import Explanation, Judged
from quantd.services.live.curves import curve
from quantd.services.live.rule_keys import keys_of
from quantd.times import FOR_EVER

TICKS = 10
"""Number of trades of each symbol."""


def captured(alert: Alert, rule: AlertRule, history: History, config: str) -> Explanation:
    """Return the inputs of a firing that has just come about."""
    point, bar = _point(alert, rule, history), _bar(alert, rule, history)
    return Explanation(
        firing=alert,
        rule=keys_of(rule.rule),
        clauses=_judged(alert, rule, point),
        point=point,
        bar=bar,
        ticks={symbol: tuple(history.ticks(symbol, limit=TICKS)) for symbol in rule.on.split("-")},
        config=config,
        curve=curve(rule, history, alert.ts, FOR_EVER),
    )


def followed(known: Explanation, rule: AlertRule, history: History) -> Explanation:
    """Return an explanation with the values that have come since, up to the end of the firing."""
    until = FOR_EVER if known.ended is None else known.ended
    later = curve(rule, history, known.firing.ts, until)
    if not later.ts or (known.curve.ts and later.ts[0] > known.curve.ts[-1]):
        return known  # what lies between has left the memory
    kept = [at for at, ts in enumerate(known.curve.ts) if ts < later.ts[0]]
    ts, values = (
        [*(column[at] for at in kept), *more] for column, more in ((known.curve.ts, later.ts), (known.curve.values, later.values))
    )
    return replace(known, curve=replace(later, ts=ts, values=values))


def _judged(alert: Alert, rule: AlertRule, point: PairPoint | None) -> tuple[Judged, ...]:
    """Return the clauses with their values; of the clause that has decided, the value of the alert."""
    found: list[Judged] = []
    for clause in clauses(rule.rule.when):
        decided = clause.term.metric == alert.metric and not any(each.value is alert.value for each in found)
        value = alert.value if decided else values_of(point)(clause.term) if point and not clause.term.of else None
        found.append(Judged(str(clause), value))
    return tuple(found)


def _point(alert: Alert, rule: AlertRule, history: History) -> PairPoint | None:
    """Return the judged point; for a rule between closes, that of the last closed bar."""
    if "-" not in rule.on:
        return None
    ts = alert.bar
    if ts is None:
        (ts,) = history.newest_points(rule.rule.every, [rule.watched]).tolist()
    point = history.recent_point(rule.watched, rule.rule.every, ts) if ts is not None and ts >= 0 else None
    return replace(point, state=None) if point else None


def _bar(alert: Alert, rule: AlertRule, history: History) -> Bar | None:
    if "-" in rule.on or alert.bar is None:
        return None
    return history.recent_bar(rule.on, rule.rule.every, alert.bar)
