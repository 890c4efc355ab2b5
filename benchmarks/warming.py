"""The start of many symbols: how long until all stand warm, and how much of the exchange's request weight that takes.

    python benchmarks/warming.py [--quick] [--symbols 40 100 500] [--window 60] [--hours 6]

A simulated exchange with that many symbols, whose limits are those of the real one, and `quantd run` with two pairs per symbol at 1s, 1m
and 5m, each in a process of its own. `ready s` is the time from the start of the process until `/ready` answers 200, `weight` what the
exchange charged by then, `of bars` the part that bars cost, `most a minute` its largest charge within a minute of its clock, `CPU s` the
daemon's CPU time by then. The second start of each size finds its past in the store. A start waits for a full minute of the exchange, whose
clock begins 5 s after one (with --quick, 35 s): a first start waits for nearly a minute.

The last rows are the goals: 500 symbols are ready within five minutes (with --quick, 60 symbols within 90 s), no request is refused, and
bars of the second start cost at most 60 %.
"""

import argparse
import json
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import msgspec
from goals import row
from live import OTHERS, SERVER, cpu_seconds, free_port, process
from msgspec import Struct

from quantd.cli.exchange import Exchange, simulator

RATE = 0.5
"""Trades a second of each symbol."""
TRADES_PATH, TRADES_WEIGHT = "/fapi/v1/aggTrades", 20
LONGEST_S = 1_800.0
POLL_S = 0.25
GOAL_S, QUICK_GOAL_S = 300.0, 90.0
REST = "/fapi/"
COLUMNS = "symbols", "start", "ready s", "weight", "a symbol", "of bars", "most a minute", "refused", "CPU s"


class Warmth(Struct, frozen=True):
    """The cost of a start until every symbol was warm. `weight`, `bars` (its part) and `most` (in a minute) are request weight; `told` are
    the different statuses that the daemon sent to the service manager."""

    seconds: float
    weight: int
    bars: int
    most: int
    refused: int
    cpu_s: float
    told: tuple[str, ...] = ()


def names(count: int) -> list[str]:
    """Return so many symbols."""
    return [f"S{number:03d}USDT" for number in range(count)]


@contextmanager
def exchange(folder: Path, symbols: int, hours: int = 6, second: int = 5) -> Iterator[Exchange]:
    """Run an exchange whose symbols have a past of some hours. Its clock begins at a second of a minute."""
    traded = {name: {"level": 50 + number, "tick": 0.01, "step": 0.01, "rate": RATE} for number, name in enumerate(names(symbols))}
    scenario = folder / "scenario.yaml"
    scenario.write_text(json.dumps({"symbols": traded, "limits": {"history_h": hours}}))
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, OTHERS)  # inherited by the exchange
    try:
        epoch = time.time_ns() // 60_000_000_000 * 60_000 + second * 1_000
        with simulator(folder / "ledger", "--scenario", str(scenario), "--epoch", str(epoch)) as running:
            os.sched_setaffinity(0, own)
            yield running
    finally:
        os.sched_setaffinity(0, own)


def configure(folder: Path, at: Exchange, symbols: int, window: int = 60) -> None:
    """Write a config with two pairs per symbol. JSON is valid YAML."""
    traded = names(symbols)
    neighbours = [(traded[at], traded[(at + step) % symbols]) for step in (1, 2) for at in range(symbols)]
    settings = {
        "pairs": [f"{y}-{x}" for y, x in neighbours],
        "feeds": {"binance-futures": {"ws": at.ws, "rest": at.rest, "files": at.rest}},
        "store": "local",
        "sinks": {"log": {}},
        "state": {"dir": str(folder / "state")},
        "log": "info",
    }
    pipeline = {
        "feed": "binance-futures",
        "bars": {"use": "time", "every": ["1s", "1m", "5m"]},
        "regression": {"use": "ols", "window": window},
    }
    (folder / "pipelines").mkdir(exist_ok=True)
    (folder / "quantd.yaml").write_text(json.dumps(settings))
    (folder / "pipelines/default.yaml").write_text(json.dumps(pipeline))


