"""Trades to many clients of `/api/v1/ws`, over real sockets.

    pip install fastapi uvicorn                  # the peer, without which its rows are left out
    python benchmarks/topics.py [--clients 1000] [--seconds 10]

A server makes trades and sends each to every client. `even` are 100 trades a second of one symbol at an even rate, the worst case for what
saves writes; `bursts` are as many of ten symbols, whose trades come together as they do when a market moves; `flood` are 1,000 of one
symbol, more than the peers can send. The server has one core; the clients, which only count, share another. `quantd` is the API with its
typed topics, one for each symbol. `fastapi` (with uvicorn) and `websockets` send each trade to each client by itself, the same bytes,
encoded once.

Deliveries are trades received by all clients together; CPU seconds are those of the server. The delay is from the making of a trade to its
receipt, measured by every hundredth client.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from itertools import count
from typing import Any, cast

sys.path.append(sys.path.pop(0))  # last: in this folder the library's `statistics` would be a file of ours

import numpy as np
from goals import row
from msgspec.structs import replace

from quantd.api.schema import rows
from quantd.api.schema.wire import encode
from quantd.testing import fakes

GOAL_RATIO, GOAL_MS = 30.0, 50.0
PATH = "/api/v1/ws"
HELLO = (
    f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
).encode()
SYMBOLS = [f"S{number}USDT" for number in range(10)]
LOADS = {"even": (SYMBOLS[:1], 100.0), "bursts": (SYMBOLS, 100.0), "flood": (SYMBOLS[:1], 1000.0)}
"""The symbols, and the number of trades a second, of all of them together."""
MARK = b'"qty":'
"""It is in each trade once; the number after it is the time (ms) at which the trade was made."""
CORES = sorted(os.sched_getaffinity(0))

Send = Callable[[Any], Awaitable[None] | None]


async def make_trades(load: str, send: Send) -> None:
    """Make trades for ever."""
    tick, began, (symbols, rate) = fakes.ticks(1)[0], time.monotonic(), LOADS[load]
    for number in count(1):
        if (early := began + number * len(symbols) / rate - time.monotonic()) > 0:  # those that are late are made at once
            await asyncio.sleep(early)
        made = time.time_ns() / 1e6
        for symbol in symbols:
            if sent := send(replace(tick, symbol=symbol, id=number, qty=made)):
                await sent


async def quantd(port: int, load: str) -> None:
    from aiohttp import web

    from quantd.api.app import make_app
    from quantd.api.server.connections import Runner
    from quantd.config.model import ApiSettings
    from quantd.testing.services import fake_services

    services = fake_services(SYMBOLS)
    runner = Runner(make_app(services, ApiSettings()), 10_000)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    await make_trades(load, lambda tick: services.events.publish("ticks", [tick]))


async def fastapi(port: int, load: str) -> None:
    import uvicorn
    from fastapi import FastAPI, WebSocket, WebSocketDisconnect

    app, sockets = FastAPI(), set[WebSocket]()

    async def serve(websocket: WebSocket) -> None:
        await websocket.accept()
        sockets.add(websocket)
        try:
            while True:
                await websocket.receive_text()
        except WebSocketDisconnect:
            sockets.discard(websocket)

    app.websocket(PATH)(serve)

    async def send(tick: Any) -> None:
        text = encode(rows.trade(tick)).decode()
        for websocket in list(sockets):
            await websocket.send_text(text)

    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", loop="none", ws_per_message_deflate=False)
    await asyncio.gather(uvicorn.Server(config).serve(), make_trades(load, send))


async def websockets(port: int, load: str) -> None:
    from websockets.asyncio.server import ServerConnection, serve

    sockets = set[ServerConnection]()

    async def hold(websocket: ServerConnection) -> None:
        sockets.add(websocket)
        try:
            await websocket.wait_closed()
        finally:
            sockets.discard(websocket)

    async def send(tick: Any) -> None:
        text = encode(rows.trade(tick)).decode()
        for websocket in list(sockets):
            await websocket.send(text)

    async with serve(hold, "127.0.0.1", port, compression=None, backlog=1024):
        await make_trades(load, send)


SERVERS = {each.__name__: each for each in (quantd, fastapi, websockets)}


class Listener(asyncio.Protocol):
    """Counts trades. With `timed` it also records their ages."""

    def __init__(self, topics: Sequence[str], *, timed: bool) -> None:
        self._topics = topics
        self.trades = 0
        self.ages: list[float] = []
        self._timed = timed
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        asked = [b'{"action":"subscribe","topic":"%s"}' % topic.encode() for topic in self._topics]
        frames = [bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text for text in asked]  # masked with zeros
        cast(asyncio.Transport, transport).write(b"".join([HELLO, *frames]))

    def data_received(self, data: bytes) -> None:
        if not self._timed:
            data = self._rest + data
            self.trades += data.count(MARK)
            self._rest = data[-len(MARK) + 1 :]
            return
        data = self._rest + data
        pieces = data.split(MARK)
        whole = pieces[1:] if b"," in pieces[-1] else pieces[1:-1]
        self.trades += len(whole)
        self._rest = data[-len(MARK) + 1 :] if b"," in pieces[-1] else MARK + pieces[-1] if len(pieces) > 1 else data[-len(MARK) + 1 :]
        now = time.time_ns() / 1e6
        self.ages += [now - float(piece.partition(b",")[0]) for piece in whole]


async def listen(port: int, load: str, clients: int, seconds: float, pid: int) -> dict[str, float]:
    loop, topics = asyncio.get_running_loop(), [f"trade:{symbol}" for symbol in LOADS[load][0]]
    listeners = []
    for number in range(clients):
        _, listener = await loop.create_connection(partial(Listener, topics, timed=number % 100 == 0), "127.0.0.1", port)
        listeners.append(listener)
    await asyncio.sleep(2.0)
    for listener in listeners:
        listener.ages.clear()
    before, spent, began = sum(listener.trades for listener in listeners), cpu(pid), time.monotonic()
    await asyncio.sleep(seconds)
    took, spent = time.monotonic() - began, cpu(pid) - spent
    trades = sum(listener.trades for listener in listeners) - before
    ages = [age for listener in listeners for age in listener.ages] or [float("nan")]
    p50, p99 = np.percentile(ages, [50, 99]).tolist()
    return {"per_s": trades / took, "cpu": spent / took, "per_cpu_s": trades / spent, "p50": p50, "p99": p99}


def cpu(pid: int) -> float:
    """Return the CPU seconds of a process so far."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(main: Awaitable[Any], core: int) -> Any:
    from quantd.daemon import _loop_factory

    async def running() -> Any:
        return await main

    os.sched_setaffinity(0, {core})
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(running())


