"""What would make a rule calmer: an `until` (hysteresis) or a `for`. Each candidate is tried on the same course.

`until`: from the threshold towards the usual value (0 for an absolute value or a z-score, else the median), in steps of a tenth. It does
not delay a firing, since it only moves the ends. The suggestion is the one with the fewest flaps; of several, the nearest to the threshold.
One that would fire for more than twice as long is left out.

`for`: the shortest of some numbers of bars that leaves at most half of the flaps. It delays each firing by its length.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import median

from msgspec.structs import replace

from quantd.conditions.model import Compare, Condition, Cross
from quantd.hindsight.course import Course
from quantd.hindsight.model import Firing, Trial
from quantd.hindsight.run import firings, told
from quantd.timeframes import duration_text

FLAP_BARS = 5
"""A firing that begins within so many bars of the end of the one before is a flap."""
_STEPS = 10
_LONGER = 2.0
_DELAYS = (1, 2, 3, 5, 10, 15, 30)
_AROUND_ZERO = frozenset({"zscore"})


def flaps(fired: Sequence[Firing], step: int) -> int:
    """Return the number of firings that begin within FLAP_BARS bars of the end of the one before."""
    return sum(before.ended is not None and after.fired - before.ended <= FLAP_BARS * step for before, after in pairwise(fired))


def share(found: Course, fired: Iterable[Firing]) -> float:
    """Return the share of the time in which a rule fires."""
    return sum(each.lasted for each in fired) / max(found.ends[-1] - found.rows[0].ts, 1)


def suggested_until(found: Course, now: Sequence[Firing]) -> Trial | None:
    """Return the suggested `until`; None for a rule that has one, or that does not flap, or where none would be calmer."""
    before, most = flaps(now, found.step), _LONGER * share(found, now)
    if not before or found.rule.rule.until is not None:
        return None
    trials = [_trial(found, str(until), until=until) for until in _ends(found)]
    calmer = [each for each in trials if each.flaps < before and each.share <= most]
    return min(calmer, key=lambda each: each.flaps, default=None)


def suggested_for(found: Course, now: Sequence[Firing]) -> Trial | None:
    """Return the suggested `for`; None for a rule that has one, or that does not flap, or where none would be calmer."""
    before = flaps(now, found.step)
    if not before or found.rule.rule.for_:
        return None
    for bars in _DELAYS:
        span = bars * found.step
        made = _trial(found, duration_text(span), first=now[0].fired, for_=span)
        if made.firings and 2 * made.flaps <= before:
            return made
    return None


def _trial(found: Course, text: str, first: int | None = None, **changes: object) -> Trial:
    changed = replace(found.rule, rule=replace(found.rule.rule, **changes))
    tried = replace(found, rule=changed)
    fired = firings(tried, told(tried))
    delay = fired[0].fired - first if fired and first is not None else 0
    return Trial(text, len(fired), flaps(fired, found.step), share(found, fired), delay)


def _ends(found: Course) -> Iterator[Condition]:
    """Yield the candidates for `until`, the nearest to the threshold first."""
    clause = found.rule.rule.when
    if not isinstance(clause, Compare | Cross) or isinstance(clause.value, str):
        return
    rising = clause.side == "above" if isinstance(clause, Cross) else clause.op in (">", ">=")
    if isinstance(clause, Compare) and clause.op in ("==", "!="):
        return
    level, usual = clause.value, _usual(found)
    for step in range(1, _STEPS):
        end = float(f"{level + (usual - level) * step / _STEPS:.3g}")
        if (end < level) == rising and end != level:
            yield Compare(clause.term, "<" if rising else ">", end)


def _usual(found: Course) -> float:
    term = found.clause.term
    if term.absolute or term.bars or term.metric in _AROUND_ZERO:
        return 0.0
    return median([value for value in found.values if isinstance(value, int | float)] or [0.0])