def start(folder: Path, at: Exchange) -> Warmth:
    """Start the daemon of a folder, wait until it is warm, and stop it."""
    before, most, told = _requests(at), 0, dict[str, None]()
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as notes:
        (folder / "notify").unlink(missing_ok=True)
        notes.bind(str(folder / "notify"))
        notes.setblocking(False)
        listen, began = f"127.0.0.1:{free_port()}", time.monotonic()
        with process(SERVER, "-m", "quantd", "run", "--listen", listen, folder=folder, NOTIFY_SOCKET=str(folder / "notify")) as running:
            while not _is_ready(listen):
                if time.monotonic() - began > LONGEST_S or running.poll() is not None:
                    raise SystemExit(f"the daemon does not become ready: {list(told)[-1:]}")
                most = max(most, sum(_requests(at).weight.values()))
                told |= dict.fromkeys(_statuses(notes))
                time.sleep(POLL_S)
            seconds, cpu, after = time.monotonic() - began, cpu_seconds(running.pid), _requests(at)
            told |= dict.fromkeys(_statuses(notes))
    weight = after.total - before.total
    trades = TRADES_WEIGHT * (after.count(TRADES_PATH, 200) - before.count(TRADES_PATH, 200))
    refused = sum(after.count(REST, status) - before.count(REST, status) for status in (418, 429))
    return Warmth(seconds, weight, weight - trades, most, refused, cpu, tuple(told))


def time_to_warm(symbols: int, *, starts: int = 1, window: int = 60, hours: int = 6, second: int = 5) -> list[Warmth]:
    """Start a daemon with that many symbols and two pairs per symbol, one start after the other with the same store. Return what each start
    took. The exchange has a past of some hours, and its clock begins at a second of a minute."""
    with tempfile.TemporaryDirectory() as name, exchange(Path(name), symbols, hours, second) as at:
        configure(Path(name), at, symbols, window)
        return [start(Path(name), at) for _ in range(starts)]


class _Answers(Struct):
    path: str
    status: int
    count: int


class _Requests(Struct):
    """The exchange's count of its requests. `weight` is that of this minute, `charged` that of all, by client."""

    requests: list[_Answers]
    weight: dict[str, int]
    charged: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.charged.values())

    def count(self, path: str, status: int) -> int:
        """Return the number of answers of a status to requests of paths that begin with this one."""
        return sum(row.count for row in self.requests if row.path.startswith(path) and row.status == status)


def _requests(at: Exchange) -> _Requests:
    with urlopen(f"{at.ctl}/requests", timeout=60) as answer:
        return msgspec.json.decode(answer.read(), type=_Requests)


def _is_ready(listen: str) -> bool:
    with suppress(HTTPError, URLError, OSError), urlopen(f"http://{listen}/ready", timeout=10) as answer:
        return bool(answer.status == 200)
    return False


def _statuses(notes: socket.socket) -> Iterator[str]:
    """Yield the statuses that have arrived."""
    with suppress(BlockingIOError):
        while True:
            yield from (line.removeprefix("STATUS=") for line in notes.recv(4096).decode().splitlines() if line.startswith("STATUS="))


def show(symbols: int, which: str, warmth: Warmth) -> None:
    """Print a row of the table."""
    weights = f"{warmth.weight:,}", f"{warmth.weight / symbols:.1f}", f"{warmth.bars:,}", f"{warmth.most:,}"
    cells = symbols, which, f"{warmth.seconds:.1f}", *weights, warmth.refused, f"{warmth.cpu_s:.1f}"
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def judge(symbols: int, first: Warmth, second: Warmth, most_s: float) -> None:
    """Print a row for each goal."""
    row(f"{symbols} symbols warm", first.seconds, most_s, " s", most=True)
    row("requests refused", first.refused + second.refused, 0, most=True)
    row("weight of bars at the second start, of that at the first", 100 * second.bars / first.bars, 60, " %", most=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="60 symbols only, in less than two minutes")
    parser.add_argument("--symbols", type=int, nargs="+", default=[40, 100, 500])
    parser.add_argument("--window", type=int, default=60)
    parser.add_argument("--hours", type=int, default=6, help="length of the exchange's past")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the exchange and the daemon end with it
    sizes, second = ([60], 35) if options.quick else (options.symbols, 5)
    print(f"| {' | '.join(COLUMNS)} |\n|{'---:|' * len(COLUMNS)}")
    for symbols in sizes:
        first, again = time_to_warm(symbols, starts=2, window=options.window, hours=options.hours, second=second)
        show(symbols, "first", first)
        show(symbols, "second", again)
    judge(sizes[-1], first, again, QUICK_GOAL_S if options.quick else GOAL_S)


if __name__ == "__main__":
    main()
