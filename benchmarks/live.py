"""The daemon in operation, with an exchange that floods it and ten clients on its WebSocket; and a plain relay in its place.

    python benchmarks/live.py [--quick] [--rounds 2] [--seconds 8] [--clients 10] [--demo 30]

Server under test on the first core, exchange and clients on the others, each in a process of its own; daemon and relay take turns. The
daemon does its whole work: six symbols, two pairs at 1s, 1m and 5m, the store. Lags in ms: `publish` from the daemon's own histogram
(receipt to publication, interpolated), `client` from the exchange's sending to the arrival at a client, `loop` how late the event loop is.
Last, `quantd demo` serves the clients for a while, for its start and its memory. The table shows medians over the rounds, for memory the
largest. Trades sent `as many as it takes` wait in the sockets' buffers, so the client lags include that time. Of `ticks/s` and `to client`
(trades a second that each client got) the daemon's should agree: no client lost any. `ticks/CPU s` is what a whole core would do, and
stays comparable when others use the machine too.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.request import urlopen

from flood import SYMBOLS
from goals import row
from numpy import median, nan

HERE = Path(__file__).parent
CORES = sorted(os.sched_getaffinity(0))
SERVER, OTHERS = set(CORES[:1]), set(CORES[1:] or CORES)
WARM_S = 4.0
GRACE_S = 30.0
LOADS = {"as many as it takes": 0, "50,000 ticks/s": 50_000, "5,000 ticks/s": 5_000}
PATHS = ("quantd", "relay")
COLUMNS = {
    "ready s": 2,
    "ticks/s": 0,
    "to client": 0,
    "CPU %": 0,
    "ticks/CPU s": 0,
    "publish p99": 1,
    "client p50": 0,
    "client p99": 0,
    "loop p99": 1,
    "RSS MiB": 0,
    "peak MiB": 0,
}
"""The columns of the table, with their decimals."""
Figures = dict[str, float | None]


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(cores: set[int], *command: str, folder: Path | None = None, **env: str) -> Iterator[subprocess.Popen[str]]:
    """Yield a process that runs on some cores and ends with the block."""
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | env,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    ) as running:
        try:
            yield running
        finally:
            running.terminate()
            try:
                running.wait(10)
            except subprocess.TimeoutExpired:
                running.kill()


def wait_for(port: int) -> None:
    """Wait until a process listens on the port."""
    deadline = time.monotonic() + GRACE_S
    while time.monotonic() < deadline:
        with closing(socket.socket()) as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.02)
    raise SystemExit(f"nobody listens on port {port}")


@contextmanager
def exchange(rate: int, seconds: float) -> Iterator[int]:
    port = free_port()
    with process(OTHERS, str(HERE / "flood.py"), str(port), str(rate), str(seconds)):
        wait_for(port)
        yield port


def configure(folder: Path, port: int) -> None:
    """Write the demo's config for the exchange at that port. JSON is valid YAML."""
    pipelines = folder / "pipelines"
    pipelines.mkdir()
    settings = {
        "pairs": ["-".join(SYMBOLS[:2]), "-".join(SYMBOLS[2:4])],
        "symbols": SYMBOLS[4:],
        "feeds": {
            "binance-futures": {"ws": f"ws://127.0.0.1:{port}", "rest": f"http://127.0.0.1:{port}", "files": f"http://127.0.0.1:{port}"}
        },
        "store": "local",
        "sinks": {"log": {}},
        "state": {"dir": str(folder / "state")},
        "log": "warning",
    }
    pipeline = {
        "feed": "binance-futures",
        "bars": {"use": "time", "every": ["1s", "1m", "5m"]},
        "regression": {"use": "ols", "window": 60},
        "jobs": [{"use": "adf", "every": "1m"}],
    }
    (folder / "quantd.yaml").write_text(json.dumps(settings))
    (pipelines / "default.yaml").write_text(json.dumps(pipeline))


@contextmanager
def daemon(command: str, listen: str, folder: Path, cores: set[int]) -> Iterator[tuple[int, float]]:
    """Yield the daemon's process id, and the seconds that it took to be ready."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as told:
        told.bind(str(folder / "notify"))
        told.settimeout(GRACE_S)
        began = time.monotonic()
        arguments = ("-m", "quantd", command, "--listen", listen)
        with process(cores, *arguments, folder=folder, NOTIFY_SOCKET=str(folder / "notify")) as running:
            while not told.recv(4096).startswith(b"READY=1"):
                pass
            seconds = time.monotonic() - began
            told.close()
            yield running.pid, seconds


@contextmanager
def relay(port: int, listen: str) -> Iterator[tuple[int, None]]:
    with process(SERVER, str(HERE / "relay.py"), str(port), listen) as running:
        wait_for(int(listen.rpartition(":")[2]))
        yield running.pid, None


def resident(pid: int, what: str) -> float:
    """Return VmRSS or VmHWM in MiB."""
    (kib,) = re.findall(rf"{what}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(kib) / 1024


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def scraped(listen: str) -> dict[str, float]:
    with urlopen(f"http://{listen}/metrics", timeout=GRACE_S) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))}


def p99(histogram: str, before: dict[str, float], after: dict[str, float]) -> float | None:
    """Return the 99th percentile in ms, interpolated within the bucket as PromQL's histogram_quantile does."""
    bounds = {name: float(bound) for name in after for bound in re.findall(rf'{histogram}_bucket{{le="(.+)"}}', name)}
    counts = sorted((bound, after[name] - before.get(name, 0)) for name, bound in bounds.items())
    wanted, low, below = 0.99 * counts[-1][1], 0.0, 0.0
    for bound, count in counts:
        if wanted and count >= wanted:
            return None if bound == float("inf") else 1000 * (low + (bound - low) * (wanted - below) / (count - below))
        low, below = bound, count
    return None


