"""Checks that the published critical values of Johansen's tests belong to the models that `quantd.stats.johansen` fits.

    python benchmarks/critical_values.py [--walks 100000] [--steps 1000] [--seed 20261129]

The limit of the statistics is simulated: the eigenvalues of  ∫ dW F' (∫ F F')⁻¹ ∫ F dW'  for a Brownian motion W of two dimensions (no
relation) or one (at most one), as a random walk of so many steps. F is W for trend `n`; (W, 1) for `rc`; for `c` W without its last
dimension, which a linear time has the place of, less the means, and with W instead where the legs do not drift; (W, t) less the means for
`ct`. Each row tells the 95 % quantile that was found, the published one, and how often the latter is exceeded.
"""

import argparse
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from quantd.stats import FloatArray
from quantd.stats.johansen import CRITICAL, Deterministic

BATCH = 1000
ROWS: tuple[tuple[str, Deterministic], ...] = (("n", "n"), ("rc", "rc"), ("c", "c"), ("c, no drift", "c"), ("ct", "ct"))


def path(walk: FloatArray, row: str) -> FloatArray:
    """Return F of walks (walks, steps, dimensions) before each step."""
    time = np.broadcast_to(np.linspace(0.0, 1.0, walk.shape[1])[:, np.newaxis], (*walk.shape[:2], 1))
    if row == "n":
        return walk
    if row == "rc":
        return np.concatenate([walk, np.ones_like(time)], axis=2)
    kept = {"c": [walk[:, :, :-1], time], "c, no drift": [walk], "ct": [walk, time]}[row]
    levels = np.concatenate(kept, axis=2)
    return levels - levels.mean(axis=1, keepdims=True)


def statistics(chance: np.random.Generator, row: str, dimensions: int, steps: int) -> FloatArray:
    """Return trace and maximum eigenvalue of a batch of walks, shape (walks, 2)."""
    shocks = chance.normal(size=(BATCH, steps, dimensions))
    levels = path(shocks.cumsum(axis=1) - shocks, row)
    if row not in ("n", "rc"):
        shocks = shocks - shocks.mean(axis=1, keepdims=True)
    across = shocks.transpose(0, 2, 1) @ levels
    inner = np.linalg.solve(levels.transpose(0, 2, 1) @ levels, across.transpose(0, 2, 1))
    values = np.linalg.eigvalsh(across @ inner)
    return np.stack([values.sum(axis=1), values[:, -1]], axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--walks", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=20_261_129)
    options = parser.parse_args()
    print(f"{options.walks} walks of {options.steps} steps, seed {options.seed}\n")
    print(
        "| trend | relations at most | trace: found | published | beyond it | maximum: found | published | beyond it |\n" + "|---" * 8 + "|"
    )
    for number, (row, trend) in enumerate(ROWS):
        for most in (0, 1):
            chance = np.random.default_rng((options.seed, number, most))
            batches = [statistics(chance, row, 2 - most, options.steps) for _ in range(max(1, options.walks // BATCH))]
            found = np.concatenate(batches)
            published = np.array([critical[most] for critical in CRITICAL[trend]])
            quantiles, beyond = np.quantile(found, 0.95, axis=0), np.mean(found > published, axis=0)
            cells = (f"{q:.2f} | {p:.2f} | {b:.2%}" for q, p, b in zip(quantiles, published, beyond, strict=True))
            print(f"| {row} | {most} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
