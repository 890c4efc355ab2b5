"""The subjects that alert rules watch, and the metrics that a condition may name."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import get_args

from msgspec import Struct

from quantd.conditions.errors import WrongCondition
from quantd.conditions.model import Clause, Compare, Condition, Term, clauses
from quantd.conditions.parse import Places, Span
from quantd.config.bounds import OF_SYMBOL, Range, between, close_ranges, judged_coverage, tick_ranges, z_range
from quantd.config.lookalikes import oddities
from quantd.config.model import PairJobStage
from quantd.config.rules import METRICS, SYMBOL_METRICS, Moments
from quantd.errors import close_to
from quantd.model import Quality
from quantd.plugin.registry import Registry
from quantd.plugin.regression import Regression
from quantd.stats.zscore import ZScore

_QUALITIES = tuple(word for word in get_args(Quality) if word != "forming")
_MEANT = {
    "correlation": "corr",
    "z": "zscore",
    "z_score": "zscore",
    "hedge": "beta",
    "hedge_ratio": "beta",
    "halflife": "half_life",
    "pvalue": "adf_pvalue",
    "vol": "volume",
    "last": "price",
    "funding_rate": "funding",
}
"""Names that other programs have for metrics."""


class Judging(Struct, frozen=True):
    """How a rule judges: at which moments, in which timeframe (None if that is not known), and from which coverage on."""

    every: str | None
    on: Moments = "close"
    coverage: float = 0.0


class Subject(Struct, frozen=True, kw_only=True):
    """A pair or symbol, or the pairs of a pipeline.

    `legs` are those of a pair, or the symbol alone; a pipeline has none, because its pairs are many. If `jobs` is None, the metrics of the
    jobs are not known, and any name is accepted. `ranges` are those of a pair's own metrics at a close.
    """

    name: str
    legs: tuple[str, ...] = ()
    jobs: Collection[PairJobStage] | None = None
    ranges: Mapping[str, Range] = {}
    offered: Mapping[str, Sequence[str]] = {}
    """Jobs that are not in the pipeline, by the metrics that they compute."""

    @property
    def is_symbol(self) -> bool:
        """Whether this is one symbol."""
        return len(self.legs) == 1

    def ranges_for(self, judging: Judging) -> dict[str, Range]:
        """Return the ranges of the metrics that a rule looks at."""
        if self.is_symbol:
            return {**OF_SYMBOL, "coverage": judged_coverage(judging.coverage)}
        own = self.ranges if judging.on == "close" else tick_ranges(self.ranges)
        return {**own, "coverage": judged_coverage(judging.coverage), **self._of_jobs(judging.every)}

    def _of_jobs(self, every: str | None) -> dict[str, Range]:
        """Return the ranges of the metrics of the jobs that run at a timeframe."""
        metrics = [(stage.job, metric) for stage in self.jobs or () if stage.every == every for metric in stage.job.metrics]
        return {metric: between(metric, *job.ranges.get(metric, (-math.inf, math.inf))) for job, metric in metrics}

    def words(self, term: Term, every: str | None) -> Sequence[str] | None:
        """Return the words that a term may be; None for a number, and for a metric that is not known."""
        if self.is_symbol or term.of:
            return _QUALITIES if term.metric == "quality" else None
        giving = [stage.job for stage in self.jobs or () if term.metric in stage.job.metrics and every in (None, stage.every)]
        return giving[0].words.get(term.metric) if giving and term.metric not in METRICS else None

    def words_in(self, condition: Condition, every: str | None) -> dict[str, Sequence[str]]:
        """Return the words of the metrics of a condition that are words."""
        found = ((clause.term.metric, self.words(clause.term, every)) for clause in clauses(condition))
        return {metric: words for metric, words in found if words}

    def demand_known(self, clause: Clause, places: Places, every: str | None) -> None:
        """Raise WrongCondition, at the word, unless there is the metric of a clause and it can be compared as the clause says."""
        term = clause.term
        if term.of or self.is_symbol:
            self._demand_of_symbol(term, places)
        elif term.metric not in METRICS:
            if self.jobs is None:
                return
            self._demand_of_job(term.metric, places.metric, every)
        _demand_comparable(clause, places, self.words(term, every))

    def _demand_of_symbol(self, term: Term, places: Places) -> None:
        if self.is_symbol and places.of:
            raise _wrong(places.of, f"the rule watches one symbol, {self.name}: leave `of {term.of}` out")
        if term.of and term.of not in ("y", "x"):
            self._demand_leg(term.of, places.of or places.metric)
        if term.metric in SYMBOL_METRICS:
            return
        if self.is_symbol and term.metric in METRICS:
            suggestion = "price" if term.metric in ("y", "x") else None
            raise _wrong(places.metric, f"{term.metric!r} is a metric of a pair, and the rule watches a symbol", suggestion)
        message = f"no metric {term.metric!r} of a symbol; there is {', '.join(SYMBOL_METRICS)}"
        raise _wrong(places.metric, message, _meant(term.metric, SYMBOL_METRICS))

    def _demand_leg(self, symbol: str, span: Span) -> None:
        if not self.legs:
            raise _wrong(span, "the pairs of a pipeline are many: write y or x")
        if symbol not in self.legs:
            raise _wrong(span, f"{symbol} is no leg of {self.name}", close_to(symbol, self.legs))

    def _demand_of_job(self, metric: str, span: Span, every: str | None) -> None:
        jobs = self.jobs or ()
        computed = [stage.every for stage in jobs if metric in stage.job.metrics]
        if computed and every and every not in computed:
            raise _wrong(span, f"{metric!r} is computed at {', '.join(computed)}, not at {every}: change one `every`")
        if computed:
            return
        if metric in SYMBOL_METRICS:
            raise _wrong(span, f"{metric!r} is a metric of a symbol: say of which leg", f"{metric} of y")
        known = [*METRICS, *dict.fromkeys(metric for stage in jobs for metric in stage.job.metrics)]
        offered = self.offered.get(metric)
        hint = f": the job {' or '.join(offered)} computes it, name it under `jobs:`" if offered else ""
        odd = "".join(f"; {each}" for each in oddities(metric))
        message = f"no metric {metric!r}{odd}; there is {', '.join(known)}{hint}"
        raise _wrong(span, message, None if hint else _meant(metric, known))


def metric_ranges(zscore: ZScore | None, regression: Regression | None) -> Mapping[str, Range]:
    """Return the ranges of a pair's own metrics at a close, as its pipeline makes them; none if that is not known."""
    if zscore is None or regression is None:
        return {}
    return close_ranges(z_range(zscore, regression.window), regression.prices)


