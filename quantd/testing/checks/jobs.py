"""The checks of jobs."""

import math
from collections.abc import Mapping

import numpy as np

from quantd.model import Metric
from quantd.plugin.base import Columns, DaemonJob, DaemonView, PairJob, PairView
from quantd.rows import RESERVED
from quantd.testing import fakes

WINDOW = 60
_OF_POINTS = ("alpha", "beta", "stderr", "spread_mean", "spread_std", "zscore", "corr", "corr_returns", "coverage")
"""The columns that are NaN for a bar without a point: the first bars of a pair, before the regression's window is full."""
_FLOATS = ("y", "x", "spread", *_OF_POINTS)


def declares_metrics(cls: type[PairJob]) -> None:
    metrics = cls.metrics
    assert all(map(str.isidentifier, metrics)), f"{metrics} are to be names of letters, digits and _"
    assert len(set(metrics)) == len(metrics), f"a name comes twice in {metrics}"
    taken = RESERVED.intersection(metrics)
    assert not taken, f"`metrics` has {sorted(taken)}, which a pair's points have already: give yours names of their own"


def declares_ranges(cls: type[PairJob]) -> None:
    for name, (low, high) in cls.ranges.items():
        assert low < high, f"`ranges` has {name} from {low} to {high}: name the least first, then the greatest"


def needs_at_least_one_point(job: PairJob) -> None:
    for window in (2, WINDOW, 5000):
        needed = job.bars_needed(window)
        assert isinstance(needed, int), f"bars_needed({window}) is {needed!r}"
        assert needed >= 1, f"bars_needed({window}) is {needed}"


def answers_each_metric(job: PairJob) -> None:
    _answer(job, _columns(job.bars_needed(WINDOW)), "a well-behaved pair")


def answers_the_same_twice(job: PairJob) -> None:
    columns = _columns(job.bars_needed(WINDOW))
    first, second = (dict(_answer(job, columns, "a well-behaved pair")) for _ in range(2))
    assert first == second, f"answers {first}, and of the same columns {second}"


def survives_few_points(job: PairJob) -> None:
    for n in (0, 1, 2, 5):
        _answer(job, _columns(n), f"{n} points")


def survives_degenerate_points(job: PairJob) -> None:
    columns = _columns(job.bars_needed(WINDOW))
    absent = np.full(len(columns["ts"]), math.nan)
    _answer(job, columns | dict.fromkeys(_OF_POINTS, absent), "nothing of points")
    _answer(job, columns | {"zscore": absent, "corr": absent, "corr_returns": absent}, "no z-score and no correlation")
    for name in _FLOATS:
        _answer(job, columns | {name: np.full(len(absent), 5.0)}, f"constant {name}")
    _answer(job, columns | {name: np.full(len(absent), 5.0) for name in _FLOATS}, "constant columns")


def answers_without_a_store(job: DaemonJob) -> None:
    _assert_values(job.run(DaemonView(fakes.START, None)), "no store")


def _answer(job: PairJob, columns: Columns, of: str) -> Mapping[str, Metric]:
    """Return what the job returns, checked. The columns are read-only, as in the daemon."""
    for column in columns.values():
        column.setflags(write=False)
    ts = int(columns["ts"][-1]) if len(columns["ts"]) else fakes.START
    answer = job.run(PairView("BTCUSDT-ETHUSDT", "1m", ts, WINDOW, columns))
    assert set(answer) == set(job.metrics), f"of {of} it answers {sorted(answer)}, but declares {sorted(job.metrics)}"
    _assert_values(answer, of)
    for name, value in answer.items():
        words = job.words.get(name)
        assert value is None or isinstance(value, str) == (words is not None), (
            f"of {of} it answers {name} = {value!r}: `words` tells otherwise"
        )
        assert value is None or not words or value in words, f"of {of} it answers {name} = {value!r}, which is none of {words}"
        low, high = job.ranges.get(name, (-math.inf, math.inf))
        assert value is None or isinstance(value, str) or low <= value <= high, (
            f"of {of} it answers {name} = {value!r}, which `ranges` puts from {low:g} to {high:g}"
        )
    return answer


def _assert_values(answer: Mapping[str, Metric], of: str) -> None:
    for name, value in answer.items():
        assert value is None or isinstance(value, str) or math.isfinite(value), (
            f"of {of} it answers {name} = {value}: None is what stands for no value"
        )


def _columns(n: int) -> dict[str, np.ndarray]:
    """Return the columns of a spread that reverts to its mean. The first bars have no points yet."""
    y, x = fakes.legs(n)
    spread = y - 2.0 * x
    of_points = (5.0, 2.0, 0.01, 5.0, 0.05, (spread - 5.0) / 0.05, 0.9, 0.8, 1.0)
    columns = {"ts": fakes.START + 60_000 * np.arange(n), "y": y, "x": x, "spread": spread}
    for name, values in zip(_OF_POINTS, of_points, strict=True):
        columns[name] = np.full(n, values)
        columns[name][: min(WINDOW, n) - 1] = math.nan
    return columns


LOOKS = (declares_metrics, declares_ranges)
PAIR_CHECKS = (needs_at_least_one_point, answers_each_metric, answers_the_same_twice, survives_few_points, survives_degenerate_points)
DAEMON_CHECKS = (answers_without_a_store,)
