"""How well Kalman follows a beta that drifts steadily with a constant alpha, compared with least squares over a window.

    python benchmarks/drift.py [--window 60]

Made pairs: x is a random walk of a given movement a bar, beta grows by a given drift a bar, y has a given noise. The table shows, over all
settings, the ratio of the two errors of beta (root mean square after two windows): below 1 Kalman is nearer.
"""

import argparse
from itertools import product
from typing import Any

import numpy as np

from quantd.plugin.loader import load
from quantd.plugin.regression import Regression
from quantd.stats import FloatArray

MOVEMENTS, DRIFTS, NOISES = (1e-4, 1e-3, 5e-3), (1e-6, 1e-5, 1e-4, 1e-3), (1e-5, 1e-4, 1e-3)
BARS, SEEDS = 600, 3


def pair(first: float, movement: float, drift: float, noise: float, seed: int, prices: str) -> tuple[Any, Any, Any]:
    """Return y, x and beta. The noise is a share of the first price, or in logarithms."""
    chance = np.random.default_rng(seed)
    log_x = np.log(first) + chance.normal(0.0, movement, BARS).cumsum()
    x, unit = (log_x, 1.0) if prices == "log" else (np.exp(log_x), first)
    beta = 1.0 + drift * np.arange(BARS)
    return 0.5 * unit + beta * x + chance.normal(0.0, noise * unit, BARS), x, beta


def error(regression: Regression, y: FloatArray, x: FloatArray, beta: FloatArray) -> float:
    """Return the root mean square error of its beta, once both windows are full."""
    begin = 2 * regression.window
    hedges = regression.rolling(y, x)[begin:]
    return float(np.sqrt(np.mean([(hedge.beta - true) ** 2 for hedge, true in zip(hedges, beta[begin:], strict=True) if hedge])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--window", type=int, default=60)
    window = parser.parse_args().window
    registry = load()
    print(f"{'prices':8}{'first':>10}{'median':>10}{'largest':>10}{'above 1':>10}")
    for prices, first in product(("raw", "log"), (1e-5, 0.9, 1.01, 2.0, 60_000.0)):
        made: list[Any] = [registry.get("regression", name).plugin(window=window, prices=prices) for name in ("kalman", "ols")]
        kalman, ols = made
        ratios = []
        for setting in product(MOVEMENTS, DRIFTS, NOISES):
            tried = [pair(first, *setting, seed, prices) for seed in range(SEEDS)]
            ratios.append(np.median([error(kalman, *each) / error(ols, *each) for each in tried]))
        print(f"{prices:8}{first:>10g}{np.median(ratios):>10.2f}{max(ratios):>10.2f}{np.mean(np.array(ratios) > 1):>10.0%}")


if __name__ == "__main__":
    main()
