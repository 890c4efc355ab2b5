"""Finds conditions that are always true or always false, whatever the data.

A rule on `corr > 1.5` never fires, and one on `coverage >= 0` says nothing when it fires: both are mistakes. Only certain cases are
reported: a metric without a bound accepts any finite threshold.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from quantd.conditions.certain import Domain, Values, always, never
from quantd.conditions.model import All, Channel, Clause, Compare, Condition, Cross, Either, Term, clauses, compounds, number
from quantd.conditions.sets import both, interval, numbers_of, variable, without
from quantd.stats.zscore import ZScore

Ends = tuple[float, float]
"""The least and the greatest value, both of which may occur; infinite if there is no bound."""
Verdict = Literal["never", "always"]
LEAST_PRICE = math.ulp(0.0)
"""Smallest number above 0: prices are above 0."""
_ROUNDING = 1e-9
"""Relative amount by which rounding of the sums may take a z-score beyond its bound."""
_TOO_LITTLE = 1e-6
"""If the earlier bars have less than this share of the weight, the variance is rounding and no bound is certain."""
_BETWEEN = "take another threshold"
_LONGER = "take a longer window"
_CLOSER = "take a longer window, a lower threshold, or `zscore: {against: before}`"


class End(NamedTuple):
    """One end of a range: its value, the reason for it, and what to do about a threshold beyond it."""

    at: float
    why: str = ""
    remedy: str = _BETWEEN


class Range(NamedTuple):
    """The values that a metric may have, both ends included. `low` is above `high` for a metric that never has a value."""

    low: End
    high: End


ANYTHING = Range(End(-math.inf), End(math.inf))


def between(metric: str, low: float, high: float) -> Range:
    """Return the range of a metric whose bounds need no further explanation."""
    if high == math.inf:
        why = f"{metric} is never below {low:g}"
    else:
        why = f"{metric} is never above {high:g}" if low == -math.inf else f"{metric} is from {low:g} to {high:g}"
    return Range(End(low, why), End(high, why))


def _price(metric: str) -> Range:
    why = f"{metric} is above 0"
    return Range(End(LEAST_PRICE, why), End(math.inf, why))


def largest_z(zscore: ZScore, window: int) -> float:
    """Return the largest possible |z| at a close, over `window` closes; infinite if it has no bound.

    The judged bar is one of those over which mean and std (ddof 1) are computed. If it differs from all others and these are equal, |z| is
    (n - 1) / sqrt(n) (R. E. Shiffler, 1988, The American Statistician 42, 79-80). For weights w that sum to 1, of which the judged bar has
    w_n, the Cauchy-Schwarz inequality gives sqrt((1 - w_n) (1 - sum(w²)) / w_n) for the unbiased variance.

    >>> round(largest_z(ZScore(), 10), 2), largest_z(ZScore(against="before"), 10), largest_z(ZScore(method="robust"), 10)
    (2.85, inf, inf)
    """
    if zscore.against == "before" or zscore.method not in ("window", "rolling", "ew"):
        return math.inf
    return _largest_weighted(window, _halflife(zscore, window)) if zscore.method == "ew" else (window - 1) / math.sqrt(window)


def _halflife(zscore: ZScore, window: int) -> float:
    return zscore.halflife or window / 4


def _largest_weighted(window: int, halflife: float) -> float:
    weights = [0.5 ** (age / halflife) for age in range(window)]
    total = math.fsum(weights)
    others = math.fsum(weights[1:]) / total
    if others < _TOO_LITTLE:
        return math.inf
    squares = math.fsum(weight * weight for weight in weights[1:]) / total**2
    return math.sqrt(others * (others * (2.0 - others) - squares) / (1.0 - others))


def z_range(zscore: ZScore, regression_window: int) -> Range:
    """Return the range of a z-score at a close."""
    window = zscore.window or regression_window
    if window == 2 and zscore.method in ("window", "ew", "robust"):
        none = "over a window of 2 there is no zscore"
        return Range(End(math.inf, none, _LONGER), End(-math.inf, none, _LONGER))
    largest = largest_z(zscore, window)
    if largest == math.inf:
        return ANYTHING
    aged = f" with a half-life of {_halflife(zscore, window):g}" if zscore.method == "ew" else ""
    why = f"over a window of {window}{aged} |zscore| is at most {math.ceil(largest * 100) / 100:g}"
    end = largest * (1.0 + _ROUNDING)
    return Range(End(-end, why, _CLOSER), End(end, why, _CLOSER))


def close_ranges(z: Range, prices: str) -> dict[str, Range]:
    """Return the ranges of a point's own metrics at a close."""
    shares = {name: between(name, -1.0, 1.0) for name in ("corr", "corr_returns")}
    legs = {leg: _price(leg) if prices == "raw" else ANYTHING for leg in ("y", "x")}
    return {"zscore": z, "spread_std": between("spread_std", 0.0, math.inf), **shares, **legs}


