"""Minimal clients of a server's WebSocket: all count trades, and the first also measures their delay.

    python benchmarks/audience.py <host:port> <clients> <seconds to warm up> <seconds to measure>

Prints JSON: trades a second that each client got, and the 50th and 99th percentile of the ms from the exchange's sending to here.
"""

import asyncio
import json
import re
import sys
import time
from calendar import timegm
from functools import partial

import numpy as np

HELLO = (
    "GET /ws HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
TRADE = b'"type":"trade"'
TIME = re.compile(rb'"ts":"([\d-]{10}T[\d:]{8})\.(\d{3})Z"')


class Listener(asyncio.Protocol):
    """Counts trades. With `timed` it also records their ages."""

    def __init__(self, host: str, timed: bool) -> None:
        self.trades = 0
        self.ages: list[int] = []
        self._host = host
        self._timed = timed
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write((HELLO % self._host).encode())

    def data_received(self, data: bytes) -> None:
        self.trades += (self._rest + data).count(TRADE)
        self._rest = data[-len(TRADE) + 1 :]
        if self._timed:
            now = time.time_ns() // 1_000_000
            self.ages += [now - _ms(*match) for match in TIME.findall(data)]


def _ms(second: bytes, ms: bytes) -> int:
    if second not in _seconds:
        _seconds[second] = 1000 * timegm(time.strptime(second.decode(), "%Y-%m-%dT%H:%M:%S"))
    return _seconds[second] + int(ms)


_seconds: dict[bytes, int] = {}


async def listen(address: str, clients: int, warm_s: float, measured_s: float) -> dict[str, float | None]:
    host, _, port = address.rpartition(":")
    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(partial(Listener, address, not number), host, int(port)) for number in range(clients)]
    listeners = [listener for _, listener in opened]
    await asyncio.sleep(warm_s)
    before, began = sum(listener.trades for listener in listeners), time.monotonic()
    listeners[0].ages.clear()
    await asyncio.sleep(measured_s)
    trades, seconds, ages = sum(listener.trades for listener in listeners) - before, time.monotonic() - began, listeners[0].ages
    for transport, _ in opened:
        transport.close()
    p50, p99 = np.percentile(ages, [50, 99]).tolist() if ages else (None, None)
    return {"rate": trades / clients / seconds, "p50": p50, "p99": p99}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(listen(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])))))
