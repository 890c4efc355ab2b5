"""What the `health` job says of made pairs: of one that holds, and of such that broke half a window ago, and a whole one.

python benchmarks/health.py [--pairs 500]
"""

import argparse

import numpy as np

from quantd.plugin.base import PairView
from quantd.stats import FloatArray
from quantd_plugins.jobs.health import Health

WINDOW = 60
BEFORE = 2 * WINDOW
STATES = ("healthy", "degraded", "broken")


def pair(chance: np.random.Generator, kind: str, phi: float) -> tuple[FloatArray, FloatArray]:
    """A pair whose spread is an AR(1) process, until it breaks after BEFORE bars."""
    n = BEFORE + WINDOW
    x = 1_000.0 + chance.normal(size=n).cumsum()
    spread, shocks, broken = np.zeros(n), chance.normal(size=n), np.arange(n) >= BEFORE
    for at in range(1, n):
        spread[at] = (1.0 if kind == "spread walks off" and broken[at] else phi) * spread[at - 1] + shocks[at]
    beta = np.where(broken, 2.05, 2.0) if kind == "beta moves by 2.5 %" else 2.0
    return beta * x + spread, x


def judged(y: FloatArray, x: FloatArray) -> str:
    y, x = y[-2 * WINDOW :], x[-2 * WINDOW :]
    good = np.ones(len(y))
    columns = {"ts": np.arange(len(y)), "y": y, "x": x, "corr": 0.9 * good, "coverage": good}
    return str(Health().run(PairView("Y-X", "1m", 0, WINDOW, columns))["health"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=500)
    options = parser.parse_args()
    print("| pair | half-life of its spread, bars | bars since it broke | healthy | degraded | broken |\n|---|---|---|---|---|---|")
    for kind, phi in (("holds", 0.5), ("holds", 0.8), ("holds", 0.9), ("spread walks off", 0.8), ("beta moves by 2.5 %", 0.8)):
        for since in (WINDOW,) if kind == "holds" else (WINDOW // 2, WINDOW):
            chance = np.random.default_rng(since)
            made = [pair(chance, kind, phi) for _ in range(options.pairs)]
            found = [judged(y[: BEFORE + since], x[: BEFORE + since]) for y, x in made]
            shares = " | ".join(f"{found.count(state) / len(found):.1%}" for state in STATES)
            print(f"| {kind} | {-np.log(2) / np.log(phi):.1f} | {'–' if kind == 'holds' else since} | {shares} |")


if __name__ == "__main__":
    main()
