"""The memory of the daemon and its workers under requests for analytics.

    python benchmarks/memory.py [--quick]

Starts `quantd demo`, requests `/analytics/pair` five times with each method and window, each time over another number of bars so that no
answer is known, and reads the RSS of the daemon and of its workers. The windows are 60, 240 and 500 bars, with `--quick` 60 and 240. Then
it waits until the workers have left. `compilers` counts the libraries of numba, scipy and the like in the daemon's process. Meanwhile a
replay with an empty cache of compiled kernels shows when it first says what it does.

Each row of the last table ends with `goal met` or `goal missed`.
"""

import argparse
import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from aiohttp import ClientSession
from crowded import PAIR, demo

from quantd.testing import fakes

METHODS = ("OLS", "HUBER", "THEIL-SEN", "KALMAN", "QUANTILE", "TLS", "RIDGE", "RLS")
TIMES = 5
HEAVY = re.compile(r"numba|llvmlite|scipy/|pandas|statsmodels|sklearn")
MOST_MIB, LEAVE_S, TOLD_S = 200.0, 65.0, 20.0
BARS, LONGEST_S = 12_000, 55.0
"""Bars of the replay, and the seconds after which it is ended on a busy machine."""


def rss(pid: int) -> float:
    """Return the resident memory of a process, MiB; 0 if it has ended."""
    with suppress(OSError):
        if found := re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text()):
            return int(found[1]) / 1024
    return 0.0


def workers(daemon: int) -> list[int]:
    """Return the processes that compute answers."""
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with suppress(OSError):
            parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            if parent == daemon and b"quantd.pool.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def compilers(pid: int) -> int:
    """Return how many libraries of compilers and statistics are loaded into a process."""
    paths = {line.split(maxsplit=5)[-1] for line in Path(f"/proc/{pid}/maps").read_text().splitlines()}
    return sum(HEAVY.search(path) is not None for path in paths)


async def asked(client: ClientSession, daemon: int, windows: Sequence[int]) -> float:
    """Request everything, print what each method leaves, and return the largest RSS of a worker."""
    print("| after requests by | daemon, MiB | workers, MiB | slowest answer, s |\n|---|---:|---:|---:|")
    print(f"| nobody | {rss(daemon):.0f} | | |")
    largest = 0.0
    for method in METHODS:
        slowest = 0.0
        for window in (each + more for each in windows for more in range(TIMES)):
            began = time.perf_counter()
            async with client.get(f"/analytics/pair?{PAIR}&method={method}&window={window}") as response:
                assert response.status == 200, await response.text()
                await response.read()
            slowest = max(slowest, time.perf_counter() - began)
        sizes = [rss(pid) for pid in workers(daemon)]
        largest = max([largest, *sizes])
        print(f"| {method} | {rss(daemon):.0f} | {', '.join(f'{size:.0f}' for size in sizes) or '–'} | {slowest:.2f} |", flush=True)
    return largest


async def left(daemon: int) -> float:
    """Return the seconds until no worker is left."""
    began = time.perf_counter()
    while True:
        seconds = time.perf_counter() - began
        if not workers(daemon) or seconds > 2 * LEAVE_S:
            return seconds
        await asyncio.sleep(0.1)


def write_bars(folder: Path) -> None:
    """Write a file of 1s bars for each of two tied legs."""
    for symbol, prices in zip(("YYY", "XXX"), fakes.legs(BARS), strict=True):
        rows = [f"{fakes.START + 1000 * at},{price},{price},{price},{price},5" for at, price in enumerate(prices.tolist())]
        (folder / f"{symbol}.csv").write_text("\n".join(["ts,open,high,low,close,volume", *rows]) + "\n")


async def until_told() -> float:
    """Replay generated bars as after an installation, without compiled kernels, and return the seconds until the first line on stderr."""
    with TemporaryDirectory() as folder:
        write_bars(Path(folder))
        command = [sys.executable, "-m", "quantd", "replay", "YYY.csv", "XXX.csv", "--pair", "YYY-XXX", "--every", "1s"]
        began, env = time.perf_counter(), os.environ | {"NUMBA_CACHE_DIR": str(Path(folder, "cache"))}
        process = await asyncio.create_subprocess_exec(
            *command, "--regression", "huber", cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        assert process.stderr
        seconds = 0.0
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_S):
                async for line in process.stderr:
                    seconds = seconds or time.perf_counter() - began
                    print(f"replay, after {time.perf_counter() - began:.0f} s: {line.decode().rstrip()}", flush=True)
        if process.returncode is None:
            process.terminate()
        await process.wait()
        print(f"replay, after {time.perf_counter() - began:.0f} s: {'ended early' if process.returncode else 'done'}")
        return seconds or LONGEST_S


def row(what: str, value: float, most: float, unit: str) -> None:
    print(f"| {what} | {value:.0f} {unit} | at most {most:.0f} {unit} | {'goal met' if value <= most else 'goal missed'} |", flush=True)


async def measure(windows: Sequence[int]) -> None:
    async with demo() as (client, daemon):
        before = rss(daemon)
        of_worker = await asked(client, daemon, windows)
        after, loaded = rss(daemon), compilers(daemon)
        print()
        seconds, told = await asyncio.gather(left(daemon), until_told())
        print("\n| | measured | goal | |\n|---|---:|---:|---|")
        row("daemon before requests", before, MOST_MIB, "MiB")
        row("daemon after requests", after, MOST_MIB, "MiB")
        row("compilers in the daemon", loaded, 0, "files")
        row("largest worker", of_worker, MOST_MIB, "MiB")
        row("until the workers have left", seconds, LEAVE_S, "s")
        row("first line of a first replay", told, TOLD_S, "s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="windows of 60 and 240 bars only")
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join(os.path.abspath(each) for each in sys.path if each)
    asyncio.run(measure((60, 240) if options.quick else (60, 240, 500)))


if __name__ == "__main__":
    main()
