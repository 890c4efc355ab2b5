"""How often each test reports cointegration: for unrelated legs, where that is wrong, and for legs with a mean-reverting spread, where it
is right.

    python benchmarks/false_positives.py [--pairs 2000] [--seed 20261129] [--only TEXT] [--kpss]

Each cell tells the share of pairs, in %, at windows of 60, 120, 250 and 500 bars; all tests at 5 %. The legs are random walks whose steps
have a standard deviation of 1, with something that prices have: a drift of a tenth of it a bar; trades that bounce between a bid and an ask
that are two of it apart; ticks of three of it; a leg that trades in three bars of ten; steps of Student's t with 3 degrees; volatility that
clusters (GARCH); one close that is off by thirty of it. Those that are tied have a spread that is an AR(1) process whose departures halve
in so many bars.

Columns of the first table: a plain Dickey-Fuller test of the closes priced with the beta of their last half, as the job `adf` makes it, and
with the beta of all; Engle and Granger's test of y on x; both directions small; either; the test with a trend; and with 4 lags, where the
others choose theirs by AIC. Columns of the second: Johansen's rank at least 1, and 1, with a restricted constant; with another number of
lags than 2; and at least 1 with the other trends. The third, of a tenth of the pairs, tells how often what is left is not white noise. The
fourth (`--kpss`: it alone) tells how often KPSS calls the spread not stationary, priced with the beta of the last half, as the job does.
"""

import argparse
import os
from collections.abc import Callable
from typing import Literal

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from quantd.stats import FloatArray
from quantd.stats.cointegration import engle_granger
from quantd.stats.johansen import Deterministic, johansen, whiteness
from quantd.stats.kpss import kpss
from quantd.stats.regression import ols_fit
from quantd.stats.stationarity import adf

LEVEL = 0.05
WINDOWS = (60, 120, 250, 500)
PLAIN = ("ADF, half", "ADF, all", "Engle-Granger", "both ways", "either way", "`trend: ct`", "`lags: 4`")
RANKS = ("`rc`, rank ≥ 1", "rank = 1", "`lags: 0`", "`lags: 1`", "`lags: 4`", "`c`, rank ≥ 1", "`ct`, rank ≥ 1", "`n`, rank ≥ 1")
LAGS = (0, 1, 2, 4)
OTHERS: tuple[Deterministic, ...] = ("c", "ct", "n")
Chance = np.random.Generator
Maker = Callable[[Chance, int, int], FloatArray]


def walks(chance: Chance, pairs: int, n: int) -> FloatArray:
    """Return unrelated legs of shape (pairs, 2, n)."""
    return 1_000.0 + chance.normal(size=(pairs, 2, n)).cumsum(axis=2)


def drifting(legs: int) -> Maker:
    drift = np.array([0.1, 0.1 if legs == 2 else 0.0])[:, np.newaxis]
    return lambda chance, pairs, n: walks(chance, pairs, n) + drift * np.arange(n)


def bouncing(chance: Chance, pairs: int, n: int) -> FloatArray:
    return walks(chance, pairs, n) + chance.choice([-1.0, 1.0], size=(pairs, 2, n))


def coarse(chance: Chance, pairs: int, n: int) -> FloatArray:
    return 3.0 * np.round(walks(chance, pairs, n) / 3.0)


def stale(chance: Chance, pairs: int, n: int) -> FloatArray:
    legs = walks(chance, pairs, n)
    traded = chance.random(size=(pairs, n)) < 0.3
    traded[:, 0] = True
    last = np.maximum.accumulate(np.where(traded, np.arange(n), 0), axis=1)
    legs[:, 1] = np.take_along_axis(legs[:, 1], last, axis=1)
    return legs


def heavy(chance: Chance, pairs: int, n: int) -> FloatArray:
    return 1_000.0 + chance.standard_t(3.0, size=(pairs, 2, n)).cumsum(axis=2) / np.sqrt(3.0)


def clustered(chance: Chance, pairs: int, n: int) -> FloatArray:
    steps, variance = chance.normal(size=(pairs, 2, n)), np.ones((pairs, 2))
    for at in range(n):
        steps[:, :, at] *= np.sqrt(variance)
        variance = 0.02 + 0.1 * steps[:, :, at] ** 2 + 0.88 * variance
    return 1_000.0 + steps.cumsum(axis=2)


