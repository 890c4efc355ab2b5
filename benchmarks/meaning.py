"""How well each z-score shows a mispricing whose truth is known: generated pairs y = 50 + 1.5 x + deviation.

    python benchmarks/meaning.py [--pairs 4] [--bars 3000]

x is a random walk that moves by 0.05 % a bar, and the deviation, whose standard deviation is 0.05 % of the price of x, is an AR(1) process
with a half-life in bars. Columns: Pearson's correlation of z with the true deviation, how often their signs agree, and what trading z
between 2 and 0 makes before costs, in percent of the position's value over 1,000 bars; each for three half-lives, the mean over pairs and
over x near 100, 1,000 and 60,000. A second table tells the correlation by the price of x, a third how often |z| exceeds a threshold: at
closes, and at now-casts just before them, of tied and of untied legs; the last line how often |corr| and |corr_returns| of untied legs,
whose walks have nothing to do with each other, are above 0.7. All windows are 60 bars.
"""

import argparse
import os
from collections.abc import Callable, Sequence

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import msgspec
import numpy as np
from msgspec import Struct

from quantd.backtest import Settings, backtest
from quantd.clock import EventClock
from quantd.flow.pairs import PairSeries, PairSpec
from quantd.model import Bar, PairPoint
from quantd.plugin.guard import Guard
from quantd.stats import FloatArray
from quantd.stats.backtest import Rules
from quantd.stats.zscore import ZScore
from quantd_plugins.regressions.huber import Huber
from quantd_plugins.regressions.kalman import Kalman
from quantd_plugins.regressions.ols import Ols
from quantd_plugins.regressions.theil_sen import TheilSen

WINDOW, MOVE, STEPS = 60, 5e-4, 10
HALF_LIVES = (5.0, 20.0, 50.0)
PRICES = (100.0, 1_000.0, 60_000.0)
METHODS: dict[str, tuple[Callable[[], object], ZScore]] = {
    "ols, window": (lambda: Ols(window=WINDOW), ZScore()),
    "ols, window, before": (lambda: Ols(window=WINDOW), ZScore(against="before")),
    "ols, window, log prices": (lambda: Ols(window=WINDOW, prices="log"), ZScore()),
    "ols, ew": (lambda: Ols(window=WINDOW), ZScore(method="ew")),
    "ols, robust": (lambda: Ols(window=WINDOW), ZScore(method="robust")),
    "huber, window": (lambda: Huber(window=WINDOW), ZScore()),
    "theil-sen, window": (lambda: TheilSen(window=WINDOW), ZScore()),
    "kalman, window": (lambda: Kalman(window=WINDOW), ZScore()),
    "kalman, innovation": (lambda: Kalman(window=WINDOW), ZScore(method="innovation")),
    "ols, rolling": (lambda: Ols(window=WINDOW), ZScore(method="rolling")),
    "kalman, rolling": (lambda: Kalman(window=WINDOW), ZScore(method="rolling")),
}


class Pair(Struct, frozen=True):
    """The bars of both legs, and the true deviation at each close: shape (bars,)."""

    y: list[Bar]
    x: list[Bar]
    deviation: FloatArray


class Told(Struct, frozen=True):
    """The figures of one z-score for one pair."""

    corr: float
    sign: float
    gross: float


def pair(seed: int, bars: int, half_life: float, price: float) -> Pair:
    """Return a tied pair. If the half-life is infinite, the deviation is a random walk with the same steps as x, so that the legs are not
    tied."""
    chance = np.random.default_rng(seed)
    n = bars * STEPS
    x = price * np.exp(chance.normal(0.0, MOVE / STEPS**0.5, n).cumsum())
    shocks = chance.normal(0.0, MOVE * price / STEPS**0.5, n)
    deviation = shocks.cumsum() if np.isinf(half_life) else _reverting(shocks, 0.5 ** (1.0 / (half_life * STEPS)), MOVE * price)
    y = 50.0 + 1.5 * x + deviation
    return Pair(_bars("Y", y), _bars("X", x), deviation[STEPS - 1 :: STEPS])


def _reverting(shocks: FloatArray, phi: float, std: float) -> FloatArray:
    """Return an AR(1) process of that stationary standard deviation, driven by these shocks."""
    scale = std * np.sqrt(1.0 - phi * phi) / shocks.std()
    made, last = np.empty(len(shocks)), 0.0
    for at, shock in enumerate((scale * shocks).tolist()):
        made[at] = last = phi * last + shock
    return made


def _bars(symbol: str, prices: FloatArray) -> list[Bar]:
    rows = zip(prices[::STEPS].tolist(), prices[STEPS - 1 :: STEPS].tolist(), strict=True)
    return [
        Bar(symbol, "1m", 60_000 * at, begin, max(begin, end), min(begin, end), end, 1.0, STEPS, end, 0.5, "complete")
        for at, (begin, end) in enumerate(rows)
    ]


