"""What the simulator's tests share: a process to talk to, and listings under a clock that stands still."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import websockets

from quantd.simulator.clock import Clock
from quantd.simulator.exchange import Exchange
from quantd.simulator.scenario import load
from tests.waiting import PATIENCE_S

EPOCH = 1_795_000_000_000
HOUR_MS = 3_600_000
UPGRADE = """GET {} HTTP/1.1
Host: localhost
Upgrade: websocket
Connection: Upgrade
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==

"""


class ManualClock(Clock):
    """Shows `now`, which tests set."""

    def __init__(self, now: int = EPOCH) -> None:
        super().__init__(now)
        self.now = now

    def now_ms(self) -> int:
        return self.now


def exchange(clock: Clock | None = None, scenario: str = "demo", seed: int = 1) -> Exchange:
    return Exchange(load(scenario), seed, clock or ManualClock())


@dataclass
class Simulator:
    """A running process and where it listens."""

    process: subprocess.Popen[str]
    ledger: Path
    ws: str
    rest: str
    ctl: str

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def rows(self, symbol: str) -> dict[int, list[int]]:
        """The ledger of a symbol by id."""
        lines = (self.ledger / f"{symbol}.csv").read_text().splitlines()[1:]
        return {int(line.split(",")[0]): [int(cell) for cell in line.split(",")] for line in lines}

    def upgraded(self, path: str, receive_buffer: int = 65536) -> socket.socket:
        """A bare socket after the upgrade, of which nobody has read a byte."""
        host, port = self.ws.removeprefix("ws://").split(":")
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        raw.settimeout(PATIENCE_S)
        raw.connect((host, int(port)))
        raw.sendall(UPGRADE.format(path).replace("\n", "\r\n").encode())
        return raw

    def connect(self, path: str) -> websockets.connect:
        return websockets.connect(self.ws + path, max_queue=None)


Start = Callable[..., Simulator]


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "quantd.simulator", *map(str, arguments)]


def read_all(raw: socket.socket) -> bytes:
    """Everything until the other side ends. Raises ConnectionResetError if it resets."""
    return b"".join(iter(lambda: raw.recv(65536), b""))


async def call(ws: websockets.ClientConnection, method: str, params: list[Any] | None = None, request_id: object = 1) -> Any:
    """Sends one request; returns the next frame that is no data."""
    request = {"method": method, "id": request_id} | ({} if params is None else {"params": params})
    await ws.send(json.dumps(request))
    return await answer(ws)


async def answer(ws: websockets.ClientConnection) -> Any:
    while True:
        frame = json.loads(await ws.recv())
        if "result" in frame or "error" in frame:
            return frame