def audience(listen: str, clients: int, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE / "audience.py"), listen, str(clients), str(WARM_S), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, OTHERS))


def watched(pid: int, listen: str, options: argparse.Namespace, seconds: float, scrape: Callable[[str], dict[str, float]]) -> Figures:
    """Return the figures of the clients and the daemon over some seconds."""
    with audience(listen, options.clients, seconds) as clients:
        time.sleep(WARM_S)
        before, cpu, began = scrape(listen), cpu_seconds(pid), time.monotonic()
        heard = json.loads(clients.communicate()[0])
        after, busy, passed = scrape(listen), cpu_seconds(pid) - cpu, time.monotonic() - began
    ticks = sum(after[name] - before.get(name, 0) for name in after if name.startswith("quantd_ticks_total"))
    rate = ticks / passed if after else heard["rate"]
    return {
        "ticks/s": rate,
        "to client": heard["rate"],
        "CPU %": 100 * busy / passed,
        "ticks/CPU s": rate * passed / busy,
        "client p50": heard["p50"],
        "client p99": heard["p99"],
        "publish p99": p99("quantd_publish_lag_seconds", before, after) if after else None,
        "loop p99": p99("quantd_loop_lag_seconds", before, after) if after else None,
        "RSS MiB": resident(pid, "VmRSS"),
        "peak MiB": resident(pid, "VmHWM"),
    }


def run_once(path: str, rate: int, options: argparse.Namespace) -> Figures:
    listen = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory() as name, exchange(rate, options.seconds + GRACE_S) as port:
        if path == "relay":
            with relay(port, listen) as (pid, _):
                return watched(pid, listen, options, options.seconds, lambda _: {})
        configure(Path(name), port)
        with daemon("run", listen, Path(name), SERVER) as (pid, ready):
            return {"ready s": ready} | watched(pid, listen, options, options.seconds, scraped)


def demo(options: argparse.Namespace) -> Figures:
    """Measure `quantd demo` on all cores: it starts its exchange first."""
    listen = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory() as name, daemon("demo", listen, Path(name), set(CORES)) as (pid, ready):
        return {"ready s": ready} | watched(pid, listen, options, options.demo, scraped)


def show(load: str, path: str, runs: list[Figures]) -> None:
    cells = []
    for column, decimals in COLUMNS.items():
        known = [value for run in runs if (value := run.get(column)) is not None]
        middle = max if column.endswith("MiB") else median
        cells.append(f"{middle(known):,.{decimals}f}" if known else "-")
    print(f"| {load} | {path} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=8.0, help="measured in each run")
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--demo", type=float, default=30.0, help="seconds of the demo, 0 for none")
    parser.add_argument("--quick", action="store_true", help="one short round, without the demo")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.demo = 1, 5.0, 0.0
    found: dict[tuple[str, str], list[Figures]] = {}
    for _ in range(options.rounds):
        for load, rate in LOADS.items():
            for path in PATHS:
                found.setdefault((load, path), []).append(run_once(path, rate, options))
    print(f"| load | path | {' | '.join(COLUMNS)} |\n|---|---|{'---:|' * len(COLUMNS)}")
    for (load, path), runs in found.items():
        show(load, path, runs)
    shown = demo(options) if options.demo else None
    if shown:
        show("its own market", "quantd demo", [shown])
    goals({load: runs for (load, path), runs in found.items() if path == "quantd"}, shown)


def goals(runs: dict[str, list[Figures]], demo: Figures | None) -> None:
    """Print the goals, given the runs of the daemon by load, and that of the demo."""

    def middle(load: str, column: str) -> float:
        return float(median([run.get(column) or nan for run in runs[load]]))

    most, _, paced = LOADS
    row("ticks a CPU second, ten clients", middle(most, "ticks/CPU s"), 50_000)
    row("receipt to publication at 5,000 ticks/s, p99", middle(paced, "publish p99"), 20, " ms", most=True)
    if demo:
        row("RSS of the demo", demo["RSS MiB"] or nan, 200, " MiB", most=True)


if __name__ == "__main__":
    main()