def misprinted(leg: int) -> Maker:
    def made(chance: Chance, pairs: int, n: int) -> FloatArray:
        legs = walks(chance, pairs, n)
        legs[:, leg, n // 2] += 30.0
        return legs

    return made


def tied(half_life: float) -> Maker:
    def made(chance: Chance, pairs: int, n: int) -> FloatArray:
        legs, spread = walks(chance, pairs, n), np.zeros((pairs, n))
        shocks = chance.normal(size=(pairs, n))
        for at in range(1, n):
            spread[:, at] = 0.5 ** (1.0 / half_life) * spread[:, at - 1] + shocks[:, at]
        legs[:, 0] = 100.0 + 2.0 * legs[:, 1] + spread
        return legs

    return made


ROWS: dict[str, Maker] = {
    "strangers": walks,
    "y drifts": drifting(1),
    "both drift": drifting(2),
    "bounce": bouncing,
    "coarse ticks": coarse,
    "stale x": stale,
    "heavy tails": heavy,
    "GARCH": clustered,
    "tied, 5 bars": tied(5.0),
    "tied, 6.6 bars": tied(6.6),
    "tied, 20 bars": tied(20.0),
    "tied, 50 bars": tied(50.0),
    "one bad print of y": misprinted(0),
    "one bad print of x": misprinted(1),
}


def plain(y: FloatArray, x: FloatArray) -> tuple[bool, ...]:
    """Return the columns of the first table."""
    half, whole = ols_fit(y[-(len(y) // 2) :], x[-(len(x) // 2) :]), ols_fit(y, x)
    tests = [adf(y - line.beta * x) if line else None for line in (half, whole)]
    on_half, on_all = (test is not None and test.pvalue < LEVEL for test in tests)
    way, back, trended, lagged = small(y, x), small(x, y), small(y, x, "ct"), small(y, x, lags=4)
    return on_half, on_all, way, way and back, way or back, trended, lagged


def small(y: FloatArray, x: FloatArray, trend: Literal["c", "ct"] = "c", lags: int | None = None) -> bool:
    pvalue = engle_granger(y, x, trend=trend, lags=lags).pvalue
    return pvalue is not None and pvalue < LEVEL


def ranks(y: FloatArray, x: FloatArray) -> tuple[bool, ...]:
    """Return the columns of the second table."""

    def rank(trend: Deterministic, lags: int = 2) -> int:
        return johansen(y, x, trend=trend, lags=lags).rank or 0

    found = rank("rc")
    return found >= 1, found == 1, *(rank("rc", lags) >= 1 for lags in (0, 1, 4)), *(rank(trend) >= 1 for trend in OTHERS)


def coloured(y: FloatArray, x: FloatArray) -> tuple[bool, ...]:
    """Return the columns of the third table."""
    pvalues = [whiteness(y, x, lags=lags) for lags in LAGS]
    return tuple(pvalue is not None and pvalue < LEVEL for pvalue in pvalues)


def moving(y: FloatArray, x: FloatArray) -> tuple[bool, ...]:
    """Return the columns of the fourth table."""
    line = ols_fit(y[-(len(y) // 2) :], x[-(len(x) // 2) :])
    found = kpss(y - line.beta * x) if line else None
    return (found is not None and found.pvalue < LEVEL,)


def show(
    tests: Callable[[FloatArray, FloatArray], tuple[bool, ...]], names: tuple[str, ...], options: argparse.Namespace, pairs: int
) -> None:
    print(f"\n| legs | {' | '.join(names)} |\n|{'---|' * (len(names) + 1)}")
    for number, (row, make) in enumerate(ROWS.items()):
        if options.only not in row:
            continue
        shares = []
        for window in WINDOWS:
            legs = make(np.random.default_rng((options.seed, number, window)), pairs, window)
            shares.append(np.mean([tests(y, x) for y, x in legs], axis=0))
        cells = (" ".join(f"{100.0 * share:.0f}" for share in column) for column in np.transpose(shares))
        print(f"| {row} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20_261_129)
    parser.add_argument("--only", default="", help="rows whose name holds this")
    parser.add_argument("--kpss", action="store_true")
    options = parser.parse_args()
    print(f"{options.pairs} pairs a cell, seed {options.seed}; windows {', '.join(map(str, WINDOWS))}")
    if not options.kpss:
        show(plain, PLAIN, options, options.pairs)
        show(ranks, RANKS, options, options.pairs)
        show(coloured, tuple(f"`lags: {lags}`" for lags in LAGS), options, max(1, options.pairs // 10))
    show(moving, ("KPSS, half",), options, options.pairs)


if __name__ == "__main__":
    main()