def measure(name: str, load: str, options: argparse.Namespace) -> dict[str, float]:
    """Start a server and its clients in processes of their own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    here = [sys.executable, __file__, "--load", load, "--port", str(port)]
    server = subprocess.Popen([*here, "--serve", name], stderr=subprocess.DEVNULL)
    try:
        for _ in up(port):
            time.sleep(0.05)
        told = [*here, "--listen", str(server.pid), "--clients", str(options.clients), "--seconds", str(options.seconds)]
        figures: dict[str, float] = json.loads(subprocess.run(told, check=True, capture_output=True).stdout)
        return figures
    finally:
        server.kill()
        server.wait()


def up(port: int) -> Iterator[None]:
    """Yield until a server listens."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            yield
        else:
            return


def report(options: argparse.Namespace) -> None:
    servers = [name for name in SERVERS if name != "fastapi" or (find_spec("fastapi") and find_spec("uvicorn"))]
    print(f"{options.clients:,} clients")
    print(f"{'load':8}{'server':11}{'deliveries/s':>13}{'CPU %':>7}{'a CPU second':>14}{'ratio':>7}{'p50, ms':>9}{'p99, ms':>9}")
    for load in LOADS:
        found = {name: measure(name, load, options) for name in servers}
        for name, each in found.items():
            ratio = found["quantd"]["per_cpu_s"] / each["per_cpu_s"]
            figures = f"{each['per_s']:13,.0f}{100 * each['cpu']:7.0f}{each['per_cpu_s']:14,.0f}{ratio:7.1f}"
            print(f"{load:8}{name:11}{figures}{each['p50']:9.1f}{each['p99']:9.1f}", flush=True)
        peer = max(each["per_cpu_s"] for name, each in found.items() if name != "quantd")
        if load == "flood":
            row(f"{load}: deliveries a CPU second against the better peer", found["quantd"]["per_cpu_s"] / peer, GOAL_RATIO, "×")
        else:
            row(f"{load}: delay, 99 %", found["quantd"]["p99"], GOAL_MS, " ms", most=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    parser.add_argument("--listen", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--load", choices=LOADS, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        run(SERVERS[options.serve](options.port, options.load), CORES[0])
    elif options.listen:
        figures = listen(options.port, options.load, options.clients, options.seconds, options.listen)
        print(json.dumps(run(figures, CORES[-1])))
    else:
        report(options)


if __name__ == "__main__":
    main()
