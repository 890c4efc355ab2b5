"""Results for pairs whose spread is only rounding, or hardly moves: the share of points without z-score, and the other numbers of these
points.

    python benchmarks/flat.py [--pairs 25]

`rounded line`: y is 3 + 0.8 x, rounded to its tick; `rounded line, log` the same in logarithms. `copy`: y is twice x. `quiet`: both legs
move by one or two ticks in 3 % of the bars. `stale`: they move by up to 20 ticks, in 2 % of the bars. `one step`: y is constant except for
one step. `tied` is a normal pair for comparison: its spread has a half-life of 5 bars and a std of 5 ticks. The regression is
least squares over 60 closes, the z-scores are `window` and `robust`, and each pair has 400 closes.
"""

import argparse
import os
from functools import partial

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from quantd.clock import EventClock
from quantd.flow.pairs import PairSeries, PairSpec
from quantd.model import PairPoint
from quantd.plugin.base import Plugin
from quantd.plugin.guard import Guard
from quantd.stats import FloatArray
from quantd.stats.zscore import ZScore
from quantd.testing import fakes
from quantd_plugins.jobs.adf import AdfJob
from quantd_plugins.jobs.kpss import KpssJob
from quantd_plugins.jobs.reversion import Reversion
from quantd_plugins.regressions.ols import Ols

N, WINDOW, TICK = 400, 60, 0.01
NUMBERS = ("adf_pvalue", "kpss_pvalue", "half_life_low", "variance_ratio", "hurst", "crossings")
KINDS = ("rounded line", "rounded line, log", "copy", "quiet", "stale", "one step", "tied")


def legs(kind: str, chance: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Return closes rounded to ticks of 0.01."""
    walk = 100.0 + 0.03 * chance.normal(size=(2, N)).cumsum(axis=1)
    if kind in ("quiet", "stale"):
        share, most = (0.03, 2) if kind == "quiet" else (0.02, 20)
        steps = chance.integers(1, most + 1, (2, N)) * chance.choice([-1, 1], (2, N)) * (chance.random((2, N)) < share)
        walk = 100.0 + TICK * steps.cumsum(axis=1)
    y, x = np.round(walk, 2)
    if kind.startswith("rounded"):
        y = np.round(3.0 + 0.8 * x, 2)
    elif kind == "copy":
        y = 2.0 * x
    elif kind == "one step":
        y = np.where(np.arange(N) < chance.integers(N), 100.0, 100.05)
    elif kind == "tied":
        off = np.zeros(N)
        for at in range(1, N):
            off[at] = 0.87 * off[at - 1] + 0.025 * chance.normal()
        y = np.round(3.0 + 0.8 * x + off, 2)
    return y, x


def points(kind: str, zscore: ZScore, y: FloatArray, x: FloatArray) -> list[PairPoint]:
    def guards(plugin: Plugin, user: str) -> Guard:
        return Guard("any", user, EventClock())

    bars = partial(fakes.flat_bars, every="1s", start=0)
    regression = Ols(window=WINDOW, prices="log" if "log" in kind else "raw")
    spec = PairSpec("Y-X", "1s", regression, zscore, jobs=(AdfJob(), KpssJob(), Reversion()))
    return PairSeries(spec, guards, 0).add(bars(y, symbol="Y"), bars(x, symbol="X"))[2 * WINDOW :]


def share(points: list[PairPoint], *names: str, below: float = np.inf) -> str:
    """Return the share of points that have a number below `below` under any of the names."""
    if not points:
        return "–"
    found = [[(point.metrics or {}).get(name) for name in names] for point in points]
    return f"{sum(any(isinstance(value, float) and value < below for value in values) for values in found) / len(points):.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=25)
    options = parser.parse_args()
    print("| legs | z | no z | ADF p < 0.05 | of those without z: ADF p < 0.05 | any test |\n|---|---|---|---|---|---|")
    for number, kind in enumerate(KINDS):
        for method in ("window", "robust"):
            chance = np.random.default_rng([31, number])
            made = [point for _ in range(options.pairs) for point in points(kind, ZScore(method=method), *legs(kind, chance))]
            flat = [point for point in made if point.reason == "flat"]
            none = f"{len(flat) / max(1, len(made)):.1%}"
            all_of_them, of_those = (share(some, "adf_pvalue", below=0.05) for some in (made, flat))
            print(f"| {kind} | {method} | {none} | {all_of_them} | {of_those} | {share(flat, *NUMBERS)} |", flush=True)


if __name__ == "__main__":
    main()
