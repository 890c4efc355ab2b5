"""Clients that mean harm: `python benchmarks/abuse_load.py <abuse> <port> <seconds>`, which abuse.py starts.

The process has the lowest priority, so that clients that are measured beside it do not wait for it on their own side.
"""

import asyncio
import gzip
import json
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

UPGRADE = (
    b"GET %b HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
GIGABYTE = 1 << 30
BLOCK = bytes(1 << 18)
BAD = (
    b"\xff" * 64,
    b"\x83\x80\x00\x00\x00\x00",
    b"\x81\xff" + b"\xff" * 8,
    b"\xc1\x80\x00\x00\x00\x00",
    b"\x81\x82\x00\x00\x00\x00\xff\xff",
)
PACE_S = 0.05


class Abuser:
    """One client."""

    def __init__(self, port: int, number: int) -> None:
        self.port = port
        self.number = number

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 16)

    async def slow_head(self) -> None:
        """Send a head, of every second client one of an upgrade, a line at a time."""
        _, writer = await self.connect()
        writer.write(UPGRADE % b"/ws" if self.number % 2 else b"GET /symbols HTTP/1.1\r\nHost: localhost\r\n")
        while True:
            writer.write(b"X: x\r\n")
            await writer.drain()
            await asyncio.sleep(1.0)

    async def subscriptions(self) -> None:
        """Ask for ten thousand symbols or topics, as fast as the server takes it."""
        typed = self.number % 2
        reader, writer = await self.connect()
        writer.write(UPGRADE % (b"/api/v1/ws" if typed else b"/ws") + b"\r\n")
        reading = asyncio.create_task(_drain(reader))
        for number in range(10_000):
            asked = {"topic": f"trade:S{number}USDT"} if typed else {"symbols": [f"S{number}USDT", "BTCUSDT"]}
            writer.write(_masked(json.dumps({"action": "subscribe", **asked}).encode()))
            if number % 100 == 99:
                await writer.drain()
        await reading

    async def great_body(self) -> None:
        """Send a gigabyte, every second client in chunks."""
        chunked = self.number % 2
        _, writer = await self.connect()
        length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % GIGABYTE
        writer.write(b"POST /stream/start HTTP/1.1\r\nHost: localhost\r\n%b\r\n\r\n" % length)
        block = b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK) if chunked else BLOCK
        for _ in range(GIGABYTE // len(BLOCK)):
            writer.write(block)
            await writer.drain()

    async def bad_frames(self) -> None:
        """Open a socket and send what is no frame, again and again."""
        while True:
            reader, writer = await self.connect()
            writer.write(UPGRADE % b"/ws" + b"\r\n" + BAD[self.number % len(BAD)])
            with suppress(ConnectionError):
                await asyncio.wait_for(_drain(reader), 5)
            writer.close()
            await asyncio.sleep(0.2)

    async def bombs(self) -> None:
        """Send a body that unpacks to ten megabytes, again and again."""
        body = gzip.compress(bytes(10_000_000))
        head = b"POST /alerts HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
        while True:
            reader, writer = await self.connect()
            writer.write(head + body)
            await reader.readuntil(b"\r\n\r\n")
            writer.close()
            await asyncio.sleep(PACE_S)

    async def deaf(self) -> None:
        """Open a socket and read nothing."""
        _, writer = await self.connect()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(UPGRADE % b"/ws" + b"\r\n")
        await asyncio.sleep(3600)

    async def great_questions(self) -> None:
        """Ask what takes seconds, each time another question."""
        window = 400 + 2 * self.number
        while True:
            reader, writer = await self.connect()
            target = f"/analytics/pair?pair=BTCUSDT-ETHUSDT&tf=1m&method=THEIL-SEN&window={window}"
            writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            await _drain(reader)
            writer.close()
            await asyncio.sleep(1.0)
            window = 400 + (window + 51) % 200


ABUSES: dict[str, tuple[Callable[[Abuser], Awaitable[None]], int]] = {
    "slow heads": (Abuser.slow_head, 400),
    "10,000 subscriptions": (Abuser.subscriptions, 4),
    "bodies of 1 GB": (Abuser.great_body, 4),
    "bad frames": (Abuser.bad_frames, 20),
    "compression bombs": (Abuser.bombs, 20),
    "sockets that never read": (Abuser.deaf, 50),
    "great questions": (Abuser.great_questions, 50),
}
"""What each client does, and how many there are."""


def _masked(payload: bytes) -> bytes:
    """Return a text frame of a client, whose mask changes nothing."""
    return bytes([0x81, 0x80 | len(payload)]) + bytes(4) + payload


async def _drain(reader: asyncio.StreamReader) -> None:
    while await reader.read(1 << 16):
        pass


async def _again(abuse: Callable[[Abuser], Awaitable[None]], abuser: Abuser) -> None:
    """Begin anew whenever the server has closed."""
    while True:
        with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            await abuse(abuser)
        await asyncio.sleep(PACE_S)


async def main(name: str, port: int, seconds: float) -> None:
    abuse, count = ABUSES[name]
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(_again(abuse, Abuser(port, number)) for number in range(count)))


if __name__ == "__main__":
    os.nice(19)
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
