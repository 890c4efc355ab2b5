"""The results of `reversion-model` over 2,000 bars, for series that cannot be predicted and for series that can.

    python benchmarks/reversion_model.py [--runs 200]

In `nothing`, excursions of |z| reach a level, stay near it for about 10 bars, and then return to 0 with a probability of 60 %, or reach
the stop: the level predicts nothing. In `nothing, brief` they stay for 2 bars; in `nothing, rare` they return with 90 %, in `few` with
97 %. In `loaded` the probability of a return depends on the level: 90 % just above `entry`, 20 % just below `stop`; in `loaded, brief`
they stay for 2 bars. The last two series are pairs with their z-scores over 60 bars: two independent walks, and legs whose spread has a
half-life of 10 bars. There the outcome can be predicted in part: the nearer |z| is to the stop, the likelier it reaches it.
"""

import argparse
import os
from collections import Counter

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import quantd
from quantd.stats import FloatArray
from quantd_plugins.jobs.reversion_model import ReversionModel

N, WINDOW = 2000, 60
Columns = dict[str, FloatArray]


def excursions(chance: np.random.Generator, low: float, high: float, lasting: float = 10.0) -> Columns:
    """Return a spread of std 1 with a constant hedge. An excursion comes back with a probability that goes from `low` at the stop to
    `high`."""
    z = np.zeros(N)
    at = 0
    while at < N:
        at += 1 + chance.geometric(0.1)
        side, level, bars = chance.choice([-1.0, 1.0]), chance.uniform(1.7, 3.3), chance.geometric(1.0 / lasting)
        stay = slice(at, min(at + bars, N))
        z[stay] = side * (level + chance.uniform(-0.15, 0.15, len(z[stay])))
        back = chance.random() < high + (low - high) * (level - 1.7) / 1.6
        if at + bars < N and not back:
            z[at + bars] = side * 4.0
        at += bars + 1
    ones = np.ones(N)
    return {"y": z, "x": ones, "beta": 0.0 * ones, "zscore": z, "spread_std": ones, "corr_returns": chance.uniform(0.5, 0.9, N)}


def pair(chance: np.random.Generator, phi: float) -> Columns:
    """Return legs y = 50 + 1.5 x + AR(1), or two independent walks if phi is 1, with the hedge of least squares and the z-score over 60
    bars."""
    n = N + WINDOW - 1
    x, shocks = 1_000.0 + chance.normal(size=n).cumsum(), chance.normal(size=n)
    apart = np.zeros(n)
    for at in range(1, n):
        apart[at] = phi * apart[at - 1] + shocks[at]
    y = 2_000.0 + (1.5 * x if phi < 1.0 else 0.0) + apart
    of_y, of_x = (leg - leg.mean(axis=1, keepdims=True) for leg in (sliding_window_view(each, WINDOW) for each in (y, x)))
    beta = (of_y * of_x).sum(axis=1) / (of_x * of_x).sum(axis=1)
    off = of_y - beta[:, None] * of_x
    std = off.std(axis=1, ddof=1)
    steps_y, steps_x = (sliding_window_view(np.diff(each), WINDOW - 1) for each in (y, x))
    up_y, up_x = (steps - steps.mean(axis=1, keepdims=True) for steps in (steps_y, steps_x))
    corr = (up_y * up_x).sum(axis=1) / np.sqrt((up_y * up_y).sum(axis=1) * (up_x * up_x).sum(axis=1))
    return {
        "y": y[WINDOW - 1 :],
        "x": x[WINDOW - 1 :],
        "beta": beta,
        "zscore": off[:, -1] / std,
        "spread_std": std,
        "corr_returns": corr,
    }


MADE = {
    "nothing": lambda chance: excursions(chance, 0.6, 0.6),
    "nothing, brief": lambda chance: excursions(chance, 0.6, 0.6, 2.0),
    "nothing, rare": lambda chance: excursions(chance, 0.9, 0.9),
    "few": lambda chance: excursions(chance, 0.97, 0.97),
    "loaded": lambda chance: excursions(chance, 0.2, 0.9),
    "loaded, brief": lambda chance: excursions(chance, 0.2, 0.9, 2.0),
    "walks": lambda chance: pair(chance, 1.0),
    "tied": lambda chance: pair(chance, 0.5 ** (1.0 / 10.0)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    options = parser.parse_args()
    print("| data | skilled | no_skill | few_events | skill, mean | events, mean |\n|---|---|---|---|---|---|")
    for number, (name, make) in enumerate(MADE.items()):
        chance = np.random.default_rng([2026, number])
        found = [ReversionModel().run(quantd.PairView("Y-X", "1m", 0, WINDOW, make(chance))) for _ in range(options.runs)]
        told = Counter(each["model_verdict"] for each in found)
        shares = " | ".join(f"{told[verdict] / options.runs:.1%}" for verdict in ("skilled", "no_skill", "few_events"))
        skills = [float(each["model_skill"] or 0.0) for each in found if each["model_skill"] is not None]
        skill = f"{np.mean(skills):+.3f}" if skills else "-"
        print(f"| {name} | {shares} | {skill} | {np.mean([float(each['model_events'] or 0) for each in found]):.0f} |", flush=True)


if __name__ == "__main__":
    main()