def series(name: str) -> PairSeries:
    make, zscore = METHODS[name]
    return PairSeries(PairSpec("Y-X", "1m", make(), zscore), lambda plugin, user: Guard("any", user, EventClock()), 0)  # type: ignore


def told(name: str, of: Pair) -> Told:
    points = series(name).add(of.y, of.x)
    scored = [point for point in points if point.zscore is not None]
    z = np.array([point.zscore for point in scored])
    truth = of.deviation[[point.ts // 60_000 for point in scored]]
    return Told(float(np.corrcoef(z, truth)[0, 1]), float((np.sign(z) == np.sign(truth)).mean()), gross(points, of, name))


def gross(points: Sequence[PairPoint], of: Pair, name: str) -> float:
    """Return the gain in percent of the position's value over 1,000 bars."""
    _, zscore = METHODS[name]
    log = "log" in name
    rules = Rules(entry=2.0, exit=0.0, fee_bps=0.0)
    settings = Settings(pair="Y-X", every="1m", window=WINDOW, regression=name, rules=rules, zscore=zscore, prices="log" if log else "raw")
    found = backtest(of.y, of.x, points, settings)
    return found.summary.gross / rules.notional * 100.0 * 1_000.0 / len(of.y)


def exceeding(half_life: float, pairs: int, bars: int) -> dict[str, list[float]]:
    """Return how often |z| of closes and of now-casts is beyond 1, 2 and 3."""
    closes, casts = [], []
    for seed in range(pairs):
        made = pair(1_000 + seed, bars, half_life, 1_000.0)
        live = series("ols, window")
        for y, x in zip(made.y, made.x, strict=True):
            now = live.nowcast(y.ts, y.close, x.close)
            casts += [abs(now.zscore)] if now and now.zscore is not None else []
            closes += [abs(point.zscore) for point in live.add([y], [x]) if point.zscore is not None]
    return {
        what: [float((np.array(found) > level).mean()) for level in (1, 2, 3)] for what, found in (("closes", closes), ("now-casts", casts))
    }


def correlated(pairs: int, bars: int) -> tuple[float, float]:
    """Return how often |corr| and |corr_returns| of untied legs are above 0.7. y is an independent random walk."""
    levels, returns = [], []
    for seed in range(pairs):
        y, x = (pair(seed_of, bars, np.inf, 1_000.0).x for seed_of in (2_000 + seed, 3_000 + seed))
        points = series("ols, window").add([msgspec.structs.replace(bar, symbol="Y") for bar in y], x)
        levels += [abs(point.corr) > 0.7 for point in points if point.corr is not None]
        returns += [abs(point.corr_returns) > 0.7 for point in points if point.corr_returns is not None]
    return float(np.mean(levels)), float(np.mean(returns))


def mean(found: Sequence[Told], what: str) -> float:
    return float(np.mean([getattr(each, what) for each in found]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--bars", type=int, default=3000)
    options = parser.parse_args()
    seeds = range(options.pairs)
    heads = [f"{what} {life:g}" for what in ("corr", "sign", "gross") for life in HALF_LIVES]
    print(f"| z-score | {' | '.join(heads)} |\n|{'---|' * (len(heads) + 1)}")
    by_price: dict[tuple[str, float, float], list[Told]] = {}
    for name in METHODS:
        for life in HALF_LIVES:
            for price in PRICES:
                by_price[name, life, price] = [told(name, pair(seed, options.bars, life, price)) for seed in seeds]
        rows = [[each for price in PRICES for each in by_price[name, life, price]] for life in HALF_LIVES]
        cells = [f"{mean(row, 'corr'):.2f}" for row in rows] + [f"{mean(row, 'sign'):.0%}" for row in rows]
        cells += [f"{mean(row, 'gross'):+.2f}" for row in rows]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print(f"\n| correlation, half-life 5 | {' | '.join(f'x near {price:,.0f}' for price in PRICES)} |\n|{'---|' * (len(PRICES) + 1)}")
    for name in METHODS:
        cells = [f"{mean(by_price[name, HALF_LIVES[0], price], 'corr'):.2f}" for price in PRICES]
        print(f"| {name} | {' | '.join(cells)} |")
    print("\n| legs | | \\|z\\| > 1 | \\|z\\| > 2 | \\|z\\| > 3 |\n|---|---|---|---|---|")
    for legs, life in (("tied, half-life 5", 5.0), ("tied, half-life 20", 20.0), ("not tied", np.inf)):
        for what, shares in exceeding(life, options.pairs, options.bars).items():
            print(f"| {legs} | {what} | {' | '.join(f'{share:.1%}' for share in shares)} |")
    levels, returns = correlated(10 * options.pairs, options.bars)
    print(f"\nof independent walks |corr| is above 0.7 in {levels:.1%} of windows, |corr_returns| in {returns:.1%}")


if __name__ == "__main__":
    main()
