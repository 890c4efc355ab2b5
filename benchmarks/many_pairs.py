"""One bar of many pairs that share their settings, compared with loops over pairs.

    pip install -e '.[bench]'                                        # river and wickra, without which their rows are left out
    python benchmarks/many_pairs.py [--quick] [--window 60]

A group of the flow (quantd/flow/pairs/group.py) takes a bar of each symbol and makes the points of all pairs: beta, stderr, spread, z-score
and both correlations. The peers compute less: wickra (Rust) in a loop updates its beta, z-score and correlation, or its z-score alone;
river its rolling beta, z-score and correlation; statsmodels fits the line. The figures are CPU microseconds a pair, as the minimum, the
median and the maximum of more than two windows of bars, after all windows are full. Python collects no garbage meanwhile. statistics.py
prints the same lines.
"""

import argparse
import gc
import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.append(sys.path.pop(0))  # last: in this folder the library's `statistics` would be a file of ours

import numpy as np
from goals import row

from quantd.clock import EventClock
from quantd.columns.points import PointColumns
from quantd.flow.pairs import PairSeries, PairSpec
from quantd.flow.pairs.group import Bars, Legs, PairGroup
from quantd.model import Bar
from quantd.plugin.guard import Guard
from quantd.plugin.regression import Regression
from quantd.stats import FloatArray
from quantd.testing import fakes
from quantd_plugins.regressions.kalman import Kalman
from quantd_plugins.regressions.ols import Ols

EVERY = "1s"
PAIRS, FEW, LONG = 1_000, 100, 500
Prices = tuple[list[float], list[float]]
"""The closes of the first and of the second leg of each pair at one bar."""
Loop = Callable[[Prices], object]


