"""The course of what a rule watches, from memory."""

from collections.abc import Sequence

import numpy as np

from quantd.columns.point_series import PointSeries
from quantd.columns.points import NUMBERS
from quantd.conditions.model import Channel, Clause, Condition, Term, clauses
from quantd.flow.alerts.rule import AlertRule
from quantd.history.history import History
from quantd.services.explain import Curve
from quantd.timeframes import timeframe

BEFORE = 240
"""Number of values before the firing."""
LONGEST = 1_000
"""Largest number of values."""
_OF_A_BAR = {"price": "close"}
Column = Sequence[float | None]


def curve(rule: AlertRule, history: History, since: int, until: int) -> Curve:
    """Return the values of the first term of a rule, up to `until` (ms): the last BEFORE ones up to `since`, and those after it."""
    term = next(clauses(rule.rule.when)).term
    ts, values = _course(rule, term, history, since)
    first = max(int(np.searchsorted(ts, since, "right")) - BEFORE, 0)
    last = min(int(np.searchsorted(ts, until, "right")), first + LONGEST)
    return Curve(_name(term), ts[first:last].tolist(), list(values[first:last]), levels(rule.rule.when, term))


def levels(condition: Condition, term: Term) -> list[float]:
    """Return the thresholds of a condition for a term, on both sides of 0 where it is taken as an absolute value."""
    found: list[float] = []
    for clause in clauses(condition):
        if (clause.term.metric, clause.term.of, clause.term.bars) == (term.metric, term.of, term.bars):
            found += [sign * each for each in _levels(clause) for sign in ((1, -1) if clause.term.absolute else (1,))]
    return sorted(set(found))


def _levels(clause: Clause) -> Sequence[float]:
    if isinstance(clause, Channel):
        return clause.low, clause.high
    return () if isinstance(clause.value, str) else (clause.value,)


def _name(term: Term) -> str:
    name = f"{term.metric} of {term.of}" if term.of else term.metric
    return f"move({name}, {term.bars})" if term.bars else name


def _course(rule: AlertRule, term: Term, history: History, since: int) -> tuple[np.ndarray, Column]:
    """Return the ends of bars, or the times of trades, and the values then, from BEFORE bars before `since` (ms) on."""
    on, every = _subject(rule, term), rule.rule.every
    if "-" in on:
        points = history.recent_points(on, every, max(since - (BEFORE + 1) * _step(every), 0))
        return _ends(points.ts, every), _of_points(points, term.metric)
    if rule.live and term.metric == "price" and not term.of:
        ticks = history.ticks(on, limit=BEFORE)
        return np.array([tick.ts for tick in ticks], np.int64), [tick.price for tick in ticks]
    bars = history.recent_bars(on, every)[-LONGEST:]
    name = _OF_A_BAR.get(term.metric, term.metric)
    values = bars.rows[name].tolist() if name in (bars.rows.dtype.names or ()) else [None] * len(bars)
    return _ends(bars.ts, every), _moved(values, term.bars)


def _subject(rule: AlertRule, term: Term) -> str:
    """Return the pair or the symbol of which a term is."""
    if not term.of or "-" not in rule.on:
        return rule.watched
    y, x = rule.on.split("-")
    return {"y": y, "x": x}.get(term.of, term.of)


def _ends(ts: np.ndarray, every: str) -> np.ndarray:
    return ts + _step(every)


def _step(every: str) -> int:
    """Return the length of a bar (ms); 0 for bars of events, and for prices."""
    try:
        return timeframe(every).step
    except ValueError:
        return 0


def _of_points(points: PointSeries, metric: str) -> Column:
    if metric in NUMBERS:
        return [None if value != value else value for value in points.column(metric).tolist()]
    found = [points.metrics.get(ts, {}).get(metric) for ts in points.ts.tolist()]
    return [value if isinstance(value, int | float) else None for value in found]


def _moved(values: Column, bars: int) -> Column:
    """Return the percentage by which each value differs from the one so many bars before."""
    if not bars:
        return values
    pairs = zip(values, [None] * bars + list(values), strict=False)
    return [100 * (now - before) / abs(before) if now is not None and before else None for now, before in pairs]
