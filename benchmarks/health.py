"""The states that the `health` job reports for generated pairs whose truth is known, over a regression window of 60 bars.

    python benchmarks/health.py [--pairs 3000] [--seed 1] [--only TEXT]

`--pairs` pairs of each kind, or of the kinds whose name contains TEXT, are generated, and each is judged once. The last column shows how
often the state changes from bar to bar.
"""

import argparse
import os
from collections.abc import Callable
from itertools import pairwise

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from quantd.plugin.base import PairView
from quantd.stats import FloatArray
from quantd.stats.kernels import compiler
from quantd_plugins.jobs.health import Health

WINDOW = 60
LONG = 500
STATES = ("healthy", "unproven", "degraded", "broken")
FOLLOWED = 500
"""Number of bars over which changes are counted, for one pair in a hundred."""
HEAD = "| pair | bars since | healthy | unproven | degraded | broken | changes a bar |\n|---|---|---|---|---|---|---|"
Chance = np.random.Generator
Legs = tuple[FloatArray, FloatArray]
Made = Callable[[Chance, int], Legs]


def reverting(shocks: FloatArray, phi: FloatArray) -> FloatArray:
    """Return a process in which a share `phi` persists from bar to bar. It begins in its stationary state."""
    spread = np.zeros(len(shocks))
    spread[0] = shocks[0] / np.sqrt(1.0 - phi[0] ** 2) if phi[0] < 1.0 else 0.0
    for at in range(1, len(shocks)):
        spread[at] = phi[at] * spread[at - 1] + shocks[at]
    return spread


def correlated(rho: float) -> Made:
    """Return unrelated legs whose moves have the correlation `rho`."""

    def made(chance: Chance, bars: int) -> Legs:
        x, own = chance.normal(size=(2, bars))
        return 1_000.0 + (rho * x + np.sqrt(1.0 - rho * rho) * own).cumsum(), 1_000.0 + x.cumsum()

    return made


def bouncing(made: Made, half: float) -> Made:
    """Return these legs with closes at the bid or the ask, `half` a spread from the true price."""

    def made_so(chance: Chance, bars: int) -> Legs:
        y, x = (leg + half * chance.choice([-1.0, 1.0], bars) for leg in made(chance, bars))
        return y, x

    return made_so


def misprinted(made: Made, since: int) -> Made:
    """Return these legs with one close of y off by 40 steps of x, `since` bars ago."""

    def made_so(chance: Chance, bars: int) -> Legs:
        y, x = made(chance, bars)
        y[-since] += 40.0
        return y, x

    return made_so


def tied(half_life: float, since: int = 0, *, apart: bool = False, beta: float = 2.0) -> Made:
    """Return legs whose spread has this half-life in bars. In the last `since` bars, the spread is a random walk if they are `apart`, and
    the hedge ratio is `beta` instead of 2."""

    def made(chance: Chance, bars: int) -> Legs:
        last = np.arange(bars) >= bars - since
        x = 1_000.0 + chance.normal(size=bars).cumsum()
        spread = reverting(chance.normal(size=bars), np.where(last & apart, 1.0, 0.5 ** (1.0 / half_life)))
        return np.where(last, beta, 2.0) * x + spread, x

    return made


def states(y: FloatArray, x: FloatArray, job: Health, last: int = 1) -> list[str]:
    """Return the state of these legs at each of the last bars."""
    returns = pd.DataFrame({"y": np.diff(np.log(y)), "x": np.diff(np.log(x))})
    corr = returns["y"].rolling(WINDOW).corr(returns["x"]).to_numpy()
    found, needed = [], job.bars_needed(WINDOW)
    for end in range(len(y) - last + 1, len(y) + 1):
        span = slice(end - needed, end)
        ones = np.ones(needed)
        columns = {"ts": np.arange(needed), "y": y[span], "x": x[span], "beta": ones, "coverage": ones, "corr_returns": corr[: end - 1]}
        found.append(str(job.run(PairView("Y-X", "1m", 0, WINDOW, columns))["health"]))
    return found


KINDS: list[tuple[str, str, Made]] = [
    ("never tied: independent walks", "–", correlated(0.0)),
    *((f"never tied: returns correlated {rho:g}", "–", correlated(rho)) for rho in (0.5, 0.99, 0.9)),
    ("the same, closes at bid or ask", "–", bouncing(correlated(0.9), 0.5)),
    *((f"tied, half-life {life:g}", "–", tied(life)) for life in (1, 3, 5, 6, 10, 20, 50)),
    *(("beta moved by 2.5 %, half-life 5", f"{since}", tied(5, since, beta=2.05)) for since in (1, 5, 20, 60, 120, 300)),
    *(("came apart, half-life was 5", f"{since}", tied(5, since, apart=True)) for since in (30, 60, 120, 180, 300)),
    ("never tied: returns correlated 0.9, one bad print", "150", misprinted(correlated(0.9), 150)),
    *(("tied, half-life 5, one bad print", f"{since}", misprinted(tied(5), since)) for since in (1, 2, 20, 150)),
]


def row(name: str, since: str, made: Made, job: Health, pairs: int, seed: int) -> str:
    chance, bars = np.random.default_rng([seed, len(name), job.bars_needed(WINDOW)]), job.bars_needed(WINDOW) + WINDOW
    found = [states(*made(chance, bars), job)[0] for _ in range(pairs)]
    shares = " | ".join(f"{found.count(state) / pairs:.1%}" for state in STATES)
    if since != "–":
        return f"| {name} | {since} | {shares} | |"
    followed = [states(*made(chance, bars + FOLLOWED), job, FOLLOWED) for _ in range(max(1, pairs // 100))]
    changes = np.mean([sum(was != now for was, now in pairwise(each)) for each in followed]) / FOLLOWED
    return f"| {name} | {since} | {shares} | {changes:.1%} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    kinds = [kind for kind in KINDS if options.only in kind[0]]
    compiler.compile()
    print(f"{options.pairs} pairs a row, seed {options.seed}, evidence {Health().bars_needed(WINDOW)} bars\n")
    print(HEAD)
    for kind in kinds:
        print(row(*kind, Health(), options.pairs, options.seed), flush=True)
    print(f"\nWith `evidence: {LONG}`:\n\n{HEAD}")
    for kind in kinds:
        if kind[1] == "–":
            print(row(*kind, Health(evidence=LONG), options.pairs, options.seed), flush=True)


if __name__ == "__main__":
    main()
