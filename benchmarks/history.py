"""The recent rows in memory: their size, and the CPU time of writing and reading them.

    python benchmarks/history.py [--quick]

500 symbols and 1,000 pairs at 1s run for an hour and ten minutes (with --quick, for 25 minutes), with bars as structs and points as
batches. Sizes are the growth of the resident memory over the rows that are held. Then a series is read, again and again: the newest 500
rows as columns and as structs, and the newest bar alone. The store refuses to be read. Times are CPU times of the thread, median and
maximum of all calls but the first, which makes room for every series.
"""

import argparse
import gc
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from quantd.columns.points import NUMBERS, PointColumns
from quantd.history.history import History
from quantd.model import Bar
from quantd.plugin.base import Store
from quantd.testing import fakes
from quantd.times import FOR_EVER
from quantd_plugins.stores.local import Local

SYMBOLS, PAIRS = 500, 1_000
START = fakes.START
READS = 300


class Unread(Local):
    """A store that holds nothing and refuses to be read."""

    def series(self, kind: str) -> dict[tuple[str, str], tuple[int, int]]:
        return {}

    def losses(self) -> tuple[()]:
        return ()

    def _read(self, query: str, *values: Any) -> NoReturn:
        raise AssertionError(f"the store is read: {query}")


def resident() -> int:
    """Return the resident memory of this process in bytes."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def timed(call: Callable[[], object], times: list[float]) -> None:
    """Add the CPU time (µs) of a call."""
    began = time.thread_time()
    call()
    times.append((time.thread_time() - began) * 1e6)


def goal(what: str, value: float, most: float, unit: str, rest: str = "") -> None:
    """Print a figure and whether it reaches its goal."""
    print(f"| {what} | {value:,.1f} {unit}{rest} | ≤ {most:,g} {unit} | goal {'met' if value <= most else 'missed'} |", flush=True)


def goal_of_times(what: str, times: list[float], most: float) -> None:
    """Print the median and the maximum of times, and whether the median reaches its goal."""
    goal(what, float(np.median(times[1:])), most, "µs", f" (max {max(times[1:]):,.0f})")


def bars_of(at: int, symbols: list[str]) -> list[Bar]:
    """Return the bars of one second."""
    return [Bar(name, "1s", START + 1_000 * at, 1.5, 2.5, 0.5, 1.0 + at, 9.5, 7, 1.2, 4.5, "complete", 0, at, at + 7) for name in symbols]


def fill_bars(history: History, seconds: int) -> None:
    """Put bars second by second."""
    times: list[float] = []
    symbols, began = [f"S{number}" for number in range(SYMBOLS)], resident()
    for at in range(seconds):
        bars = bars_of(at, symbols)
        timed(lambda bars=bars: history.put_bars(bars), times)  # type: ignore[misc]
    grown = resident() - began
    goal("a bar in memory", grown / SYMBOLS / min(seconds, 3_600), 100, "bytes")
    goal_of_times(f"put {SYMBOLS} bars", times, 1_500)


def fill_points(history: History, seconds: int) -> list[str]:
    """Put points second by second. Return the pairs."""
    times: list[float] = []
    asked: list[float] = []
    pairs, began = [f"A{number}-B" for number in range(PAIRS)], resident()
    random = np.random.default_rng(1)
    marks = np.array([[60], [0], [0]]) * np.ones((1, PAIRS), np.int64)
    for at in range(seconds):
        numbers = random.normal(size=(len(NUMBERS), PAIRS))
        numbers[4:6], numbers[[6, 13]] = np.nan, 1.0
        batch = PointColumns("1s", START + 1_000 * at, pairs, numbers, marks)
        timed(lambda batch=batch: history.known_points_at(batch), asked)  # type: ignore[misc]
        timed(lambda batch=batch: history.put_points(batch), times)  # type: ignore[misc]
    grown = resident() - began
    goal("a point in memory", grown / PAIRS / min(seconds, 3_600), 112, "bytes")
    goal_of_times(f"put a batch of {PAIRS:,} points", times, 200)
    goal_of_times("ask which points of a batch are known", asked, 50)
    return pairs


def read(history: History, pairs: list[str], seconds: int) -> None:
    """Read the newest rows of many series."""
    since = START + 1_000 * (seconds - 500)
    calls: dict[str, tuple[Callable[[int], object], float]] = {
        "500 bars as columns": (lambda at: history.bar_columns(f"S{at}", "1s", since, FOR_EVER), 100),
        "the newest 500 bars as structs": (lambda at: history.bars(f"S{at}", "1s", 0, FOR_EVER, 500), 1_000),
        "the newest bar": (lambda at: history.bars(f"S{at}", "1s", 0, FOR_EVER, 1), 50),
        "500 points as columns": (lambda at: history.point_columns(pairs[at], "1s", since, FOR_EVER), 250),
        "500 points as structs": (lambda at: history.points(pairs[at], "1s", since, FOR_EVER), 3_000),
    }
    for what, (call, most) in calls.items():
        times: list[float] = []
        for at in range(READS):
            timed(lambda call=call, at=at: call(at), times)  # type: ignore[misc]
        goal_of_times(f"read {what}", times, most)


def main() -> None:
    """Fill a history and read it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="25 minutes of rows instead of an hour and ten minutes")
    seconds = 1_500 if parser.parse_args().quick else 4_200
    store: Store = Unread()
    history = History(store)
    history.look_up()
    print("| what | measured | goal | |\n|---|---:|---:|---|")
    fill_bars(history, seconds)
    read(history, fill_points(history, seconds), seconds)


if __name__ == "__main__":
    main()
