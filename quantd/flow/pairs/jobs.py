"""Runs the jobs of a pair, which add metrics to its points."""

import math
from collections.abc import Callable, Mapping
from functools import partial

import msgspec
import numpy as np

from quantd.flow.pairs.background import Metrics, SlowRuns
from quantd.flow.pairs.spec import PairSpec
from quantd.model import Hedge, Metric, PairPoint
from quantd.plugin.base import PairJob, PairView, Plugin
from quantd.plugin.blame import WrongAnswer
from quantd.plugin.guard import Guard
from quantd.stats import FloatArray
from quantd.stats.ring import Ring
from quantd.stats.zscore import priced

Guards = Callable[[Plugin, str], Guard]
_KEPT = (
    *("ts", "y", "x", "alpha", "beta", "stderr", "spread_mean", "spread_std"),
    *("zscore", "corr", "corr_returns", "coverage"),
)
COLUMNS = (*_KEPT, "spread")


class JobRunner:
    """The recent bars as columns, and the jobs that read them. Slow jobs go to `slow`."""

    def __init__(self, spec: PairSpec, guards: Guards, slow: SlowRuns) -> None:
        self._spec = spec
        self._jobs = [(job, guards(job, spec.pair)) for job in spec.jobs]
        self._rows = Ring(len(_KEPT), spec.rows_read)
        self._slow = slow

    def run(self, ts: int, y: float, x: float, point: PairPoint | None, *, measure: bool) -> PairPoint | None:
        """Add a bar. Return its point, if it has one, with the metrics that are available at once. Without `measure` no job runs."""
        if not self._jobs:
            return point
        numbers = (ts, y, x, *(_numbers(point) if point else ()))
        self._rows.append((*numbers, *(math.nan,) * (len(_KEPT) - len(numbers))))
        if point is None or not measure:
            return point
        found: dict[str, Metric] = {}
        for number, (job, guard) in enumerate(self._jobs):
            work = partial(_found, job, guard, self._view(job, point))
            found |= self._slow.ask(number, point.ts, work) if job.background else work()
        return msgspec.structs.replace(point, metrics=found)

    def _view(self, job: PairJob, point: PairPoint) -> PairView:
        regression = self._spec.regression
        table: FloatArray = self._rows.last(job.bars_needed(regression.window))
        if job.background:
            table = table.copy()
            table.flags.writeable = False
        columns = dict(zip(_KEPT, table, strict=True)) | {"ts": table[0].astype(np.int64)}
        columns["spread"] = self._spread(columns["y"], columns["x"], point.hedge)
        return PairView(self._spec.pair, self._spec.every, point.ts, regression.window, columns, regression.prices)

    def _spread(self, y: FloatArray, x: FloatArray, hedge: Hedge) -> FloatArray:
        """Return the spread of all these closes, priced with one hedge."""
        spread = priced(y, x, hedge.beta, log=self._spec.log).spread
        if self._spec.spread == "residual":
            spread -= hedge.alpha
        spread.flags.writeable = False
        return spread


def _numbers(point: PairPoint) -> tuple[float, ...]:
    hedge = point.hedge
    numbers = (hedge.alpha, hedge.beta, hedge.stderr, point.spread_mean, point.spread_std, point.zscore, point.corr, point.corr_returns)
    return (*(math.nan if number is None else number for number in numbers), point.coverage)


def _found(job: PairJob, guard: Guard, view: PairView) -> Metrics:
    """Return the metrics of a job; None for each that it does not return."""
    return dict.fromkeys(job.metrics) | dict(guard.call(_answer, job, view) or {})


def _answer(job: PairJob, view: PairView) -> Metrics:
    """Return a job's metrics as plain numbers and texts. Raises WrongAnswer if they are not what the job declares, or not finite."""
    answer = job.run(view)
    if not isinstance(answer, Mapping):
        raise WrongAnswer(job.run, answer, "a mapping, with a value for each of its `metrics`")
    metrics = {name: value.item() if isinstance(value, np.generic) else value for name, value in answer.items()}
    if not all(name in job.metrics and _fits(value, job.words.get(name)) for name, value in metrics.items()):
        texts = f", of which {', '.join(job.words)} are texts" if job.words else ""
        raise WrongAnswer(job.run, metrics, f"finite numbers, or None, of {', '.join(job.metrics)}{texts}")
    return metrics


def _fits(value: object, words: tuple[str, ...] | None) -> bool:
    """Return whether a value is None, one of the words of a text, or, where `words` is None, a finite number."""
    if value is None:
        return True
    if words is None:
        return isinstance(value, (int, float)) and math.isfinite(value)
    return isinstance(value, str) and (not words or value in words)
