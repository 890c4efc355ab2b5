"""The response time of clients that behave, beside clients that do not, on a daemon with its defaults, which limit no caller on loopback.

    python benchmarks/abuse.py [--quick] [--seconds 8] [--rounds 3] [--clients 200]

Starts `quantd demo`. Five sockets read the trades of all symbols, and a client asks for small answers one after the other, over one
connection: bars, now-casts, the health, and hedge ratios over windows that are not kept. This is measured alone and beside each kind of
abuser (abuse_load.py, in a process of its own), in turn. `p99` and the maximum are those of the answers, the ratio is to the p99 alone of
the same round; all figures are medians of the rounds. `feed` is the p99 of `quantd_publish_lag_seconds`, from the receipt of a trade to
its publication, as the bound of a bucket. `RSS` is the largest of the daemon's process in that time. `missed` counts sockets of the five
that were closed.

At last `--clients` clients are there, a third each with a socket, an idle connection and half a request, and the daemon gets SIGTERM.
"""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count, cycle
from pathlib import Path

sys.path.append(sys.path.pop(0))  # last: in this folder the library's `statistics` would be a file of ours

import statistics

from abuse_load import ABUSES, UPGRADE
from aiohttp import ClientSession, WSMsgType
from crowded import demo
from goals import row
from msgspec import Struct

READERS = 5
DRAIN_S = 5.0
LAG_S = 0.05
GROWTH_MB = 256
PAIR = "pair=BTCUSDT-ETHUSDT&tf=1m"
WINDOWS = cycle(range(20, 60))


class Result(Struct):
    """Seconds of answers and of the feed, megabytes, and sockets that were closed."""

    median: float
    p99: float
    longest: float
    feed: float
    rss: float
    missed: int


def paths() -> Iterator[str]:
    """Yield small requests, of which one in four is computed."""
    for number in count():
        yield ("/data/BTCUSDT?tf=1m", "/pairs", "/health", f"/analytics/hedge-ratio?{PAIR}&window={next(WINDOWS)}")[number % 4]


async def asked(client: ClientSession, seconds: float) -> list[float]:
    """Return the seconds of each answer."""
    taken, end = [], time.monotonic() + seconds
    for path in paths():
        began = time.perf_counter()
        async with client.get(path) as response:
            assert response.status == 200, (path, await response.text())
            await response.read()
        taken.append(time.perf_counter() - began)
        if time.monotonic() > end:
            break
        await asyncio.sleep(0.005)
    return taken


async def read(client: ClientSession) -> None:
    """Read a socket until it is closed."""
    async with client.ws_connect("/ws") as socket:
        async for message in socket:
            assert message.type is WSMsgType.TEXT


async def lags(client: ClientSession) -> dict[float, float]:
    """Return how many trades were published within each number of seconds, up to now."""
    async with client.get("/metrics") as response:
        lines = (await response.text()).splitlines()
    found: dict[float, float] = {}
    for line in lines:
        if line.startswith("quantd_publish_lag_seconds_bucket"):
            bound = float(line.partition('le="')[2].partition('"')[0])
            found[bound] = found.get(bound, 0.0) + float(line.split()[-1])
    return found


def p99(before: dict[float, float], after: dict[float, float]) -> float:
    """Return the bound of the bucket within which 99 % are."""
    more = {bound: after[bound] - before.get(bound, 0.0) for bound in after}
    total = max(more.values())
    return min(bound for bound, each in more.items() if each >= 0.99 * total)