def offered(registry: Registry) -> dict[str, Sequence[str]]:
    """Return the names of all pair jobs by the metrics that they compute."""
    found: dict[str, set[str]] = {}
    for entry in registry.entries():
        for metric in getattr(entry.plugin, "metrics", ()):
            found.setdefault(metric, set()).add(entry.name)
    return {metric: sorted(names) for metric, names in found.items()}


def located_clauses(condition: Condition, places: Sequence[Places]) -> Iterator[tuple[Clause, Places]]:
    """Return the clauses of a condition with their places."""
    return zip(clauses(condition), places, strict=True)


def _demand_comparable(clause: Clause, places: Places, words: Sequence[str] | None) -> None:
    """Raise WrongCondition if a number is compared with a text, or a text with a value that it never has. `words` is None for a number."""
    value = clause.value if isinstance(clause, Compare) else 0.0
    metric = clause.term.metric
    if words is None and isinstance(value, str):
        raise _wrong(places.value, f"{metric!r} is a number: compare it with a number")
    if words is None:
        return
    if clause.term.absolute or clause.term.bars or not isinstance(value, str):
        raise _wrong(places.value, f"{metric!r} is a text: compare it with a word")
    if words and value not in words:
        raise _wrong(places.value, f"{metric!r} is never {value!r}; it is {', '.join(words)}", close_to(value, words))


def _meant(metric: str, known: Collection[str]) -> str | None:
    other = _MEANT.get(metric.lower())
    return other if other in known else close_to(metric, known)


def _wrong(span: Span, message: str, suggestion: str | None = None) -> WrongCondition:
    return WrongCondition(message, span.begin, span.end, suggestion)
