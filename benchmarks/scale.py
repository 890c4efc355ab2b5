"""Many symbols and pairs on one core: CPU, event loop and memory.

    python benchmarks/scale.py [--quick] [--sizes 10 50 200 500 1000] [--seconds 3600] [--method ols] [--window 60] [--warm]
    python benchmarks/scale.py --symbols 500 --pairs 1000 [--profile FILE]

The runtime that `quantd run` builds from a config, with its store, runs in simulated time, as fast as the CPU allows: a feed
(scale_market.py) decodes frames of 10 trades a second and symbol, at most 5,000 a second of all, a batch per 5 ms. Each size has twice as
many pairs as symbols, at most 1,000, at 1s, 1m and 5m, and is a process of its own on one core. All figures count from the time on at which
all windows are full. `CPU %` are CPU seconds of all threads a simulated second. A callback is what the event loop runs in one go, with its
garbage collections (thread_time, ms; those below 10 us are left out). `close of 1s` are the callbacks that close a second, those at which
longer bars close too are only in the other columns. `RSS` is the memory at the end; if the run is shorter than an hour, `an hour` adds the
growth of its second half in proportion, except for trades, of which memory holds a number per symbol. --quick runs ten minutes of one size.

With --warm, `warm s` is the real time that the daemon takes until that many symbols have their past from a simulated exchange with the real
one's limits (warming.py): minutes. With --profile FILE a run writes a profile and its longest callbacks to FILE.
"""

import argparse
import cProfile
import json
import logging
import os
import pstats
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.append(sys.path.pop(0))  # last: in this folder the library's `statistics` would be a file of ours

import numpy as np
from goals import row
from scale_market import CLOSE_1S, END, INPUT, Market, TimedLoop

from quantd.columns.ticks import SIZE
from quantd.history.recent_ticks import TICKS
from quantd.runtime import garbage

EVERY = "1s", "1m", "5m"
HOUR_S = 3_600
SETTLING_S = 90
"""Time in which pairs join their tables once the windows of 1s are full."""
TRIFLE_MS = 0.01
MOST_PAIRS, MOST_RATE, RATE = 1_000, 5_000, 10
COLUMNS = (
    *("symbols", "pairs", "CPU %", "callback p50", "p99", "max", "close of 1s p50", "max", "close of 1m max"),
    *("RSS MiB", "an hour", "start CPU s", "warm s"),
)
PLUGIN = """
import quantd
from scale_market import Market


@quantd.hookimpl
def register_feeds(register):
    register("scale", Market)
"""


class Meter:
    """Measures a run from the second on at which its windows are full."""

    def __init__(self, loop: TimedLoop, options: argparse.Namespace) -> None:
        self._loop = loop
        self._since = options.window + SETTLING_S
        self._path = options.profile
        self._symbols, self._rate = options.symbols, rate(options.symbols)
        self._profile = cProfile.Profile()
        self._began = time.process_time()
        self._start_s = 0.0
        self._seconds = 0
        self._rss: list[float] = []
        """Memory (MiB) after each second."""

    def note(self, second: int) -> None:
        """Take note that a second has passed."""
        if second == self._since:
            now = time.process_time()
            self._start_s, self._began = now - self._began, now
            self._loop.forget()
            garbage.spare()  # as the daemon does once its symbols have their past
            if self._path:
                self._profile.enable()
        if second >= self._since:
            self._seconds = second - self._since
            self._rss.append(resident())

    def figures(self) -> dict[str, float]:
        """Return the values of COLUMNS."""
        spent = self._loop.spent
        cpu_s = time.process_time() - self._began - sum(spent.pop(INPUT)) - sum(spent.pop(END))
        if self._path:
            self._write(self._path)
        every = np.concatenate([1000 * np.array(each) for each in spent.values()])
        closes = {kind: 1000 * np.array(each) for kind, each in spent.items() if kind.startswith("close")}
        p50, p99, most = np.percentile(every[every >= TRIFLE_MS], [50, 99, 100])
        return {
            "CPU %": 100 * cpu_s / self._seconds,
            "p50": p50,
            "p99": p99,
            "max": most,
            "close p50": float(np.median(closes[CLOSE_1S])),
            "close max": float(closes[CLOSE_1S].max()),
            "longer max": max((float(each.max()) for kind, each in closes.items() if kind != CLOSE_1S), default=0.0),
            "RSS": self._rss[-1],
            "hour": self._after_an_hour(),
            "start": self._start_s,
        }

    def _after_an_hour(self) -> float:
        """Return the memory (MiB) after an hour, at the rate of growth of the second half. Trades grow until their rings are full."""
        end, half = self._since + self._seconds, len(self._rss) // 2
        growth = self._rss[-1] - self._rss[-1 - half] - (self._trades(end) - self._trades(end - half))
        return self._rss[-1] + growth / half * max(0, HOUR_S - end) + self._trades(max(HOUR_S, end)) - self._trades(end)

    def _trades(self, second: int) -> float:
        """Return the memory (MiB) that the trades take after so many seconds."""
        return min(TICKS * self._symbols, self._rate * second) * SIZE / (1 << 20)

    def _write(self, path: Path) -> None:
        self._profile.disable()
        with path.open("w") as file:
            file.write("longest callbacks: CPU ms, kind, task, and its garbage collections (generation, CPU ms)\n")
            file.writelines(f"{each}\n" for each in sorted(self._loop.longest, reverse=True)[:40])
            for order in ("tottime", "cumtime"):
                pstats.Stats(self._profile, stream=file).strip_dirs().sort_stats(order).print_stats(60)


