"""Asks a server over keep-alive connections, each with one request at a time: `python benchmarks/api_load.py`, which reads a line of JSON
(`Job`) per measurement and prints its result (`Load`).

The server's CPU time is read before and after each slice of time, so that requests a CPU second have a median and a maximum.
"""

import asyncio
import os
import sys
import time

import msgspec
from api_servers import run

CORES = os.sched_getaffinity(0)
OTHERS = (CORES - {min(CORES)}) or CORES


class Job(msgspec.Struct):
    """A request: `status` is the one that must come back, `headers` are lines."""

    port: int
    pid: int
    path: str
    connections: int
    slices: int
    seconds: float
    status: int = 200
    headers: str = ""


class Load(msgspec.Struct):
    """Requests a CPU second of the server in each slice, the CPU microseconds of each, and the length of a body."""

    rates: list[float]
    length: int


class Client(asyncio.Protocol):
    """One connection, which sends the next request when an answer is whole."""

    def __init__(self, job: Job) -> None:
        self.answers = 0
        self.length = 0
        self._request = f"GET {job.path} HTTP/1.1\r\nHost: 127.0.0.1:{job.port}\r\n{job.headers}\r\n".encode()
        self._status = b"HTTP/1.1 %d " % job.status
        self._missing = 0
        self._head = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self._missing:
            head, found, rest = (self._head + data).partition(b"\r\n\r\n")
            if not found:
                self._head += data
                return
            assert head.startswith(self._status), head
            self.length = self._missing = _length(head)
            self._head, data = b"", rest
        self._missing -= len(data)
        if self._missing <= 0:
            self._missing = 0
            self.answers += 1
            self.transport.write(self._request)


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


def cpu(pid: int) -> float:
    """Return the CPU seconds of all threads of a process, by its clock."""
    return time.clock_gettime((~pid << 3) | 2)


async def measured(job: Job) -> Load:
    loop = asyncio.get_running_loop()
    clients = [(await loop.create_connection(lambda: Client(job), "127.0.0.1", job.port))[1] for _ in range(job.connections)]
    await asyncio.sleep(job.seconds / 2)
    rates = []
    for _ in range(job.slices):
        before, busy = sum(client.answers for client in clients), cpu(job.pid)
        await asyncio.sleep(job.seconds)
        rates.append((sum(client.answers for client in clients) - before) / (cpu(job.pid) - busy))
    for client in clients:
        client.transport.abort()
    return Load(rates, clients[0].length)


async def main() -> None:
    for line in sys.stdin:
        print(msgspec.json.encode(await measured(msgspec.json.decode(line, type=Job))).decode(), flush=True)


if __name__ == "__main__":
    os.sched_setaffinity(0, OTHERS)
    run(main)
