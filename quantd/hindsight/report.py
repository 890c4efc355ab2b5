"""Makes the report of a rule over the past."""

from collections.abc import Sequence
from itertools import pairwise

from quantd.conditions.model import All, Either
from quantd.flow.alerts.rule import AlertRule
from quantd.hindsight.advice import flaps, share, suggested_for, suggested_until
from quantd.hindsight.course import course
from quantd.hindsight.model import Report
from quantd.hindsight.run import firings, of_the_past, told
from quantd.model import PairPoint


def report(rule: AlertRule, rows: Sequence[PairPoint]) -> Report:
    """Return what a rule would have told over these points, which are ascending and of the rule's timeframe; there is at least one."""
    found = course(of_the_past(rule), rows)
    fired = firings(found, told(found))
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
        until=suggested_until(found, fired),
        for_=suggested_for(found, fired),
        notes=tuple(_notes(rule, found.ends)),
    )


def _notes(rule: AlertRule, ends: Sequence[int]) -> list[str]:
    notes = []
    if rule.live:
        notes.append("judged at the close of each bar; live it is judged at each tick, and may fire between closes, too")
    if isinstance(rule.rule.when, All | Either):
        notes.append("extremes and times to revert are those of the first clause")
    step = min((after - before for before, after in pairwise(ends)), default=0)
    missing = sum((after - before) // step - 1 for before, after in pairwise(ends)) if step else 0
    if missing:
        notes.append(f"{missing:,} bars are not recorded")
    return notes
