"""The accuracy of a backtest's Sharpe ratio, its standard error and its probability, on equity curves whose true ratio is known.

    python benchmarks/sharpe.py [--runs 400]

The first table covers generated pairs of hourly bars, y = 50 + 1.5 x + deviation, traded by the true z-score with a hedge ratio that has a
slow error of 2 or 20 % (standard deviation), at costs of 0.6 of the gross gain. The true value is the yearly ratio of 91-day results over
all runs of a year; the table compares it with the medians of the ratio of hourly and of daily changes, both scaled to a year by the root
of time.

The second table covers generated daily changes. It shows how often the 95 % interval, ratio +- 1.96 standard errors, contains the true
ratio of daily changes, for a true ratio of 0 and of 1.5 per year; and how often, for a true ratio of 0, the probability is above 95 %. The
standard error of quantd is compared with that of Mertens alone, and with that of independent normal changes (Lo's first). There are ten of
these runs for each run of a pair.
"""

import argparse
import math
import os
from collections.abc import Callable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import msgspec
import numpy as np

from quantd.stats import FloatArray
from quantd.stats.backtest import Market, Rules, simulate
from quantd.stats.sharpe import daily_changes, sharpe

HOURS, DAYS, QUARTER, YEAR, HOUR_MS = 24, 365, 91, 365.0, 3_600_000
MOVE, PRICE, LEFT = 5e-4, 1_000.0, 0.4
PAIRS = (
    ("half-life 5 h, hedge off by 2 %", 5.0, 2.0, 0.02),
    ("half-life 5 h, hedge off by 20 %", 5.0, 2.0, 0.2),
    ("half-life 20 h, hedge off by 2 %", 20.0, 2.0, 0.02),
    ("half-life 5 h, entry 2.8", 5.0, 2.8, 0.02),
    ("half-life 20 h, hedge off by 20 %", 20.0, 2.0, 0.2),
    ("half-life 100 h, hedge off by 2 %", 100.0, 1.5, 0.02),
    ("half-life 100 h, hedge off by 20 %", 100.0, 1.5, 0.2),
)
Chance = np.random.Generator


def reverting(chance: Chance, bars: int, half_life: float) -> FloatArray:
    """Return an AR(1) process of variance 1."""
    phi = 0.5 ** (1.0 / half_life)
    made, last = np.empty(bars), 0.0
    for at, shock in enumerate((math.sqrt(1.0 - phi * phi) * chance.normal(size=bars)).tolist()):
        made[at] = last = phi * last + shock
    return made


def market(seed: int, half_life: float, off: float) -> Market:
    """Return a year of hourly bars. Each opens at the previous close."""
    chance, bars = np.random.default_rng(seed), DAYS * HOURS
    x = PRICE * np.exp(chance.normal(0.0, MOVE, bars).cumsum())
    zscore, unit = reverting(chance, bars, half_life), 2.0 * MOVE * PRICE
    y, beta = 50.0 + 1.5 * x + unit * zscore, 1.5 * (1.0 + off * reverting(chance, bars, 35.0))
    y_open, x_open = (np.concatenate((closes[:1], closes[:-1])) for closes in (y, x))
    sound = np.ones(bars, bool)
    return Market(y_open, x_open, y, x, zscore, beta, np.zeros(bars), np.full(bars, unit), sound, sound, np.arange(bars))


def equities(half_life: float, entry: float, off: float, runs: int) -> tuple[FloatArray, float]:
    """Return equity curves of shape (runs, bars), and the number of trades per year."""
    free = Rules(entry=entry, fee_bps=0.0)
    seen = [market(seed, half_life, off) for seed in range(runs)]
    before = [simulate(each, free) for each in seen[:40]]
    gross, traded = sum(run.equity[-1] for run in before), sum(run.traded for run in before)
    rules = msgspec.structs.replace(free, fee_bps=max((1.0 - LEFT) * 1e4 * gross / traded, 0.0))
    done = [simulate(each, rules) for each in seen]
    return np.array([run.equity for run in done]), float(np.mean([len(run.trips) for run in done]))


def ratio(changes: FloatArray, per_year: float) -> float:
    return float(changes.mean() / changes.std(ddof=1) * math.sqrt(per_year))


def by_time(runs: int) -> None:
    print("| pair | trades a year | truth | by hours | by days |\n|---|---|---|---|---|")
    for name, half_life, entry, off in PAIRS:
        equity, trades = equities(half_life, entry, off, runs)
        quarters = np.diff(equity[:, [0, *(at * QUARTER * HOURS - 1 for at in range(1, 5))]], axis=1).ravel()
        hours, days = [], []
        closed = HOUR_MS * np.arange(1, DAYS * HOURS + 1)
        for each in equity:
            hours.append(ratio(np.diff(each, prepend=0.0), YEAR * HOURS))
            days.append(ratio(daily_changes(each, 0, closed), YEAR))
        print(f"| {name} | {trades:.0f} | {ratio(quarters, YEAR / QUARTER):.1f} | {np.median(hours):.1f} | {np.median(days):.1f} |")


