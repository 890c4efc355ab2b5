"""What a pair's jobs compute of its points."""

import math
from collections.abc import Callable, Mapping

import msgspec
import numpy as np

from quantd.flow.pairs.background import Background
from quantd.flow.pairs.spec import PairSpec
from quantd.model import Metric, PairPoint
from quantd.plugin.base import PairJob, PairView, Plugin
from quantd.plugin.guard import Guard
from quantd.stats import FloatArray
from quantd.stats.ring import Ring

Guards = Callable[[Plugin, str], Guard]
Metrics = Mapping[str, Metric]
COLUMNS = ("ts", "y", "x", "alpha", "beta", "stderr", "spread", "zscore", "corr", "coverage")


class Measures:
    """The recent points as columns, and the jobs that read them. `late` is told what a job found after its point had gone out."""

    def __init__(self, spec: PairSpec, guards: Guards, background: Background, late: Callable[[int, Metrics], None]) -> None:
        self._spec = spec
        self._jobs = [(job, guards(job, spec.pair)) for job in spec.jobs]
        self._points = Ring(len(COLUMNS), spec.points_read)
        self._background = background
        self._late = late
        self._at: int | None = None
        self._found: dict[str, Metric] = {}
        self._running: set[int] = set()

    def clear(self) -> None:
        """Forget every point."""
        self._points.clear()

    def take(self, point: PairPoint, *, measure: bool) -> PairPoint:
        """The point with the metrics of the jobs that run in the flow. Without `measure` none runs."""
        if not self._jobs:
            return point
        hedge = point.hedge
        numbers = (point.y, point.x, hedge.alpha, hedge.beta, hedge.stderr, point.spread, point.zscore, point.corr, point.coverage)
        self._points.append((point.ts, *(math.nan if number is None else number for number in numbers)))
        if not measure:
            return point
        self._at, self._found = point.ts, {}
        for job, guard in self._jobs:
            if job.background:
                self._begin(job, guard, point.ts)
            else:
                self._found |= dict.fromkeys(job.metrics) | dict(guard.call(_answer, job, self._view(job, point.ts)) or {})
        self._at = None
        return msgspec.structs.replace(point, metrics=self._found)

    def _begin(self, job: PairJob, guard: Guard, ts: int) -> None:
        """Have a job run beside the flow, unless its last run has not ended yet."""
        if id(job) in self._running:
            return
        self._running.add(id(job))
        view = self._view(job, ts, copy=True)

        def end(found: Metrics) -> None:
            self._running.discard(id(job))
            if self._at == ts:
                self._found |= found
            else:
                self._late(ts, found)

        def work() -> Callable[[], None]:
            found = dict.fromkeys(job.metrics) | dict(guard.call(_answer, job, view) or {})
            return lambda: end(found)

        self._background.run(work)

    def _view(self, job: PairJob, ts: int, *, copy: bool = False) -> PairView:
        table: FloatArray = self._points.last(job.needs(self._spec.regression.window))
        if copy:
            table = table.copy()
            table.flags.writeable = False
        columns = dict(zip(COLUMNS, table, strict=True)) | {"ts": table[0].astype(np.int64)}
        return PairView(self._spec.pair, self._spec.every, ts, self._spec.regression.window, columns)


def _answer(job: PairJob, view: PairView) -> Metrics:
    """What a job answers, if it is what it declares and finite. Raises ValueError."""
    metrics = job.run(view)
    usable = all(value is None or isinstance(value, str) or math.isfinite(value) for value in metrics.values())
    if set(metrics) - set(job.metrics) or not usable:
        raise ValueError(f"answered {metrics!r}, but declares {job.metrics}, each a finite number, a text or None")
    return metrics
