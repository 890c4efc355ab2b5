"""Answers of the API a CPU second of its process, those that are kept and those that are computed anew.

    pip install fastapi httptools orjson uvicorn                     # the peer, without which its rows are left out
    python benchmarks/api.py [--rounds 5] [--seconds 0.5] [--connections 8] [--quick]

Each server (api_servers.py) has the first core; a client in another process (api_load.py) asks it over keep-alive connections from the
second. The CPU time is that of the server's process with all its threads. The servers take turns, and all are on uvloop.

`kept` is the API with its store, ten pairs and bars in memory, asked by a client that sends the same bytes each time, as one that polls;
`parsed` is the same for requests whose bytes are new each time. `anew` is an answer that is read, computed and encoded again, since
everything may have changed since the request before. The peers send the same bodies from memory: FastAPI on uvicorn, encoded by orjson at
each request or kept as bytes, and aiohttp alone, kept as bytes, which is what its parsing and writing cost. `pair, FastAPI, computed`
computes the answer of `pair` at each request, with pandas and statsmodels; its numbers are compared with quantd's first.

`pair` has seven series of 501 points, `data` has 500 bars, `pairs` ten now-casts; `304` is `pair` for a client that has the body. The last
part encodes the answer of `pair` in this process, where none of its times has been printed before.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from socket import create_server
from typing import Any, NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

import msgspec
import numpy as np
from api_load import Job, Load
from api_servers import PATHS, WINDOW
from numpy import median

HERE = Path(__file__).parent
PEERS = ("fastapi", "orjson", "uvicorn")
FASTER = 2.0
"""How many times as many answers of `pair` as FastAPI and orjson quantd should give."""
COMPUTED = 8.0
"""How many times as many answers of `pair` that are computed anew as FastAPI with pandas and statsmodels."""
SENT = 1.0
"""How many times as many answers of `data` as FastAPI and orjson."""
ENCODED_MS = 0.9
_TIMES = 50


class Server(NamedTuple):
    port: int
    pid: int


class Case(NamedTuple):
    """A request; `name` is the row of the table, in which the first part is the body."""

    name: str
    server: str
    path: str
    known: bool = False
    slow: bool = False
    """Whether an answer takes so long that one connection asks for it, for ten times as long."""


@contextmanager
def serving(name: str, folder: Path) -> Iterator[Server]:
    with create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    with subprocess.Popen([sys.executable, HERE / "api_servers.py", name, str(port), folder], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            if not process.stdout.readline():
                raise SystemExit(f"{name} does not start")
            yield Server(port, process.pid)
        finally:
            process.kill()


@contextmanager
def loading() -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen([sys.executable, HERE / "api_load.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def asked(load: "subprocess.Popen[str]", job: Job) -> Load:
    assert load.stdin
    assert load.stdout
    load.stdin.write(msgspec.json.encode(job).decode() + "\n")
    load.stdin.flush()
    return msgspec.json.decode(load.stdout.readline(), type=Load)


def cases(peer: bool) -> list[Case]:
    """Return what is measured, in the order of the table."""
    kept = [Case(f"{body}, kept", "quantd", path) for body, path in PATHS.items()]
    kept += [Case("pair, 304", "quantd", PATHS["pair"], known=True), Case("pair, kept, parsed", "parsed", PATHS["pair"])]
    kept += [Case("pairs, kept, parsed", "parsed", PATHS["pairs"]), Case("`/live`", "parsed", "/live")]
    anew = [Case(f"{body}, anew", "fresh", path) for body, path in PATHS.items()]
    bare = [Case(f"{body}, aiohttp alone", "aiohttp", f"/bytes/{body}") for body in PATHS]
    theirs = [
        Case(f"{body}, FastAPI, {kind}", "fastapi", f"/{where}/{body}")
        for body in PATHS
        for kind, where in (("orjson", "objects"), ("bytes", "bytes"))
    ]
    theirs.append(Case("pair, FastAPI, computed", "fastapi", "/computed/pair", slow=True))
    return [*kept, *anew, *bare, *(theirs if peer else [])]


def rates(options: argparse.Namespace, peer: bool) -> dict[str, list[float]]:
    """Measure every case in turn, some times. Return its requests a CPU second."""
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        load = stack.enter_context(loading())
        servers = {}
        for name in dict.fromkeys(case.server for case in cases(peer)):
            (folder / "of" / name).mkdir(parents=True)
            servers[name] = stack.enter_context(serving(name, folder if name in ("aiohttp", "fastapi") else folder / "of" / name))
            if name == "quantd":
                tags = {body: _fetch(servers[name].port, path, folder / body) for body, path in PATHS.items()}
        if peer:
            _compare(folder / "pair", servers["fastapi"].port)
        for _ in range(options.rounds):
            for case in cases(peer):
                server = servers[case.server]
                known = f"If-None-Match: {tags['pair']}\r\n" if case.known else ""
                connections, seconds = (1, 10 * options.seconds) if case.slow else (options.connections, options.seconds)
                job = Job(server.port, server.pid, case.path, connections, 1, seconds, 304 if known else 200, known)
                found.setdefault(case.name, []).extend(asked(load, job).rates)
    return found


def _fetch(port: int, path: str, file: Path) -> str:
    """Write the body of an answer to a file, and return its tag."""
    with urlopen(f"http://127.0.0.1:{port}{path}") as response:
        file.write_bytes(response.read())
        return str(response.headers["ETag"])


def _compare(ours: Path, port: int) -> None:
    """Stop if the peer that computes the answer of `pair` finds other numbers."""
    theirs = _body(f"http://127.0.0.1:{port}/computed/pair")
    for name, rows in msgspec.json.decode(ours.read_bytes()).items():
        if isinstance(rows, list):
            mine, other = ([row["value"] for row in each] for each in (rows, theirs[name]))
            if len(mine) != len(other) or not np.allclose(mine, other, rtol=1e-6, atol=1e-9):
                raise SystemExit(f"the peer finds another {name}")


def _body(address: str) -> dict[str, Any]:
    """Return the JSON of an address, as soon as somebody listens there: uvicorn reports its start a little early."""
    while True:
        with suppress(URLError), urlopen(address) as response:
            return dict(msgspec.json.decode(response.read()))
        time.sleep(0.1)


def encoding_ms() -> list[float]:
    """Return the CPU milliseconds of encoding the answer of `pair`, each time with times that were not printed before."""
    from quantd.api.schema import columns, figures
    from quantd.api.schema.wire import encode
    from quantd.services.analytics import Analysis
    from quantd.testing import fakes
    from quantd.times import _date

    analysis, taken = Analysis(fakes.points(2 * WINDOW + 6)[5:]), []
    for _ in range(_TIMES):
        columns._head.cache_clear()
        _date.cache_clear()
        began = time.thread_time()
        encode(figures.pair("S0-S1", analysis))
        taken.append((time.thread_time() - began) * 1000)
    return taken


def show(found: dict[str, list[float]]) -> None:
    print("| answer | answers a CPU second: minimum | median | maximum | µs of CPU: median (maximum) |")
    print("|---|---:|---:|---:|---:|")
    for name, each in found.items():
        slowest, middle, fastest = min(each), float(median(each)), max(each)
        print(f"| {name} | {slowest:,.0f} | {middle:,.0f} | {fastest:,.0f} | {1e6 / middle:,.1f} ({1e6 / slowest:,.1f}) |")


def goal(what: str, figure: str, wanted: str, met: bool) -> None:
    print(f"{what}: {figure}, wanted {wanted}: goal {'met' if met else 'missed'}")


def judge(found: dict[str, list[float]], encoded: Sequence[float]) -> None:
    """Print a row for each goal."""
    print()
    kept = float(median(found["pair, kept"]))
    for kind in ("orjson", "bytes"):
        with suppress(KeyError):
            ratio = kept / float(median(found[f"pair, FastAPI, {kind}"]))
            worst = min(found["pair, kept"]) / max(found[f"pair, FastAPI, {kind}"])
            text = f"{ratio:.1f} times as many (slowest against fastest: {worst:.1f})"
            goal(f"`pair`, kept, against FastAPI, {kind}", text, f"{FASTER:g}", ratio >= FASTER)
    for mine, theirs, wanted in (("pair, anew", "pair, FastAPI, computed", COMPUTED), ("data, kept", "data, FastAPI, orjson", SENT)):
        with suppress(KeyError):
            ratio, worst = float(median(found[mine])) / float(median(found[theirs])), min(found[mine]) / max(found[theirs])
            text = f"{ratio:.1f} times as many (slowest against fastest: {worst:.1f})"
            goal(f"`{mine}` against `{theirs}`", text, f"{wanted:g}", ratio >= wanted)
    middle = float(median(encoded))
    figure = f"{middle:.2f} ms (maximum {max(encoded):.2f})"
    goal(f"`pair` encoded, {2 * WINDOW + 1} points", figure, f"{ENCODED_MS:g} ms", middle <= ENCODED_MS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--quick", action="store_true", help="three short rounds, under a minute")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 3, 0.3
    peer = all(map(find_spec, PEERS))
    if not peer:
        print(f"without the peer: pip install {' '.join(PEERS)} httptools\n")
    found = rates(options, peer)
    show(found)
    judge(found, encoding_ms())


if __name__ == "__main__":
    main()
