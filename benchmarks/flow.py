"""The whole path of a tick on one core: recorded lines are decoded, become bars, and update pairs.

    python benchmarks/flow.py [--quick] [--rounds 5] [--trades 400000]

`batch` is what an analyst does with the same file: it decodes all lines with `json.loads`, and pandas resamples the trades into the same
bars, 1s and 1m, and computes a rolling regression (statsmodels RollingOLS with standard errors), spread, z-score and correlation of each
pair for all bars at once. `live` updates them at each closed second: `json.loads` into dicts, a deque of ticks per symbol, a pandas
resample of these ticks, a statsmodels fit, and rolling z-score and correlation. It is slow, so it gets only the first PEER_TRADES lines.

The paths take turns, each run in a process of its own; imports are not counted. Speeds are ticks per CPU
second of that process, with all its threads and children, not of wall time: other work on the machine hardly affects them. The table shows
minimum, median and maximum of the rounds, the ratio of the medians to `live` in the same scenario, and the peak memory.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from goals import row

SCENARIOS = {"2 symbols, 1 pair": (2, 1, 200), "20 symbols, 10 pairs": (20, 10, 1_000), "50 symbols, 100 pairs": (50, 100, 1_000)}
"""Number of symbols, of pairs, and trades per second of all symbols together."""
PEER_TRADES = 8_000
WINDOW = 60
DAWN = 1_767_225_600_000
Couples = Sequence[tuple[str, str]]
"""The legs of pairs."""


def names(count: int) -> list[str]:
    return [f"S{number:02}USDT" for number in range(count)]


def couples(symbols: int, pairs: int) -> list[tuple[str, str]]:
    """Return the legs of the pairs, so that every symbol is one."""
    legs, step = names(symbols), 2 if 2 * pairs <= symbols else 1
    return [(legs[at % symbols], legs[(at + 1 + at // symbols) % symbols]) for at in range(0, step * pairs, step)]


def capture(trades: int, symbols: int, rate: int) -> Path:
    """Return a seeded capture of aggTrade frames, made once."""
    path = Path(tempfile.gettempdir()) / f"quantd-flow-{symbols}-{rate}-{trades}.jsonl"
    if path.exists():
        return path
    rng = np.random.default_rng(symbols)
    times = (DAWN + np.cumsum(rng.exponential(1000 / rate, trades))).astype(int).tolist()
    which = rng.integers(0, symbols, trades).tolist()
    steps, sizes, makers = (
        rng.normal(0, 2e-5, trades).tolist(),
        (0.001 + rng.exponential(1.0, trades)).tolist(),
        (rng.random(trades) < 0.5).tolist(),
    )
    prices, ids = [100.0 * (1 + number) for number in range(symbols)], [0] * symbols
    draft = path.with_suffix(".tmp")
    with draft.open("w") as file:
        for ts, at, step, size, maker in zip(times, which, steps, sizes, makers, strict=True):
            prices[at] *= 1 + step
            ids[at] += 1
            symbol, price = names(symbols)[at], f"{prices[at]:.2f}"
            data = {
                "e": "aggTrade",
                "E": ts + 5,
                "a": ids[at],
                "s": symbol,
                "p": price,
                "q": f"{size:.3f}",
                "f": ids[at],
                "l": ids[at],
                "T": ts,
                "m": maker,
            }
            frame = json.dumps({"stream": f"{symbol.lower()}@aggTrade", "data": data}, separators=(",", ":"))
            file.write(f"{(ts + 8) * 1_000_000} {frame}\n")
    return draft.rename(path)


def quantd_path(path: Path, pairs: Couples) -> int:
    """Run the real flow, through the composition root. Return the number of ticks."""
    from quantd.clock import EventClock
    from quantd.config.load import build as load
    from quantd.runtime.build import build

    raw = {
        "pairs": [{f"{y}-{x}": "bench"} for y, x in pairs],
        "feeds": {"replay": {"files": [str(path)]}},
    }
    pipeline = {"feed": "replay", "bars": {"use": "time", "every": ["1s", "1m"]}, "regression": {"use": "ols", "window": WINDOW}}
    loaded = load(raw, {"bench": pipeline}, {})
    with tempfile.TemporaryDirectory() as directory:
        runtime = build(loaded.config, loaded.registry, EventClock(), Path(directory))
        asyncio.run(runtime.run())
    return sum(stage.intake.accepted for flow in runtime.flows for stage in flow.stages)


def live_path(path: Path, pairs: Couples) -> int:
    """Run the simple implementation. Return the number of ticks."""
    recent: dict[str, deque[dict[str, Any]]] = {leg: deque(maxlen=10_000) for legs in pairs for leg in legs}
    second = 0
    with path.open() as file:
        for number, line in enumerate(file, 1):
            data = json.loads(line.partition(" ")[2])["data"]
            tick = {"symbol": data["s"], "ts": data["T"], "price": float(data["p"]), "size": float(data["q"])}
            recent[tick["symbol"]].append(tick)
            if tick["ts"] // 1000 > second:
                second = tick["ts"] // 1000
                for y, x in pairs:
                    analysed(recent[y], recent[x])
            if number == PEER_TRADES:
                break
    return number


def analysed(y: deque[dict[str, Any]], x: deque[dict[str, Any]]) -> None:
    """Make bars of both legs from their ticks, then compute the numbers of the newest bar."""
    import pandas as pd
    import statsmodels.api as sm

    if not (y and x):
        return
    closes = []
    for ticks in (y, x):
        frame = pd.DataFrame(ticks)
        frame.index = pd.to_datetime(frame.ts, unit="ms")
        bars = frame.price.resample("1s").ohlc()
        bars["volume"] = frame["size"].resample("1s").sum()
        closes.append(bars.close.ffill())
    both = pd.concat(closes, axis=1, keys=["y", "x"]).dropna().tail(2 * WINDOW)
    if len(both) > 2:
        fit = sm.OLS(both.y.tail(WINDOW), sm.add_constant(both.x.tail(WINDOW), has_constant="add")).fit()
        spread = both.y - fit.params.iloc[-1] * both.x
        (spread - spread.rolling(WINDOW).mean()) / spread.rolling(WINDOW).std()
        both.y.rolling(WINDOW).corr(both.x)


def batch_path(path: Path, pairs: Couples) -> int:
    """Analyse the whole file at once. Return the number of ticks."""
    import pandas as pd

    with path.open() as file:
        rows = [json.loads(line.partition(" ")[2])["data"] for line in file]
    columns = {
        "symbol": [each["s"] for each in rows],
        "price": [float(each["p"]) for each in rows],
        "size": [float(each["q"]) for each in rows],
    }
    trades = pd.DataFrame(columns, index=pd.to_datetime([each["T"] for each in rows], unit="ms"))
    for every in ("1s", "1min"):
        closes = {}
        for symbol, ticks in trades.groupby("symbol"):
            bars = ticks["price"].resample(every).ohlc()
            bars["volume"] = ticks["size"].resample(every).sum()
            closes[symbol] = bars["close"].ffill()
        for y, x in pairs:
            rolled(closes[y], closes[x])
    return len(rows)


def rolled(y: Any, x: Any) -> None:
    """Compute the numbers of a pair for all bars."""
    import pandas as pd
    import statsmodels.api as sm
    from statsmodels.regression.rolling import RollingOLS

    both = pd.concat([y, x], axis=1, keys=["y", "x"]).dropna()
    if len(both) <= WINDOW:
        return
    fit = RollingOLS(both["y"], sm.add_constant(both["x"]), window=WINDOW).fit()
    spread = both["y"] - fit.params["x"] * both["x"]
    numbers = (
        fit.bse["x"],
        (spread - spread.rolling(WINDOW).mean()) / spread.rolling(WINDOW).std(),
        both["y"].rolling(WINDOW).corr(both["x"]),
    )
    assert all(len(each) == len(both) for each in numbers)


PATHS: dict[str, Callable[[Path, Couples], int]] = {"quantd": quantd_path, "batch": batch_path, "live": live_path}


def measure(name: str, path: Path, pairs: Couples) -> None:
    """Run once in this process, on one core. Print ticks per CPU second and the peak memory in MiB."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import_all(name)
    began = cpu_seconds()
    ticks = PATHS[name](path, pairs)
    seconds = cpu_seconds() - began
    print(json.dumps([ticks / seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def import_all(name: str) -> None:
    """Import what a path needs."""
    if name == "quantd":
        import quantd.runtime.build  # noqa: F401
        from quantd.plugin.loader import load

        load()
    else:
        import pandas  # noqa: F401
        import statsmodels.api
        import statsmodels.regression.rolling  # noqa: F401


def cpu_seconds() -> float:
    """Return the CPU seconds of this process, with all its threads and the children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trades", type=int, default=400_000)
    parser.add_argument("--run", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="one round of 100,000 trades")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.trades = 1, 100_000
    if options.run:
        measure(options.run[0], Path(options.run[1]), couples(*map(int, options.run[2:])))
        return
    print("speed: ticks a CPU second")
    print(f"{'scenario':22} {'path':8} {'minimum':>10} {'median':>10} {'maximum':>10} {'ratio':>8} {'peak RSS':>9}")
    for scenario, (symbols, pairs, rate) in SCENARIOS.items():
        report(scenario, capture(options.trades, symbols, rate), (symbols, pairs), options.rounds)


def report(scenario: str, path: Path, size: tuple[int, int], rounds: int) -> None:
    """Measure the paths in turns and print their lines."""
    found: dict[str, list[list[float]]] = {name: [] for name in PATHS}
    for _ in range(rounds):
        for name, runs in found.items():
            command = [sys.executable, __file__, "--run", name, str(path), *map(str, size)]
            runs.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    medians = {name: float(np.median([speed for speed, _ in runs])) for name, runs in found.items()}
    for name, runs in found.items():
        speeds, median = [speed for speed, _ in runs], medians[name]
        spread = " ".join(f"{speed:>10,.0f}" for speed in (min(speeds), median, max(speeds)))
        print(f"{scenario:22} {name:8} {spread} {median / medians['live']:>7.1f}x {max(rss for _, rss in runs):>5.0f} MiB")
    row(f"{scenario}: quantd / pandas and RollingOLS in batch", medians["quantd"] / medians["batch"], 3.0, "x")


if __name__ == "__main__":
    main()
