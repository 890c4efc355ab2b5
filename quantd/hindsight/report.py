"""Makes the report of a rule over the past."""

from collections.abc import Sequence
from itertools import pairwise

from quantd.conditions.model import All, Either
from quantd.flow.alerts.rule import AlertRule
from quantd.hindsight.advice import flaps, share, suggested_for, suggested_until
from quantd.hindsight.course import Rows, course
from quantd.hindsight.model import Report
from quantd.hindsight.run import firings, of_the_past, told
from quantd.model import Alert, Bar


def report(rule: AlertRule, rows: Rows, alerts: Sequence[Alert] | None = None, legs: Sequence[Bar] = ()) -> Report:
    """Return what a rule would have told over these rows, of which there is at least one: they are ascending and of the rule's timeframe.
    `legs` are the bars of a pair's legs. With `alerts`, these are what it told."""
    found = course(of_the_past(rule), rows, legs)
    fired = firings(found, told(found) if alerts is None else alerts)
    between = alerts is not None and rule.live
    return Report(
        rule=rule.rule.name,
        of=rule.on,
        when=str(rule.rule.when),
        every=rule.rule.every,
        start=rows[0].ts,
        end=found.ends[-1],
        bars=len(rows),
        unknown=sum(value is None for value in found.values),
        firings=fired,
        share=share(found, fired),
        flaps=flaps(fired, found.step),
        until=None if between else suggested_until(found, fired),
        for_=None if between else suggested_for(found, fired),
        notes=tuple(_notes(rule, found.ends, between=between)),
    )


def _notes(rule: AlertRule, ends: Sequence[int], *, between: bool) -> list[str]:
    notes = []
    if between:
        notes.append("judged at each tick; no key is suggested, since those are tried at the closes of bars")
    elif rule.live:
        notes.append("judged at the close of each bar; live it is judged at each tick, and may fire between closes, too")
    if isinstance(rule.rule.when, All | Either):
        notes.append("extremes and times to revert are those of the first clause")
    step = min((after - before for before, after in pairwise(ends)), default=0)
    missing = sum((after - before) // step - 1 for before, after in pairwise(ends)) if step else 0
    if missing:
        notes.append(f"{missing:,} bars are not recorded")
    return notes
