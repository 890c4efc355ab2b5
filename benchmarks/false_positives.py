"""How often each test calls two legs tied: independent random walks, where it is wrong, and legs whose spread comes back.

    python benchmarks/false_positives.py [--pairs 2000]

Columns: a plain Dickey-Fuller test of the closes priced with the beta of their last half, as the job `adf` makes it of twice the
regression's window; the same with the beta of all of them; Engle and Granger's test of y on x; and how often either of the two directions
finds something. All at 5 %, lags by AIC.
"""

import argparse
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from quantd.stats import FloatArray
from quantd.stats.cointegration import engle_granger
from quantd.stats.regression import ols_fit
from quantd.stats.stationarity import adf

LEVEL = 0.05
PHI = 0.9
WINDOWS = (20, 60, 120, 180, 250, 500)


def made(chance: np.random.Generator, n: int, *, tied: bool) -> tuple[FloatArray, FloatArray]:
    """Two walks of n bars; tied, their spread is an AR(1) process whose departures last 6.6 bars by half."""
    x = 1_000.0 + chance.normal(size=n).cumsum()
    shocks = chance.normal(size=n)
    if not tied:
        return 1_000.0 + shocks.cumsum(), x
    spread = np.zeros(n)
    for at in range(1, n):
        spread[at] = PHI * spread[at - 1] + shocks[at]
    return 100.0 + 2.0 * x + spread, x


def rejected(y: FloatArray, x: FloatArray) -> tuple[bool, bool, bool, bool]:
    """Whether each of the tests finds these bars tied."""
    half, whole = ols_fit(y[-(len(y) // 2) :], x[-(len(x) // 2) :]), ols_fit(y, x)
    plain = [adf(y - line.beta * x) if line else None for line in (half, whole)]
    way, back = engle_granger(y, x), engle_granger(x, y)
    pvalues = [1.0 if test is None or test.pvalue is None else test.pvalue for test in (*plain, way, back)]
    return pvalues[0] < LEVEL, pvalues[1] < LEVEL, pvalues[2] < LEVEL, min(pvalues[2:]) < LEVEL


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=2000)
    options = parser.parse_args()
    print("| legs | window | ADF, beta of the last half | ADF, beta of all | Engle-Granger | either way |\n|---|---|---|---|---|---|")
    for tied in (False, True):
        for window in WINDOWS:
            chance = np.random.default_rng(window)
            found = [rejected(*made(chance, window, tied=tied)) for _ in range(options.pairs)]
            shares = " | ".join(f"{share:.1%}" for share in np.mean(found, axis=0))
            print(f"| {'tied' if tied else 'independent'} | {window} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