def rss(pid: int) -> float:
    """Return the megabytes that a process has in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def watched(pid: int, found: list[float]) -> None:
    """Look at the memory of a process again and again."""
    while True:
        found.append(rss(pid))
        await asyncio.sleep(0.05)


async def measured(client: ClientSession, pid: int, name: str, seconds: float) -> Result:
    """Measure beside the abusers of a name; alone if it is empty."""
    url = client._base_url
    assert url
    script = str(Path(__file__).parent / "abuse_load.py")
    command = [sys.executable, script, name, str(url.port), str(seconds + 3)]
    abusers = await asyncio.create_subprocess_exec(*command) if name else None
    readers = [asyncio.create_task(read(client)) for _ in range(READERS)]
    memory: list[float] = []
    watching = asyncio.create_task(watched(pid, memory))
    try:
        await asyncio.sleep(2.0)
        before = await lags(client)
        taken = sorted(await asked(client, seconds))
        feed = p99(before, await lags(client))
    finally:
        watching.cancel()
        if abusers:
            abusers.kill()
            await abusers.wait()
    missed = sum(each.done() for each in readers)
    for each in readers:
        each.cancel()
    await asyncio.wait(readers)
    return Result(statistics.median(taken), taken[int(0.99 * len(taken))], taken[-1], feed, max(memory), missed)


def runs(pid: int) -> bool:
    """Return whether a process has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def drained(client: ClientSession, pid: int, clients: int) -> float:
    """Return the seconds from SIGTERM to the end of the daemon, with clients that do not leave by themselves."""
    url = client._base_url
    assert url
    heads = (UPGRADE % b"/ws" + b"\r\n", b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /live HTTP/1.1\r\n")
    wires = [await asyncio.open_connection("127.0.0.1", url.port) for _ in range(clients)]
    for (_, writer), head in zip(wires, cycle(heads), strict=False):
        writer.write(head)
    await asyncio.sleep(1.0)
    began = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    while runs(pid):  # noqa: ASYNC110 -- it is not our child
        await asyncio.sleep(0.01)
    took = time.monotonic() - began
    for _, writer in wires:
        writer.close()
    return took


def middle(results: list[Result]) -> Result:
    """Return the medians; of the missed sockets the sum."""
    fields = {name: statistics.median(getattr(each, name) for each in results) for name in Result.__struct_fields__}
    return Result(**fields | {"missed": sum(each.missed for each in results)})


def show(name: str, found: Result, ratio: float) -> None:
    times = " | ".join(f"{1000 * each:.1f}" for each in (found.median, found.p99, found.longest))
    print(f"| {name} | {times} | {ratio:.2f} | {1000 * found.feed:.0f} | {found.rss:.0f} | {found.missed} |", flush=True)


async def run(options: argparse.Namespace) -> None:
    names = [name for name in ABUSES if options.only in name]
    alone: list[Result] = []
    found: dict[str, list[Result]] = {name: [] for name in names}
    ratios: dict[str, list[float]] = {name: [] for name in names}
    async with demo() as (client, pid):
        for _ in range(options.rounds):
            for name in names:
                alone.append(await measured(client, pid, "", options.seconds))
                found[name].append(await measured(client, pid, name, options.seconds))
                ratios[name].append(found[name][-1].p99 / alone[-1].p99)
        took = await drained(client, pid, options.clients) if options.clients else 0.0
    print("| beside | median, ms | p99, ms | maximum, ms | ratio of p99 | feed, ms | RSS, MB | missed |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    show("nobody", middle(alone), 1.0)
    for name, each in found.items():
        show(name, middle(each), statistics.median(ratios[name]))
    print()
    for name in names:
        row(f"{name}, p99 against alone", statistics.median(ratios[name]), 2.0, most=True)
    everything = [middle(each) for each in found.values()]
    row("feed, p99", max(each.feed for each in everything), LAG_S, " s", most=True)
    row("growth of memory", max(each.rss for each in everything) - middle(alone).rss, GROWTH_MB, " MB", most=True)
    if options.clients:
        row(f"drained with {options.clients} clients", took, DRAIN_S, " s", most=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=200, help="how many clients there are at the end; 0 for none")
    parser.add_argument("--only", default="", help="only abuses with this in their name")
    parser.add_argument("--quick", action="store_true", help="one short round")
    options = parser.parse_args()
    if options.quick:
        options.seconds, options.rounds = 3.0, 1
    with suppress(KeyboardInterrupt):
        asyncio.run(run(options))
