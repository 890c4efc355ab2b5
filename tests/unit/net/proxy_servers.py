"""Small real proxies: one that is asked to CONNECT, and one that speaks SOCKS5 (RFC 1928, RFC 1929). Every name leads to this host."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address
from typing import Literal

Kind = Literal["http", "socks5"]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ProxyServer:
    """`asked` are the hosts and ports that it was asked for; it refuses with the code `refusal` if there is one, and wants `login`."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.asked: list[tuple[str, int]] = []
        self.login = ""
        self.refusal = 0
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def url(self, login: str = "") -> str:
        return f"{self.kind}://{login}{'@' if login else ''}127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(task := asyncio.current_task())
        try:
            target = await (self._connect if self.kind == "http" else self._socks)(reader, writer)
            if target:
                await _carried((reader, writer), await asyncio.open_connection("127.0.0.1", target[1]))
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._tasks.discard(task)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int] | None:
        request, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
        method, target, _ = request.split()
        assert method == "CONNECT"
        host, _, port = target.rpartition(":")
        self.asked.append((host, int(port)))
        if self.login and f"Proxy-Authorization: Basic {b64encode(self.login.encode()).decode()}" not in lines:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            return None
        if self.refusal:
            writer.write(b"HTTP/1.1 %d Forbidden\r\n\r\n" % self.refusal)
            return None
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        return self.asked[-1]

    async def _socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int] | None:
        _, count = await reader.readexactly(2)
        offered, wanted = await reader.readexactly(count), 2 if self.login else 0
        writer.write(bytes([5, wanted if wanted in offered else 255]))
        if wanted not in offered or (self.login and not await self._logged_in(reader, writer)):
            return None
        *_, kind = await reader.readexactly(4)
        sizes = {1: 4, 4: 16}
        raw = await reader.readexactly(sizes[kind] if kind in sizes else (await reader.readexactly(1))[0])
        host = str(ip_address(raw)) if kind in sizes else raw.decode()
        self.asked.append((host, int.from_bytes(await reader.readexactly(2))))
        writer.write(bytes([5, self.refusal, 0, 1, 0, 0, 0, 0, 0, 0]))
        return None if self.refusal else self.asked[-1]

    async def _logged_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await reader.readexactly(1)
        name, password = [(await reader.readexactly((await reader.readexactly(1))[0])).decode() for _ in range(2)]
        right = f"{name}:{password}" == self.login
        writer.write(bytes([1, not right]))
        return right


async def _carried(near: Streams, far: Streams) -> None:
    """Carry what either end says to the other, until one of them is gone."""
    ways = [asyncio.create_task(_copied(near[0], far[1])), asyncio.create_task(_copied(far[0], near[1]))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        far[1].close()


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def proxying(kind: Kind) -> AsyncIterator[ProxyServer]:
    """A proxy on 127.0.0.1."""
    proxy = ProxyServer(kind)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.stop()
