"""The effect of a bad bar and of a break on beta and on the z-score of `kalman`: as it is, and as in the textbook (`clip: null`).

    python benchmarks/outliers.py [--seeds 20] [--window 60]

Made pairs: x is a random walk of 0.05 % a bar, y = 20 + 1.5 x + a deviation of standard deviation 0.5, a first-order autoregression; x is
near 100, 1,000 and 60,000, the deviation's half-life 0 (white), 5, 20 and 50 bars. Of bad bars the table shows, from the 121st bar after
them on, the largest shift of beta against the same filter that saw none (median, 95th percentile and maximum over the pairs), and the least
share of bars with the same verdict |z| > 2, for the z of the re-priced window and for the innovation's. Of breaks it shows the ratio of the
mean error of beta to that of least squares, over bars 120 to 360 after them. Of long series without either it shows how many points weigh
less than 1, and the ratio of the error of beta to the textbook's.
"""

import argparse
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from quantd.plugin.loader import load
from quantd.plugin.regression import Regression
from quantd.stats import FloatArray

PRICES, HALF_LIVES = (100.0, 1_000.0, 60_000.0), (0.0, 5.0, 20.0, 50.0)
FACTORS = (1.02, 1.05, 1.3, 2.0, 1_000.0, 1 / 1.02, 1 / 1.05, 1 / 1.3, 1 / 2.0, 1 / 1_000.0)
BARS, AT, AFTER = 700, 300, 121
ALPHA, BETA, STEP, DEVIATION = 20.0, 1.5, 5e-4, 0.5
BREAK, LEVEL = 0.025, 20.0
Legs = tuple[FloatArray, FloatArray]


def pair(seed: int, price: float, half_life: float, n: int = BARS, *, heavy: bool = False) -> Legs:
    """Return y and x of a tied pair. Heavy shocks have Student's t with three degrees of freedom."""
    chance = np.random.default_rng([seed, int(price), int(half_life)])
    x = price * np.exp(chance.normal(0.0, STEP, n).cumsum())
    phi = 0.5 ** (1.0 / half_life) if half_life else 0.0
    shocks = chance.standard_t(3, n + 500) / np.sqrt(3.0) if heavy else chance.normal(size=n + 500)
    made = [0.0]
    for shock in np.sqrt(1.0 - phi * phi) * shocks:
        made.append(phi * made[-1] + shock)
    return ALPHA + BETA * x + DEVIATION * np.array(made[-n:]), x


def spoilt(legs: Legs, leg: int, factor: float, at: int, bad: int) -> Legs:
    """Return the legs with `bad` consecutive closes of one leg multiplied by a factor; several closes by different powers of it, from 0.5
    to 1.5."""
    y, x = (each.copy() for each in legs)
    powers = 0.5 + np.random.default_rng(bad).random(bad) if bad > 1 else np.ones(1)
    (y, x)[leg][at : at + bad] *= factor**powers
    return y, x


def columns(regression: Regression, legs: Legs) -> FloatArray:
    """Return beta, the innovation's score and the weight of each bar, of shape (3, n)."""
    return np.array(
        [
            (hedge.beta, (hedge.innovation or 0.0) / (hedge.innovation_std or np.inf), hedge.weight) if hedge else (np.nan,) * 3
            for hedge in regression.rolling(*legs)
        ]
    ).T


def repriced(beta: FloatArray, legs: Legs, window: int) -> FloatArray:
    """Return z of each close among the last `window` closes, all priced with its own beta; NaN before there are enough."""
    y, x = (sliding_window_view(leg, window) for leg in legs)
    spreads = y - beta[window - 1 :, None] * x
    z = (spreads[:, -1] - spreads.mean(axis=1)) / spreads.std(axis=1, ddof=1)
    return np.concatenate([np.full(window - 1, np.nan), z])


def harms(regression: Regression, leg: int, at: int, bad: int, seeds: int) -> Iterator[tuple[float, float, float]]:
    """Yield for each pair and seed the largest relative shift of beta, and the shares of equal verdicts."""
    after = slice(at + AFTER, None)
    for price, half_life, seed in product(PRICES, HALF_LIVES, range(seeds)):
        clean = pair(seed, price, half_life)
        dirty = spoilt(clean, leg, FACTORS[seed % len(FACTORS)], at, bad)
        (beta, score, _), (other, other_score, _) = columns(regression, clean), columns(regression, dirty)
        z, other_z = repriced(beta, clean, regression.window), repriced(other, dirty, regression.window)
        same, same_score = (np.mean((np.abs(a[after]) > 2) == (np.abs(b[after]) > 2)) for a, b in ((z, other_z), (score, other_score)))
        yield float(np.abs(other / beta - 1.0)[after].max()), float(same), float(same_score)


