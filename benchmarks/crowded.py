"""The response time of small requests while another client makes expensive ones.

    python benchmarks/crowded.py [--quick] [--dear 12] [--window 500] [--small 12]

Starts `quantd demo` and requests hedge ratios by OLS, one after the other, each over a different window of 20 to 59 bars, so that none is
cached: `alone`; while `--dear` pairs by Theil-Sen over `--window` bars are computed (`asked for`); and after the clients of these have
disconnected (`abandoned`). The times are those of a client on the same machine. `CPU s` is the CPU time of daemon and workers in the first
8 s. Before that, it prints the cost of answering in a process: its start, and the time of a request there and in a thread.
"""

import argparse
import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

sys.path.pop(0)  # in this folder the library's `statistics` would be a file of ours

import statistics

import msgspec
from aiohttp import ClientConnectionError, ClientSession, ClientTimeout

from quantd.clock import SystemClock
from quantd.plugin.loader import load
from quantd.services.analytics import Question
from quantd.services.live.calculator import Calculator, Task, analysis_of, make_pool
from quantd.supervision.troubles import Troubles
from quantd.testing import fakes

SPAN_S = 8.0
PAIR = "pair=BTCUSDT-ETHUSDT&tf=1m"
SMALL = f"/analytics/hedge-ratio?{PAIR}&window=%d"
DEAR = f"/analytics/pair?{PAIR}&method=THEIL-SEN&window=%d"
GREAT = f"/analytics/pair?{PAIR}&window=%d"
_PATIENCE = ClientTimeout(120)


@asynccontextmanager
async def demo() -> AsyncIterator[tuple[ClientSession, int]]:
    """Yield a client of the demo, once it has bars to answer with, and the daemon's process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "quantd", "demo", "--listen", listen]
        process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            async with ClientSession(f"http://{listen}", timeout=_PATIENCE) as client:
                await _warm(client)
                yield client, process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            await process.wait()


async def _warm(client: ClientSession) -> None:
    """Ask until there are answers: the first ones need bars of the exchange."""
    while True:
        with suppress(ClientConnectionError):
            async with client.get(GREAT % 61) as response:
                if response.status == 200 and len((await response.json())["hedge_ratio"]) > 120:
                    return
        await asyncio.sleep(0.2)


async def times(client: ClientSession, paths: list[str]) -> list[float]:
    """Return the milliseconds of each request."""
    taken = []
    for path in paths:
        began = time.perf_counter()
        async with client.get(path) as response:
            assert response.status == 200, await response.text()
            await response.read()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


async def abandoned(client: ClientSession, paths: list[str], seconds: float) -> None:
    """Send all requests at once, each on its own connection, and disconnect after some seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(_asked(client, path) for path in paths))


async def _asked(client: ClientSession, path: str) -> None:
    async with client.get(path) as response:
        await response.read()


def used(parent: int) -> float:
    """Return the CPU seconds of a process and of its children, including those that have ended."""
    ticks = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError), open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
            if parent in (int(pid), int(fields[1])):
                ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


async def processes() -> None:
    """Print the cost of having a process answer."""
    registry, clock = load(), SystemClock()
    workers, calculator = make_pool(registry, "info", Troubles(clock)).workers, Calculator(registry, clock)
    began = time.perf_counter()
    await workers.run(msgspec.msgpack.encode(_task(2, 10)))
    print(f"start of a process: {(time.perf_counter() - began) * 1000:.0f} ms\n")
    print("| OLS, bars | in a thread, ms | in a process, ms | of which bytes, ms |\n|---:|---:|---:|---:|")
    for window in (60, 500, 2000):
        here, there, over = [], [], []
        for _ in range(9):
            began = time.perf_counter()
            calculator.calculate(_task(window, 5 * window))
            here.append(time.perf_counter() - began)
            began = time.perf_counter()
            frame = msgspec.msgpack.encode(_task(window, 5 * window))
            coded = time.perf_counter() - began
            answer = await workers.run(frame)
            since = time.perf_counter()
            analysis_of(answer)
            there.append(time.perf_counter() - began)
            over.append(coded + time.perf_counter() - since)
        print(f"| {5 * window:,} |", " | ".join(f"{1000 * statistics.median(each):.1f}" for each in (here, there, over)), "|")
    workers.close()
    print()


def _task(window: int, count: int) -> Task:
    legs = [fakes.bars(count, symbol=symbol, seed=seed) for seed, symbol in enumerate(("BTCUSDT", "ETHUSDT"))]
    return Task(Question("BTCUSDT", "ETHUSDT", "1m", window, "ols"), legs, 3 * window)


def show(name: str, taken: list[float], cpu: float) -> None:
    print(f"| {name} | {statistics.median(taken):.0f} | {max(taken):,.0f} | {cpu:.1f} |", flush=True)


async def run(options: argparse.Namespace) -> None:
    await processes()
    async with demo() as (client, pid):
        print("| small answers | median, ms | maximum, ms | CPU s |\n|---|---:|---:|---:|")
        for name, window, seconds in (("alone", 20, 0.0), ("asked for", 33, 120.0), ("abandoned", 46, 0.5)):
            before, began = used(pid), time.monotonic()
            dear = [DEAR % (options.window + window + number) for number in range(options.dear)]
            leaving = asyncio.create_task(abandoned(client, dear, seconds))
            await asyncio.sleep(min(seconds, 1.0))
            taken = await times(client, [SMALL % (window + number % 13) for number in range(options.small)])
            await asyncio.sleep(max(0.0, began + SPAN_S - time.monotonic()))
            show(name, taken, used(pid) - before)
            leaving.cancel()
            await asyncio.wait([leaving])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dear", type=int, default=12, help="how many great questions")
    parser.add_argument("--window", type=int, default=500)
    parser.add_argument("--small", type=int, default=12)
    parser.add_argument("--quick", action="store_true", help="fewer questions")
    options = parser.parse_args()
    if options.quick:
        options.dear, options.small = 4, 6
    asyncio.run(run(options))