# --- the error -----------------------------------------------------------------------------------------------------------------------


def _following(phi: float) -> Callable[[Chance, int], FloatArray]:
    def made(chance: Chance, days: int) -> FloatArray:
        return reverting(chance, days + 50, math.log(0.5) / math.log(phi))[50:]

    return made


def _taken_back(chance: Chance, days: int) -> FloatArray:
    shocks = chance.normal(size=days + 1)
    return (shocks[1:] - 0.4 * shocks[:-1]) / math.sqrt(1.16)


def _rare(share: float, gains: Callable[[Chance, int], FloatArray]) -> Callable[[Chance, int], FloatArray]:
    return lambda chance, days: (chance.random(days) < share) * gains(chance, days)


def _losses(chance: Chance, days: int) -> FloatArray:
    """Return changes with nine small gains per loss."""
    return np.where(chance.random(days) < 0.9, 1.0, -9.0) + chance.normal(0.0, 0.3, days)


CHANGES: tuple[tuple[str, Callable[[Chance, int], FloatArray], int], ...] = (
    ("normal, independent", lambda chance, days: chance.normal(size=days), 30),
    ("normal, independent", lambda chance, days: chance.normal(size=days), 365),
    ("Student's t of 3 degrees", lambda chance, days: chance.standard_t(3, days), 90),
    ("each day keeps 0.3 of the last", _following(0.3), 60),
    ("each day keeps 0.3 of the last", _following(0.3), 365),
    ("0.4 is taken back the next day", _taken_back, 90),
    ("15 % of days, normal", _rare(0.15, lambda chance, days: chance.normal(size=days)), 200),
    ("5 % of days, normal", _rare(0.05, lambda chance, days: chance.normal(size=days)), 600),
    ("15 % of days, exponential gains", _rare(0.15, lambda chance, days: chance.exponential(size=days) - 1.0), 200),
    ("15 % of days, nine gains a loss", _rare(0.15, _losses), 200),
    ("14 % of days, normal", _rare(0.14, lambda chance, days: chance.normal(size=days)), 70),
    ("14 % of days, nine gains a loss", _rare(0.14, _losses), 70),
)


def shifted(made: Callable[[Chance, int], FloatArray], chance: Chance, days: int, target: float) -> FloatArray:
    """Return changes whose true yearly ratio is `target`. Days without a change stay at 0, the others are shifted. `target` is small per
    day."""
    long = made(np.random.default_rng(0), 400_000)
    active = long != 0.0
    share, wanted = float(active.mean()), target / math.sqrt(YEAR)
    centre, low, high = -float(long[active].mean()), 0.0, 50.0
    for _ in range(60):
        middle = (low + high) / 2.0
        moved = long + active * (centre + middle)
        low, high = (middle, high) if moved.mean() / moved.std() < wanted else (low, middle)
    changes = made(chance, days)
    return changes + (changes != 0.0) * (centre + (low if target else 0.0)) if share else changes


def held(made: Callable[[Chance, int], FloatArray], days: int, target: float, runs: int) -> tuple[list[float], float]:
    """Return how often each interval contains the truth, and how often the probability is above 95 %."""
    chance, within, sure, true = np.random.default_rng(days), np.zeros(3), 0, target / math.sqrt(YEAR)
    changes = shifted(made, chance, days * runs, target).reshape(runs, days)
    for each in changes:
        found = sharpe(each, 1.0)
        if found.ratio is None or found.stderr is None or found.probability is None:
            continue
        scaled = (each - each.mean()) / each.std(ddof=1)
        mertens = float(np.square(scaled - found.ratio / 2.0 * (scaled**2 - 1.0)).mean())
        errors = found.stderr, math.sqrt(mertens / days), math.sqrt((1.0 + found.ratio**2 / 2.0) / days)
        within += [abs(found.ratio - true) <= 1.96 * error for error in errors]
        sure += found.probability > 0.95
    return [float(count / runs) for count in within], sure / runs


def by_error(runs: int) -> None:
    print("\n| daily changes | days | holds, ratio 0 | Mertens | normal | holds, ratio 1.5 | Mertens | normal | above 95 % at 0 |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, made, days in CHANGES:
        none, sure = held(made, days, 0.0, runs)
        some, _ = held(made, days, 1.5, runs)
        print(f"| {name} | {days} | {' | '.join(f'{share:.1%}' for share in (*none, *some, sure))} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=400)
    runs = parser.parse_args().runs
    by_time(runs)
    by_error(10 * runs)


if __name__ == "__main__":
    main()