def resident() -> float:
    """Return the resident memory in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def rate(symbols: int) -> int:
    """Return the trades a second of so many symbols."""
    return min(MOST_RATE, RATE * symbols)


def pairs(symbols: int, count: int) -> list[str]:
    """Return so many pairs: neighbours first, then symbols that are two apart, and so on."""
    names = [f"S{number:04d}USDT" for number in range(symbols)]
    return [f"{names[at % symbols]}-{names[(at + 1 + at // symbols) % symbols]}" for at in range(count)]


async def simulated(options: argparse.Namespace, loop: TimedLoop, folder: Path) -> dict[str, float]:
    """Run a runtime whose state lies in a folder. Return the figures of its meter."""
    from quantd.config.load import build as load
    from quantd.runtime.build import build

    plugins = folder / "plugins"
    plugins.mkdir()
    (plugins / "scale.py").write_text(PLUGIN)
    settings = {
        "pairs": [{pair: "scale"} for pair in pairs(options.symbols, options.pairs)],
        "feeds": {"scale": {"rate": rate(options.symbols), "seconds": options.seconds}},
        "store": "local",
        "plugins": {"dirs": [str(plugins)]},
        "state": {"dir": str(folder)},
    }
    pipeline = {
        "feed": "scale",
        "bars": {"use": "time", "every": list(EVERY)},
        "regression": {"use": options.method, "window": options.window},
    }
    loaded = load(settings, {"scale": pipeline}, {})
    feed: Any = loaded.config.feeds["scale"]
    runtime = build(loaded.config, loaded.registry, feed.clock, folder, warm=True)
    recorder, meter = runtime.outputs.recorder, Meter(loop, options)
    assert isinstance(feed, Market)
    assert recorder

    async def after_second(second: int) -> None:
        await recorder.write()  # once a second, as in real time
        meter.note(second)

    feed.after_second = after_second
    await runtime.run()
    return meter.figures()


def run(options: argparse.Namespace) -> dict[str, float]:
    """Measure one size in this process, on one core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    logging.basicConfig(level=logging.WARNING)
    loop = TimedLoop()
    with tempfile.TemporaryDirectory() as folder:
        return loop.run_until_complete(simulated(options, loop, Path(folder)))


def measured(symbols: int, pairs: int, options: argparse.Namespace) -> dict[str, float]:
    """Measure one size in a process of its own, and print its line."""
    command = [sys.executable, __file__, "--run", "--symbols", str(symbols), "--pairs", str(pairs), "--method", options.method]
    command += ["--window", str(options.window), "--seconds", str(options.seconds)]
    command += ["--profile", str(options.profile)] if options.profile else []
    figures: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    if options.warm:
        from warming import time_to_warm

        figures["warm"] = time_to_warm(symbols, window=options.window)[0].seconds
    print("  ".join(f"{value:>{len(name)}}" for name, value in zip(COLUMNS, cells(symbols, pairs, figures), strict=True)), flush=True)
    return figures


def cells(symbols: int, pairs: int, figures: dict[str, float]) -> Sequence[str]:
    """Return the values of COLUMNS as text."""
    digits = {"RSS": 0, "hour": 0, "CPU %": 1, "start": 1, "warm": 0}
    shown = [f"{value:,.{digits.get(name, 2)}f}" for name, value in figures.items()]
    return [f"{symbols:,}", f"{pairs:,}", *shown, *([] if "warm" in figures else ["-"])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 50, 200, 500, 1_000])
    parser.add_argument("--symbols", type=int)
    parser.add_argument("--pairs", type=int)
    parser.add_argument("--seconds", type=int, help="simulated time; default: 3600, with --quick 600")
    parser.add_argument("--method", default="ols")
    parser.add_argument("--window", type=int, default=60)
    parser.add_argument("--warm", action="store_true", help="measure the time to warm, too")
    parser.add_argument("--profile", type=Path)
    parser.add_argument("--run", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.seconds = max(options.seconds or (600 if options.quick else HOUR_S), 3 * options.window + SETTLING_S)
    if options.run:
        print(json.dumps(run(options)))
        return
    sizes = [options.symbols] if options.symbols else [500] if options.quick else options.sizes
    print("  ".join(COLUMNS))
    for symbols in sizes:
        count = options.pairs or min(2 * symbols, MOST_PAIRS)
        figures = measured(symbols, count, options)
        if (symbols, count) == (500, 1_000):
            goals(figures)


def goals(figures: dict[str, float]) -> None:
    """Print the goals of 500 symbols and 1,000 pairs."""
    name = "500 symbols, 1,000 pairs"
    row(f"{name}: CPU of a core", figures["CPU %"], 35, " %", most=True)
    row(f"{name}: one callback, p99", figures["p99"], 5, " ms", most=True)
    row(f"{name}: one callback, max", figures["max"], 15, " ms", most=True)
    row(f"{name}: close of a second, max", figures["close max"], 10, " ms", most=True)
    row(f"{name}: RSS after an hour", figures["hour"], 1024, " MiB", most=True)


if __name__ == "__main__":
    main()