def pairs_of(count: int) -> list[Legs]:
    """Return pairs of half as many symbols."""
    symbols = max(count // 2, 2)
    return [Legs(at % symbols, (at + 1 + at // symbols) % symbols) for at in range(count)]


def closes(bars: int, symbols: int) -> FloatArray:
    """Return random walks of shape (bars, symbols), whose first prices lie between 0.01 and 60,000."""
    chance = np.random.default_rng(1)
    common = chance.normal(0.0, 2e-4, (bars, 1))
    return np.asarray(np.geomspace(0.01, 60_000.0, symbols) * np.exp((common + chance.normal(0.0, 1e-4, (bars, symbols))).cumsum(axis=0)))


def of_group(regression: Regression, pairs: int, bars: int) -> list[float]:
    """Return the CPU microseconds a pair of each of so many bars, for a group all of whose pairs are in its table."""
    guard, legs = Guard("regression", "all", EventClock()), pairs_of(pairs)
    spec = PairSpec("like", EVERY, regression)
    group = PairGroup(PairSeries(spec, lambda plugin, user: guard, reopen=300_000))
    for at, each in enumerate(legs):
        series = PairSeries(PairSpec(f"P{at}", EVERY, regression), lambda plugin, user: guard, reopen=300_000)
        group.add(series, each)
    coming = _bars(bars + 3 * regression.window, pairs)
    for given in islice(coming, 3 * regression.window):
        deque(group.step(given, lambda pair, every: 0), 0)
        group.settle(pairs)
    found = []
    gc.collect()
    gc.disable()
    for given in coming:
        began = time.thread_time()
        made = list(group.step(given, lambda pair, every: 0))
        found.append((time.thread_time() - began) / pairs * 1e6)
        assert [len(each) for each in made if isinstance(each, PointColumns)] == [pairs]
    gc.enable()
    return found


def _bars(count: int, pairs: int) -> Iterator[Bars]:
    symbols = max(pairs // 2, 2)
    for at, prices in enumerate(closes(count, symbols).tolist()):
        yield {(symbol, EVERY): [_bar(symbol, at, close)] for symbol, close in enumerate(prices)}


def _bar(symbol: int, at: int, close: float) -> Bar:
    return Bar(f"S{symbol}", EVERY, fakes.START + 1000 * at, close, close, close, close, 1.0, 1, close, 0.5, "complete")


def of_loop(loop: Loop, pairs: int, window: int, bars: int) -> list[float]:
    """Return the CPU microseconds a pair of each of so many bars, once the windows are full."""
    legs = pairs_of(pairs)
    rows = closes(2 * window + bars, max(pairs // 2, 2))
    y, x = rows[:, [each.y for each in legs]].tolist(), rows[:, [each.x for each in legs]].tolist()
    found = []
    gc.collect()
    gc.disable()
    for both in zip(y, x, strict=True):
        began = time.thread_time()
        loop(both)
        found.append((time.thread_time() - began) / pairs * 1e6)
    gc.enable()
    return found[2 * window :]


def wickra(pairs: int, window: int, *names: str) -> Loop:
    """Return a loop over pairs that updates these indicators of wickra. Raises ImportError if it is not installed."""
    import wickra as peer

    kinds = {"PairSpreadZScore": (window, window), "KalmanHedgeRatio": ()}
    updates: list[list[Any]] = [[getattr(peer, name)(*kinds.get(name, (window,))).update for _ in range(pairs)] for name in names]

    def one(prices: Prices) -> None:
        for update, y, x in zip(updates[0], *prices, strict=True):
            update(y, x)

    def three(prices: Prices) -> None:
        for first, second, third, y, x in zip(*updates, *prices, strict=True):
            first(y, x)
            second(y, x)
            third(y, x)

    return one if len(names) == 1 else three


class River:
    """River's rolling statistics of one pair. Raises ImportError if river is not installed."""

    def __init__(self, window: int) -> None:
        from river import stats, utils

        def rolling(kind: type) -> Any:
            return utils.Rolling(kind, window_size=window)

        self._cov, self._var, self._corr = rolling(stats.Cov), rolling(stats.Var), rolling(stats.PearsonCorr)
        self._mean, self._spread = rolling(stats.Mean), rolling(stats.Var)

    def update(self, y: float, x: float) -> None:
        """Take a bar and compute beta, spread, z-score and correlation."""
        self._cov.update(y, x)
        self._var.update(x)
        self._corr.update(y, x)
        spread = y - self._cov.get() / (self._var.get() or 1.0) * x
        self._mean.update(spread)
        self._spread.update(spread)
        (spread - self._mean.get()) / math.sqrt(self._spread.get() or 1.0)
        self._corr.get()


def river(pairs: int, window: int) -> Loop:
    """Return a loop over pairs. Raises ImportError if river is not installed."""
    updates = [River(window).update for _ in range(pairs)]

    def loop(prices: Prices) -> None:
        for update, y, x in zip(updates, *prices, strict=True):
            update(y, x)

    return loop


def line(name: str, found: list[float]) -> float:
    """Print what bars take. Return the median."""
    shown = "/".join(f"{value:,.2f}" for value in (min(found), np.median(found), max(found)))
    print(f"{name:62} {shown} us a pair, {len(found)} bars", flush=True)
    return float(np.median(found))


def peers(window: int, bars: int) -> Iterator[tuple[str, float, float]]:
    """Print the lines of the peers that are installed. Yield the name, the median (us) and the goal of the ratio of each."""
    try:
        line("wickra, z-score alone", of_loop(wickra(PAIRS, window, "PairSpreadZScore"), PAIRS, window, bars))
        three = wickra(PAIRS, window, "Beta", "PairSpreadZScore", "PearsonCorrelation")
        yield "wickra", line("wickra, beta, z-score and correlation", of_loop(three, PAIRS, window, bars)), 1.5
    except ImportError:
        print("wickra is not installed: its rows are left out")
    try:
        yield "river", line("river, beta, z-score and correlation", of_loop(river(FEW, window), FEW, window, bars)), 15.0
    except ImportError:
        print("river is not installed: its rows are left out")


def report(window: int, fit_us: float) -> None:
    """Print the lines and the goals. statsmodels takes `fit_us` for one fit."""
    bars = 2 * window + 10
    ols = of_group(Ols(window=window), PAIRS, bars)
    ours = line(f"{PAIRS:,} ols pairs, W={window}", ols)
    line(f"{PAIRS:,} kalman pairs, W={window}", of_group(Kalman(window=window), PAIRS, bars))
    long = of_group(Ols(window=LONG), FEW, 2 * LONG + 10)
    line(f"{FEW} ols pairs, W={LONG}", long)
    others = [*peers(window, bars), ("statsmodels OLS.fit", fit_us, 150.0)]
    row(f"{PAIRS:,} pairs, W={window}, one bar: beta, stderr, spread, z, corr", ours, 1.0, " us a pair", most=True)
    for name, theirs, goal in others:
        row(f"{name} / quantd", theirs / ours, goal, "x")
    row(f"{PAIRS:,} pairs, W={window}: max / median", max(ols) / ours, 3.0, "x", most=True)
    row(f"{FEW} pairs, W={LONG}: max / median", max(long) / float(np.median(long)), 3.0, "x", most=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the same: it takes less than two minutes anyway")
    parser.add_argument("--window", type=int, default=60)
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import statsmodels.api as sm

    y, x = fakes.legs(options.window)
    fits = []
    for _ in range(200):
        began = time.thread_time()
        sm.OLS(y, sm.add_constant(x)).fit()
        fits.append((time.thread_time() - began) * 1e6)
    report(options.window, float(np.median(fits)))


if __name__ == "__main__":
    main()
