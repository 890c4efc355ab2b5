"""The cost of one new bar for each statistic, compared with the library that most users would choose.

    pip install -e '.[bench]'                                        # river and wickra, without which their rows are left out
    python benchmarks/statistics.py [--rounds 7] [--window 60] [--quick]

Each statistic of quantd is timed as the flow calls it, one bar after the other. Peers fit the same window anew, except for pykalman, which
updates its last state. Both take turns on one core and one BLAS thread. Times are CPU time of this process, not wall time: other work on
the machine hardly affects them. The table shows minimum/median/maximum of the rounds and the ratio of the medians. Kernels are compiled
beforehand, but not for the first lines, which show 1,000 Huber fits at once. The last lines show a bar of many pairs after their windows
are full: 1,000 Kalman filters as columns, and the points of pairs that share their settings (many_pairs.py).
"""

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import cycle
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.append(sys.path.pop(0))  # last: in this folder the library's `statistics` is this file

import many_pairs
import msgspec
import numpy as np
import statsmodels.api as sm
from goals import row
from pykalman import KalmanFilter
from sklearn.linear_model import HuberRegressor, TheilSenRegressor
from statsmodels.tsa.stattools import adfuller, coint

from quantd.flow.pairs.returns import Returns
from quantd.plugin.loader import load
from quantd.plugin.regression import Regression, Steps, offers
from quantd.stats.cointegration import engle_granger
from quantd.stats.kernels import compiler
from quantd.stats.regression import pearson
from quantd.stats.stationarity import adf
from quantd.stats.zscore import of_closes
from quantd.testing import fakes

Work = Callable[[], object]
ADF_LENGTH = 121
KALMAN_GOAL = 1_000
FITS_GOAL = 5
"""How many times as long as a Kalman filter among a thousand columns the update of a peer should take."""


class Stream:
    """Processes one bar after the other: hedge, z-score and the correlations of prices and of returns, as the flow does for a pair."""

    def __init__(self, regression: Regression) -> None:
        self._steps = Steps(regression)
        self._gauge, self._returns = of_closes("window", regression.window), Returns(regression.window, log=False)
        y, x = fakes.legs(4096)
        self._bars = list(zip(y.tolist(), x.tolist(), strict=True))
        self._index = 0
        for _ in range(2 * regression.window):
            self()

    def __call__(self) -> None:
        index = self._index
        self._index += 1
        y, x = self._bars[index % len(self._bars)]
        self._steps.push(index, y, x)
        self._returns.push(index, y, x)
        hedge = self._steps.hedge()
        if hedge is not None:
            if self._steps.sums.full:
                self._gauge(self._steps.sums, hedge.beta).score(y, x)
            pearson(self._steps.sums), self._returns.corr


class Line:
    """Computes only the hedge, as `Stream` does."""

    def __init__(self, regression: Regression) -> None:
        self._steps = Steps(regression)
        y, x = fakes.legs(4096)
        self._bars = list(zip(y.tolist(), x.tolist(), strict=True))
        self._index = 0

    def __call__(self) -> None:
        self._index += 1
        y, x = self._bars[self._index % len(self._bars)]
        if offers(type(self._steps.regression), "update"):
            self._steps.regression.update(self._index, y, x)
        else:
            self._steps.push(self._index, y, x)
            self._steps.hedge()


class OnFakes:
    """Gives bar after bar to a peer."""

    def __init__(self, peer: many_pairs.River) -> None:
        self._peer = peer
        y, x = fakes.legs(4096)
        self._bars = cycle(zip(y.tolist(), x.tolist(), strict=True))

    def __call__(self) -> None:
        self._peer.update(*next(self._bars))


def peers(window: int) -> list[tuple[str, str, Work]]:
    """Return the method, the name of its peer, and the work for one bar of it."""
    y, x = fakes.legs(window)
    column = x[:, None]
    scaled_y, scaled_x = (y - y.mean()) / y.std(), (column - x.mean()) / x.std()
    huber = HuberRegressor(epsilon=1.35, alpha=0.0, max_iter=1000)
    theil_sen = TheilSenRegressor(random_state=0)
    kalman = KalmanFilter(np.eye(2), np.array([[1.0, 0.0]]), 1e-3 * np.eye(2), np.eye(1), np.zeros(2), np.zeros(1), np.zeros(2), np.eye(2))
    seen = np.array([[1.0, 0.01]])
    return [
        ("ols", "statsmodels OLS.fit", lambda: sm.OLS(y, sm.add_constant(x)).fit().params),
        ("huber", "sklearn HuberRegressor, raw prices", lambda: huber.fit(column, y)),
        ("huber", "sklearn HuberRegressor, standardised", lambda: huber.fit(scaled_x, scaled_y)),
        ("theil-sen", "sklearn TheilSenRegressor", lambda: theil_sen.fit(column, y)),
        ("kalman", "pykalman filter_update", lambda: kalman.filter_update(np.zeros(2), np.eye(2), y[:1], observation_matrix=seen)),
        ("quantile", "statsmodels QuantReg.fit", lambda: sm.QuantReg(y, sm.add_constant(x)).fit(0.5).params),
    ]


def microseconds(work: Work, budget: float = 0.2) -> float:
    """Return the CPU time of one call, measured over as many calls as fill `budget` CPU seconds. Reading the clock takes as long as some of
    the calls, so it is read after 1, 2, 4, 8, ... of them."""
    calls, began = 0, time.process_time()
    while (spent := time.process_time() - began) < budget:
        for _ in range(calls or 1):
            work()
        calls += calls or 1
    return spent / calls * 1e6


