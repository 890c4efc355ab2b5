"""From an exchange's socket to the hub: decoded, each id checked, made into bars and points of pairs, recorded, published.

    pip install cryptofeed picows aiohttp                            # peers, without which their rows are left out
    python benchmarks/ingest.py [--quick] [--rounds 3] [--clients 3] [--seconds 2] [--paced 20] [--flood 20]

The exchange (fast_exchange.py) sends aggregate trades of 20 symbols over one WebSocket on 127.0.0.1, from the second core. The daemon, with
ten pairs at 1s and 1m and its store, has the first core with all its threads; `storeless` is the same without its store. Peers (peers.py)
take turns with it on that core, on the same event loop: `plain` is `websockets`, `json` and a dict per trade, with a check of its id and a
1-s bar; `picows_msgspec`, `picows_json`, `aiohttp_msgspec` and `aiohttp_json` (clients.py) do the same behind another client, and with a
struct per trade by msgspec; `cryptofeed` is its own connection and handler for Binance futures, with a callback that counts. None has
pairs, history or a store. `nobody` only counts the trades.

Then WebSocket clients alone, with the same decoding behind each (clients.py): `quantd.net` against aiohttp's client and picows. Where one
of these comes within CLOSE of ours, it is to take its place: see docs/decisions.md.

Then the daemon runs alone, at a steady rate. The table shows the delay of each trade on the hub, from `E`, the exchange's clock at sending,
which is this machine's; of each point of 1s bars, from the sending of the first trade that is `lateness` behind the bar's end; and of the
event loop. The last part is a flood: how many trades the daemon processed, how its memory grew, and when it had caught up. The exchange
cannot write what the daemon does not read, so nothing is dropped.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from consumers import CORE, QUIET_MS, free_port
from numpy import median
from peers import Figures

HERE = Path(__file__).parent
OTHERS = (os.sched_getaffinity(0) - CORE) or CORE
WARM_S = {
    "quantd": 3.0,
    "storeless": 3.0,
    "plain": 1.0,
    "picows_msgspec": 1.0,
    "picows_json": 1.0,
    "aiohttp_msgspec": 1.0,
    "aiohttp_json": 1.0,
    "cryptofeed": 1.0,
}
BUNDLED = ("quantd", "storeless", "plain")
CLIENTS = ("net", "picows", "aiohttp")
CLOSE = 0.8
"""Share of the speed of `quantd.net` from which another client should replace it."""
CALM = 2_000
CALM_S = 5.0
"""Seconds at CALM trades per second before the flood."""
Plan = Sequence[tuple[float, int]]


@contextmanager
def process(cores: set[int], *command: str) -> Iterator[subprocess.Popen[str]]:
    """Yield a process that runs on some cores. It is killed at the end."""
    with subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, text=True, preexec_fn=partial(os.sched_setaffinity, 0, cores)
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def consumed(consumer: str, plan: Plan, warm_s: float, seconds: float) -> tuple[Figures, list[Figures]]:
    """Return the figures of a consumer, and those of the exchange for its completed phases."""
    port = free_port()
    with process(OTHERS, str(HERE / "fast_exchange.py"), str(port), *(f"{length}:{rate}" for length, rate in plan)) as exchange:
        assert exchange.stdout
        exchange.stdout.readline()
        with process(CORE, str(HERE / "consumers.py"), consumer, str(port), str(warm_s), str(seconds)) as running:
            told = running.communicate()[0]
            if running.returncode:
                raise SystemExit(f"{consumer} failed with code {running.returncode}")
        exchange.kill()
        return json.loads(told), [json.loads(line) for line in exchange.stdout]


def throughput(rounds: int, seconds: float) -> None:
    """Measure the maximum throughput of each path."""
    names = [name for name in WARM_S if name in BUNDLED or find_spec(name.partition("_")[0])]
    runs: dict[str, list[Figures]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            warm_s = WARM_S[name]
            runs[name].append(consumed(name, [(warm_s - 0.5, CALM), (600, 0)], warm_s, seconds)[0])
    runs["nobody"] = [consumed("nobody", [(600, 0)], 0.5, 1.0)[0]]
    speeds = {name: float(median([run["ticks"] / run["cpu"] for run in found])) for name, found in runs.items()}
    head = [
        "path",
        "trades/s, median (min-max)",
        "CPU %",
        "trades/CPU s, median",
        "maximum",
        "x plain",
        "x picows_msgspec",
        "lost",
        "peak MiB",
    ]
    print(f"| {' | '.join(head)} |\n|---|{'---:|' * (len(head) - 1)}")
    for name, found in runs.items():
        print(f"| {name} | {' | '.join(_cells(found, speeds[name], speeds))} |", flush=True)
    for name in [name for name in WARM_S if name not in names]:
        print(f"- {name} is left out: {name.partition('_')[0]} is not installed")
    goal("trades a CPU second", speeds["quantd"], 100_000, "at least", "{:,.0f}")
    goal("times plain", speeds["quantd"] / speeds["plain"], 5, "at least", "{:.1f}")
    print(f"- times plain, without the store, which plain has not either: {speeds['storeless'] / speeds['plain']:.1f}")
    if "cryptofeed" in names:
        print(f"- times cryptofeed {version('cryptofeed')}: {speeds['quantd'] / speeds['cryptofeed']:.1f}")


def _cells(runs: list[Figures], speed: float, speeds: dict[str, float]) -> list[str]:
    rates = [run["ticks"] / run["seconds"] for run in runs]
    busy = median([100 * run["cpu"] / run["seconds"] for run in runs])
    ratios = [f"{speed / speeds[peer]:.1f}" if peer in speeds else "-" for peer in ("plain", "picows_msgspec")]
    lost = str(max(run["missing"] for run in runs)) if "missing" in runs[0] else "-"
    rate = f"{median(rates):,.0f} ({min(rates):,.0f}-{max(rates):,.0f})"
    most = max(run["ticks"] / run["cpu"] for run in runs)
    return [rate, f"{busy:.0f}", f"{speed:,.0f}", f"{most:,.0f}", *ratios, lost, f"{max(run['peak'] for run in runs):.0f}"]


def clients(rounds: int, seconds: float) -> None:
    """Measure the cost of each WebSocket client, and whether ours justifies its code."""
    names = [name for name in CLIENTS if name == "net" or find_spec(name)]
    speeds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            run = consumed(name, [(600, 0)], 0.5, seconds)[0]
            speeds[name].append(run["ticks"] / run["cpu"])
    print("\n| client, with the same decoding | trades/CPU s: minimum | median | maximum | of ours |\n|---|---:|---:|---:|---:|")
    ours = float(median(speeds["net"]))
    for name, found in speeds.items():
        label = "quantd.net" if name == "net" else f"{name} {version(name)}"
        middle = float(median(found))
        print(f"| {label} | {min(found):,.0f} | {middle:,.0f} | {max(found):,.0f} | {middle / ours:.2f} |", flush=True)
    close = [name for name in names[1:] if median(speeds[name]) >= CLOSE * ours]
    print(f"\n- within {1 - CLOSE:.0%} of ours: {', '.join(close) or 'none'}")
    for name in [name for name in CLIENTS if name not in names]:
        print(f"- {name} is not installed: it is left out (pip install {name}, or the extra `bench`)")


def pace(rate: int, seconds: float) -> None:
    """Measure how late trades, points and the event loop are at a steady rate."""
    figures, _ = consumed("paced", [(600, rate)], CALM_S, seconds)
    print(f"\n| at {rate:,} trades/s | p50 ms | p99 ms | max ms |\n|---|---:|---:|---:|")
    for name, label in (("ticks", "E to hub, trades"), ("points", "end of bar to hub, points of 1s"), ("loop", "event loop late")):
        cells = [f"{value:.1f}" for value in figures["lags"][name]] or ["-"] * 3
        print(f"| {label} | {' | '.join(cells)} |")
    speed, busy = figures["ticks"] / figures["seconds"], 100 * figures["cpu"] / figures["seconds"]
    print(f"\n- taken: {speed:,.0f} trades/s with {busy:.0f} % of a core; lost: {figures['missing']}")
    goal("E to hub, p99 ms", figures["lags"]["ticks"][1], 50, "at most", "{:.1f}")
    goal("event loop late, p99 ms", figures["lags"]["loop"][1], 20, "at most", "{:.1f}")


def flood(rate: int, seconds: float) -> None:
    """Measure whether the daemon survives a flood, and at what cost."""
    figures, phases = consumed("flooded", [(CALM_S, CALM), (seconds, rate), (600, CALM)], CALM_S - 2, seconds + 3)
    _, burst = phases
    samples: list[tuple[float, int, int, float]] = figures["samples"]
    before = [sample for sample in samples if sample[0] < burst["began"]]
    late = [at for at, _, lag, _ in samples if at > burst["ended"] and lag > QUIET_MS]
    peak = max(size for *_, size in samples)
    during = [lag for at, _, lag, _ in samples if burst["began"] < at < burst["ended"]]
    recovery = max([at - burst["ended"] for at in late], default=0.0)
    print(f"\n| flood of {rate:,} trades/s for {seconds:.0f} s | |\n|---|---:|")
    print(f"| written by the exchange | {burst['written']:,} of {burst['due']:,} ({100 * burst['written'] / burst['due']:.0f} %) |")
    print("| not written, for the daemon did not read (TCP) | {:,} |".format(burst["due"] - burst["written"]))
    print(f"| lost of what was written (ids missing) | {figures['missing']} |")
    print(f"| worst lag during the flood, ms | {max(during)} |")
    print(f"| CPU seconds | {figures['cpu']:.1f} |")
    print(f"| memory before, peak, MiB | {before[-1][3]:.0f}, {peak:.0f} |")
    goal("growth, MiB", peak - before[-1][3], 64, "at most", "{:.1f}")
    goal(f"until no lag is above {QUIET_MS} ms, s", recovery, 30, "at most", "{:.1f}")


def goal(what: str, value: float, wanted: float, sense: str, text: str) -> None:
    met = value >= wanted if sense == "at least" else value <= wanted
    print(f"- {what}: {text.format(value)}; {sense} {wanted:,}: goal {'met' if met else 'missed'}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="of the throughput, 0 for none")
    parser.add_argument("--clients", type=int, default=3, help="rounds of the clients, 0 for none")
    parser.add_argument("--seconds", type=float, default=2.0, help="measured of each path in each of them")
    parser.add_argument("--rate", type=int, default=20_000, help="trades a second of the steady run")
    parser.add_argument("--paced", type=float, default=20.0, help="seconds of it, 0 for none")
    parser.add_argument("--burst", type=int, default=100_000, help="trades a second of the flood")
    parser.add_argument("--flood", type=float, default=20.0, help="seconds of it, 0 for none")
    parser.add_argument("--quick", action="store_true", help="one short round of each, in less than two minutes")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.clients, options.seconds, options.paced, options.flood = 1, 1, 0.8, 4.0, 3.0
    if options.rounds:
        throughput(options.rounds, options.seconds)
    if options.clients:
        clients(options.clients, options.seconds)
    if options.paced:
        pace(options.rate, options.paced)
    if options.flood:
        flood(options.burst, options.flood)


if __name__ == "__main__":
    main()
