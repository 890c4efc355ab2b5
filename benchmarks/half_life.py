"""The accuracy of the half-life: its estimate and the coverage of its interval, for processes whose half-life is known.

    python benchmarks/half_life.py [--runs 4000] [--spoilt]
    python benchmarks/half_life.py --table        # makes the table of quantd/stats/unit_root.py, some minutes

The first table covers AR(1) series of n values and, as `fitted`, the spread that a job receives: the last n closes of both legs, priced
with the beta that least squares fitted to the last half of them. It shows the median of the estimates, with no estimate counted as infinite
(– above 500 bars); the shares of series without an estimate, and of intervals without an upper end; and how often the 95 % interval
contains the half-life. `normal` is phi of least squares, bias corrected, ± 1.96 standard errors, for comparison.

The second table covers the same AR(1) series with defects of closes: both legs bounce between a bid and an ask that are one or two standard
deviations of a step apart, or one value is off by 20 of these standard deviations.
"""

import argparse
import math
import os
from collections.abc import Callable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from quantd.stats import FloatArray
from quantd.stats.regression import ols_fit
from quantd.stats.reversion import half_life
from quantd.stats.unit_root import QUANTILES, SIZES, phis
from quantd.stats.zscore import priced

HALF_LIVES = (2.0, 5.0, 10.0, 20.0, 50.0, math.inf)
LENGTHS = (60, 100, 250, 500)
Answer = tuple[float, float, float]
"""The estimate and the ends of the interval: inf if there is none."""
Maker = Callable[[np.random.Generator, int, float], FloatArray]


def ar1(chance: np.random.Generator, n: int, phi: float) -> FloatArray:
    """Return a stationary AR(1) series; a random walk if phi is 1."""
    shocks, series = chance.normal(size=n), np.zeros(n)
    series[0] = shocks[0] / math.sqrt(1.0 - phi * phi) if phi < 1.0 else shocks[0]
    for at in range(1, n):
        series[at] = phi * series[at - 1] + shocks[at]
    return series


def spread(chance: np.random.Generator, n: int, phi: float) -> FloatArray:
    """Return the spread of a pair y = 50 + 1.5 x + AR(1), as a job receives it."""
    x = 1_000.0 + 2.0 * chance.normal(size=n).cumsum()
    y = 50.0 + 1.5 * x + ar1(chance, n, phi)
    line = ols_fit(y[n // 2 :], x[n // 2 :])
    assert line
    return priced(y, x, line.beta, log=False).spread


def bouncing(half: float) -> Maker:
    def made(chance: np.random.Generator, n: int, phi: float) -> FloatArray:
        y, x = chance.choice([-half, half], size=(2, n))
        return ar1(chance, n, phi) + y - x

    return made


def misprinted(chance: np.random.Generator, n: int, phi: float) -> FloatArray:
    series = ar1(chance, n, phi)
    series[n // 2] += 20.0
    return series


def told(series: FloatArray) -> Answer:
    life = half_life(series)
    none = 0.0 if life.reason == "oscillates" else math.inf
    ends = (life.low, life.high) if life.low is not None else (math.inf, math.inf)
    return none if life.bars is None else life.bars, ends[0], math.inf if ends[1] is None else ends[1]


def normal(series: FloatArray) -> Answer:
    fit = ols_fit(series[1:], series[:-1])
    assert fit
    assert fit.stderr
    phi = (fit.n * fit.beta + 1.0) / (fit.n - 3)
    first, second, third = (_bars(phi + by * fit.stderr) for by in (0.0, -1.96, 1.96))
    return first, second, third


def _bars(phi: float) -> float:
    return 0.0 if phi <= 0.0 else math.inf if phi >= 1.0 else -math.log(2.0) / math.log(phi)


def measured(make: Maker, life: float, n: int, runs: int) -> tuple[Answer, float, float]:
    """Return the median of the estimates, the shares of series without an estimate and without an upper end, and how often each interval
    contains the truth; the last interval is the normal one."""
    chance = np.random.default_rng([n, int(min(life, 1e6)), make is spread])
    series = [make(chance, n, 0.5 ** (1.0 / life)) for _ in range(runs)]
    ours, theirs = (np.array([way(each) for each in series]) for way in (told, normal))
    inside = [float(((each[:, 1] <= life) & (life <= each[:, 2])).mean()) for each in (ours, theirs)]
    of_ours = float(np.median(ours[:, 0])), float(np.isinf(ours[:, 0]).mean()), float(np.isinf(ours[:, 2]).mean())
    return of_ours, inside[0], inside[1]


def coverage(runs: int) -> None:
    print("| half-life | n | median | no point | no end | inside | inside, normal | fitted: median | no point | no end | inside |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for life in HALF_LIVES:
        for n in LENGTHS:
            cells = [f"{life:g}" if life < math.inf else "none", str(n)]
            for make in (ar1, spread):
                (median, without, endless), inside, by_normal = measured(make, life, n, runs)
                cells += [f"{median:.1f}" if median < 500.0 else "–", *(f"{each:.1%}" for each in (without, endless, inside))]
                cells += [f"{by_normal:.1%}"] if make is ar1 else []
            print(f"| {' | '.join(cells)} |", flush=True)


def spoilt(runs: int) -> None:
    kinds: dict[str, Maker] = {"bid-ask 1": bouncing(0.5), "bid-ask 2": bouncing(1.0), "bad print": misprinted}
    print(f"\n| half-life | n | {' | '.join(f'{name}: median | no end | inside' for name in kinds)} |\n|{'---|' * (2 + 3 * len(kinds))}")
    for life in HALF_LIVES:
        for n in LENGTHS:
            cells = [f"{life:g}" if life < math.inf else "none", str(n)]
            for make in kinds.values():
                (median, _, endless), inside, _ = measured(make, life, n, runs)
                cells += [f"{median:.1f}" if median < 500.0 else "–", *(f"{each:.0%}" for each in (endless, inside))]
            print(f"| {' | '.join(cells)} |", flush=True)


def table(runs: int) -> None:
    """Return the quantiles of the t-statistic of phi, for each number of pairs and each phi. All phi of a size use the same shocks."""
    for n in SIZES:
        chance, phi = np.random.default_rng(n), phis()[:, None]
        pull = np.sqrt((1.0 - phi) / (1.0 + phi)) * chance.normal(size=runs)  # (1 - phi) times a stationary start
        now = np.zeros((len(phi), runs))  # minus the start
        of_lag, lag_lag, lag_now = np.zeros((3, len(phi), runs))
        for _ in range(n):
            lag, now = now, phi * now - pull + chance.normal(size=runs)
            of_lag += lag
            lag_lag += lag * lag
            lag_now += lag * now
        of_now, now_now = of_lag + now, lag_lag + now * now
        sxx, sxy, syy = lag_lag - of_lag**2 / n, lag_now - of_lag * of_now / n, now_now - of_now**2 / n
        beta = sxy / sxx
        error = np.sqrt((syy - beta * sxy) / (n - 2) / sxx)
        found = np.quantile((beta - phi) / error, QUANTILES, axis=1).T
        print(f"    {[[round(float(value), 3) for value in row] for row in found]},", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=4000)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--spoilt", action="store_true", help="the second table alone")
    options = parser.parse_args()
    if options.table:
        table(120_000)
    else:
        if not options.spoilt:
            coverage(options.runs)
        spoilt(options.runs)


if __name__ == "__main__":
    main()