def ratios(regression: Regression, ols: Regression, kind: str, seeds: int) -> Iterator[float]:
    """Yield for each pair and seed the mean error of beta after a break, relative to that of least squares."""
    after = slice(AT + 120, AT + 360)
    for price, half_life, seed in product(PRICES, HALF_LIVES, range(seeds)):
        y, x = pair(1_000 + seed, price, half_life)
        sign = 1.0 if seed % 2 else -1.0
        true = BETA * (1.0 + sign * BREAK) if kind == "beta" else BETA
        y[AT:] += (true - BETA) * x[AT:] + (sign * LEVEL if kind == "level" else 0.0)
        kalman, least = (np.mean(np.abs(columns(each, (y, x))[0][after] - true)) for each in (regression, ols))
        yield float(kalman / least)


def long(regression: Regression, textbook: Regression, half_life: float, heavy: bool, seeds: int) -> tuple[float, float]:
    """Return, for series without bad bars, the share of points that weigh less than 1, and the error of beta relative to the textbook's."""
    light, errors = [], []
    for seed in range(seeds):
        legs = pair(2_000 + seed, 1_000.0, half_life, 3_000, heavy=heavy)
        mine, theirs = columns(regression, legs)[:, 300:], columns(textbook, legs)[:, 300:]
        light.append(np.mean(mine[2] < 1.0))
        errors.append(np.sqrt(np.mean((mine[0] - BETA) ** 2) / np.mean((theirs[0] - BETA) ** 2)))
    return float(np.mean(light)), float(np.median(errors))


def show_harms(kinds: dict[str, Regression], seeds: int) -> None:
    print(f"{'bad bars':22}{'filter':>10}{'median':>10}{'95 %':>10}{'most':>10}{'z same':>9}{'innov.':>9}")
    for name, leg, at, bad in (
        *((f"{bad} of {leg} at {AT}", number, AT, bad) for bad in (1, 2, 6) for number, leg in enumerate("yx")),
        *((f"1 of {leg} at {at}", number, at, 1) for at in (20, 70) for number, leg in enumerate("yx")),
    ):
        for kind, regression in kinds.items():
            shift, same, score = np.array(list(harms(regression, leg, at, bad, seeds))).T
            low, high = np.quantile(shift, [0.5, 0.95])
            print(f"{name:22}{kind:>10}{low:>10.1e}{high:>10.1e}{shift.max():>10.1e}{same.min():>9.1%}{score.min():>9.1%}")


def show_breaks(kinds: dict[str, Regression], ols: Regression, seeds: int) -> None:
    print(f"\n{'break':22}{'filter':>10}{'median':>10}{'95 %':>10}{'most':>10}")
    for name, (kind, regression) in product(("beta", "level", "none"), kinds.items()):
        found = np.array(list(ratios(regression, ols, name, seeds)))
        print(f"{name:22}{kind:>10}{np.median(found):>10.2f}{np.quantile(found, 0.95):>10.2f}{found.max():>10.2f}")


def show_long(kinds: dict[str, Regression], seeds: int) -> None:
    print(f"\n{'shocks':10}{'half-life':>10}{'weight < 1':>12}{'error':>8}")
    for heavy, half_life in product((False, True), HALF_LIVES):
        light, error = long(kinds["kalman"], kinds["textbook"], half_life, heavy, seeds)
        print(f"{'t(3)' if heavy else 'normal':10}{half_life:>10g}{light:>12.2%}{error:>8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--window", type=int, default=60)
    asked = parser.parse_args()
    registry = load()

    def made(name: str, **settings: Any) -> Regression:
        plugin: Any = registry.get("regression", name).plugin
        regression: Regression = plugin(window=asked.window, **settings)
        return regression

    kinds = {"kalman": made("kalman"), "textbook": made("kalman", clip=None)}
    show_harms(kinds, asked.seeds)
    show_breaks(kinds, made("ols"), asked.seeds)
    show_long(kinds, asked.seeds)


if __name__ == "__main__":
    main()