def judged_coverage(least: float) -> Range:
    """Return the range of `coverage` when a rule is judged: a rule is not judged below its own `coverage`."""
    whole = between("coverage", 0.0, 1.0)
    if not least:
        return whole
    return whole._replace(low=End(least, f"a rule judges only where the coverage is {least:g} or more", "give it `coverage: 0`"))


def tick_ranges(at_close: Mapping[str, Range]) -> dict[str, Range]:
    """Return the ranges of a pair's own metrics on ticks: the |z| of a now-cast has no bound."""
    return {metric: found for metric, found in at_close.items() if metric != "zscore"}


LIVE = {name: between(name, -1.0, 1.0) for name in ("corr", "corr_returns")} | {"price": _price("price")}
"""Ranges of the metrics that rules from API requests use. They are judged on now-casts, whose |z| has no bound."""
OF_SYMBOL = {
    **{name: _price(name) for name in ("price", "open", "high", "low", "close", "vwap")},
    **{name: between(name, 0.0, math.inf) for name in ("volume", "trades", "taker_buy_volume")},
    "coverage": between("coverage", 0.0, 1.0),
}
"""Ranges of the metrics of a symbol; the others have no bound."""


class Flaw(NamedTuple):
    """What is wrong with a condition, and the clause at which to say so."""

    message: str
    clause: Clause
    suggestion: str | None = None


def mistake(condition: Condition, ranges: Mapping[str, Range]) -> str | None:
    """Return a text that says what is wrong with a condition, why, and what to do; None if the data decide it. A metric without a range may
    have any value.

    >>> from quantd.conditions.model import Term
    >>> mistake(Compare(Term("corr"), ">", 1.5), {"corr": between("corr", -1, 1)})
    'corr > 1.5 is never true: corr is from -1 to 1; take another threshold'
    """
    found = flaw(condition, ranges)
    return found.message if found else None


def flaw(condition: Condition, ranges: Mapping[str, Range], words: Mapping[str, Sequence[str]] | None = None) -> Flaw | None:
    """Return the first part of a condition that no values make true, or that all make true; None if the data decide every part. `ranges`
    and `words` are those of the metrics of what the rule watches."""
    for clause in clauses(condition):
        found = _broken(clause) or _undecidable(clause, ranges)
        if found:
            return found
    domain = domain_of(ranges, words or {}, condition)
    for part in compounds(condition):
        if core := never(part, domain):
            return Flaw(f"{_shown(core, All)} is never true: its parts exclude one another", next(clauses(core[0])))
        if core := always(part, domain):
            return Flaw(f"{_shown(core, Either)} is always true: one of its parts always holds", next(clauses(core[0])))
    return None


def _shown(parts: tuple[Condition, ...], kind: type[All] | type[Either]) -> str:
    return str(kind(parts) if len(parts) > 1 else parts[0])


def domain_of(ranges: Mapping[str, Range], words: Mapping[str, Sequence[str]], *conditions: Condition) -> Domain:
    """Return the values that the terms of conditions may have. A metric with a single word, or with unknown ones, may have others."""
    said: dict[Term, set[str]] = {}
    for clause in (each for condition in conditions for each in clauses(condition)):
        if isinstance(clause, Compare) and isinstance(clause.value, str):
            said.setdefault(variable(clause.term), {""}).add(clause.value)

    def domain(term: Term) -> Values:
        if term in said:
            known = words.get(term.metric, ())
            return frozenset(known) if len(known) > 1 else frozenset(said[term])
        low, high = range_of(term, ranges)
        return interval(low.at, high.at)

    return domain