def report(name: str, ours: Work, peer: str, theirs: Work, rounds: int) -> None:
    found = [(microseconds(ours), microseconds(theirs)) for _ in range(rounds)]
    mine, other = zip(*found, strict=True)
    print(f"{name:12} {spread(mine):>28}  {peer:38} {spread(other):>28} {np.median(other) / np.median(mine):>7.0f}x")


def spread(found: Sequence[float], digits: int = 1) -> str:
    return "/".join(f"{value:,.{digits}f}" for value in (min(found), np.median(found), max(found)))


def as_columns(regression: Regression, pairs: int = 1000) -> tuple[list[float], list[float]]:
    """Return the CPU microseconds per pair of each of 2 x `window` bars after the warm-up: of a step and the hedges of so many pairs as
    columns, and of one instance after the other."""
    chance, length = np.random.default_rng(1), 3 * regression.window
    x = np.geomspace(0.01, 60_000.0, pairs) * np.exp(chance.normal(0.0, 2e-4, (length, pairs)).cumsum(axis=0))
    y = 1.7 * x * (1.0 + chance.normal(0.0, 1e-3, (length, pairs)))
    columns, every = regression.columns(), np.arange(pairs)
    alone = [msgspec.structs.replace(regression) for _ in range(pairs)]
    for _ in alone:
        columns.add()

    def together(index: int) -> None:
        columns.step(every, np.full(pairs, index), y[index], x[index])
        columns.hedges(every)

    def apart(index: int) -> None:
        for one, its_y, its_x in zip(alone, y[index].tolist(), x[index].tolist(), strict=True):
            one.update(index, its_y, its_x)

    found = [[seconds(partial(work, index)) / pairs * 1e6 for index in range(length)] for work in (together, apart)]
    return found[0][regression.window :], found[1][regression.window :]


def seconds(work: Work) -> float:
    """Return the CPU time of one call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def report_columns(name: str, regression: Regression, peer: str, theirs: float) -> None:
    """Print the cost of a bar of many pairs as columns, against a peer that takes `theirs` microseconds for a bar of one pair."""
    together, apart = as_columns(regression)
    print(f"1,000 {name} pairs as columns, step and hedge, minimum/median/maximum of {len(together)} bars:")
    print(f"  {spread(together, 2)} us a pair, one after the other {spread(apart, 2)}, {peer} {theirs:,.1f}")
    row(f"1,000 {name} pairs as columns: {peer} / quantd", theirs / float(np.median(together)), KALMAN_GOAL, "x")


def report_fits(name: str, regression: Regression, rounds: int, pairs: int = 1000) -> None:
    """Print the cost of fitting the windows of many pairs at once, and of one after the other, with kernels as they are in the daemon."""
    y, x = (np.array(legs).T.copy() for legs in zip(*(fakes.legs(regression.window, seed=seed) for seed in range(pairs)), strict=True))
    some = [(y[:, at].copy(), x[:, at].copy()) for at in range(20)]
    together = [microseconds(lambda: regression.fit_many(y, x)) / pairs for _ in range(rounds)]
    apart = [microseconds(lambda: [regression.fit(*legs) for legs in some]) / len(some) for _ in range(rounds)]
    print(f"1,000 {name} pairs fitted at once, minimum/median/maximum of {rounds} rounds:")
    print(f"  {spread(together, 2)} us a pair, one after the other {spread(apart, 2)}")
    row(f"1,000 {name} pairs: one after the other / at once", float(np.median(apart) / np.median(together)), FITS_GOAL, "x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--window", type=int, default=60)
    parser.add_argument("--quick", action="store_true", help="one round")
    options = parser.parse_args()
    options.rounds = 1 if options.quick else options.rounds
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    warnings.simplefilter("ignore")
    registry = load()
    plugins: dict[str, Any] = {entry.name: entry.plugin for entry in registry.entries() if entry.kind == "regression"}
    report_fits("huber", plugins["huber"](window=options.window), options.rounds)
    compiler.compile()
    print(f"CPU time of one bar in microseconds, minimum/median/maximum of {options.rounds} rounds")
    with suppress(ImportError):
        river = OnFakes(many_pairs.River(options.window))
        report("ols", Stream(plugins["ols"](window=options.window)), "river, rolling", river, options.rounds)
    for name, peer, theirs in peers(options.window):
        report(name, Stream(plugins[name](window=options.window)), peer, theirs, options.rounds)
        if name in ("ols", "kalman"):
            report(f"{name}, line", Line(plugins[name](window=options.window)), peer, theirs, options.rounds)
    walk = fakes.walk(ADF_LENGTH)
    theirs = partial(adfuller, walk, autolag="AIC", result_object=False)
    report("adf", partial(adf, walk), "statsmodels adfuller, AIC", theirs, options.rounds)
    y, x = fakes.legs(250)
    report("eg", partial(engle_granger, y, x), "statsmodels coint", partial(coint, y, x), options.rounds)
    filter_update = next(theirs for name, _, theirs in peers(options.window) if name == "kalman")
    theirs_us = float(np.median([microseconds(filter_update) for _ in range(options.rounds)]))
    for prices in ("raw", "log"):
        settings = plugins["kalman"](window=options.window, prices=prices)
        report_columns(f"kalman ({prices} prices)", settings, "pykalman filter_update", theirs_us)
    fit = next(theirs for name, _, theirs in peers(options.window) if name == "ols")
    many_pairs.report(options.window, float(np.median([microseconds(fit) for _ in range(options.rounds)])))


if __name__ == "__main__":
    main()