def range_of(term: Term, ranges: Mapping[str, Range]) -> Range:
    """Return the range of a term's values, without regard to `abs`."""
    found = (OF_SYMBOL if term.of else ranges).get(term.metric, ANYTHING)
    if not term.bars:
        return found
    why = f"{variable(term)} is never below -100 %: {term.metric} is never below 0"
    return Range(End(-100.0, why), End(math.inf)) if found.low.at >= 0.0 else ANYTHING


def _broken(clause: Clause) -> Flaw | None:
    """Return what is wrong with the numbers of a clause, whatever it is about."""
    numbers = (clause.low, clause.high) if isinstance(clause, Channel) else (clause.value,)
    for value in numbers:
        if isinstance(value, float | int) and not math.isfinite(value):
            return Flaw(f"{clause} compares with {value}: give a finite number", clause)
    if isinstance(clause, Channel) and clause.low >= clause.high:
        meant = f"{number(clause.high)}..{number(clause.low)}" if clause.low > clause.high else None
        return Flaw(f"{clause} is no channel: it goes from a lower number to a higher one", clause, meant)
    return None


def _undecidable(clause: Clause, ranges: Mapping[str, Range]) -> Flaw | None:
    """Return the flaw of a clause on a number that the range of its values decides."""
    if isinstance(clause, Compare) and isinstance(clause.value, str):
        return None
    low, high = range_of(clause.term, ranges)
    values, holding = interval(low.at, high.at), numbers_of(clause)
    inside, outside = both(values, holding), both(values, without(holding))
    if inside and outside:
        return None
    if clause.term.absolute and low.at <= high.at:
        low, high = _size(str(clause.term), low, high)
    value = (clause.low if clause.low >= high.at else clause.high) if isinstance(clause, Channel) else float(clause.value)
    end = high if value >= high.at and value > low.at else low
    found = "always" if inside and not isinstance(clause, Cross) else "never"
    return Flaw(f"{clause} is {found} true: {end.why}; {end.remedy}", clause)


def _size(name: str, low: End, high: End) -> Range:
    """Return the range of the absolute value."""
    near, far = sorted((low, high), key=lambda end: abs(end.at))
    least = End(0.0, f"{name} is never below 0") if low.at <= 0.0 <= high.at else near._replace(at=abs(near.at))
    return Range(least, far._replace(at=abs(far.at)))


def verdict(op: str, value: float, ends: Ends) -> Verdict | None:
    """Return whether the comparison with a finite number holds for every value within the bounds, or for none; None if that depends on the
    value.

    >>> verdict(">", 1.0, (-1.0, 1.0)), verdict(">=", 1.0, (-1.0, 1.0)), verdict("!=", 2.0, (-1.0, 1.0))
    ('never', None, 'always')
    """
    low, high = ends
    if low > high:
        return "never"
    all_above, all_below = low > value, high < value
    sole = low == high == value
    always, never = {
        ">": (all_above, high <= value),
        ">=": (low >= value, all_below),
        "<": (all_below, low >= value),
        "<=": (high <= value, all_above),
        "==": (sole, all_above or all_below),
        "!=": (all_above or all_below, sole),
    }[op]
    return "always" if always else "never" if never else None


def demand_reachable(entry: float, stop: float | None, z: Range, *, before: str, hold: bool = False) -> None:
    """Raise ValueError, with a message that begins with the rule's name, for a backtest threshold that no z-score reaches. `before` is the
    option by which the caller sets `against: before`. With `hold` the stop is measured from the mean of the position's entry, which has no
    bound."""
    given = {"entry": entry, "stop": None if hold else stop}
    for name, value in given.items():
        if value is not None and verdict(">=", value, (z.low.at, z.high.at)) == "never":
            remedy = z.high.remedy if z.low.at > z.high.at else f"take a longer window, a lower {name}, or {before}"
            raise ValueError(f"{name}: no z-score reaches {value:g}: {z.high.why}; {remedy}")
