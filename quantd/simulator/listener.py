"""The listening socket of one service. Faults can shut it while the open connections continue."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

UNIX = "unix:"
SHUTDOWN_S = 0.25
QUEUE = 4  # more connections than the kernel queues for a listener with a backlog of 0


class Listener:
    """A listening socket. `address` is `host:port`, or `unix:path`; port 0 is replaced by the chosen one."""

    def __init__(self, runner: web.AppRunner, address: str) -> None:
        self._runner = runner
        self._address = address
        self._site: web.BaseSite | None = None
        self._shut: set[str] = set()
        self._plug: list[socket.socket] = []
        self._turn = asyncio.Lock()

    @property
    def url(self) -> str:
        return self._address if self._address.startswith(UNIX) else f"http://{self._address}"

    async def open(self) -> None:
        """Start listening. Raises OSError if the address cannot be used."""
        if self._address.startswith(UNIX):
            self._site = web.UnixSite(self._runner, self._address.removeprefix(UNIX))
            return await self._site.start()
        host, _, port = self._address.rpartition(":")
        self._site = web.TCPSite(self._runner, host, int(port))
        await self._site.start()
        self._address = f"{host}:{self._runner.addresses[-1][1]}"
        return None

    async def shut(self, owner: str, *, silent: bool) -> None:
        """Refuse new connections, or leave them without an answer (TCP only), until each owner has called `reopen`."""
        async with self._turn:
            self._shut.add(owner)
            if self._site is not None:
                await self._site.stop()
                self._site = None
                if silent and not self._address.startswith(UNIX):
                    self._plug = _full_queue(self._address)

    async def reopen(self, owner: str) -> None:
        async with self._turn:
            self._shut.discard(owner)
            if self._site is None and not self._shut:
                for each in self._plug:
                    each.close()
                self._plug = []
                await self.open()


@asynccontextmanager
async def listening(app: web.Application, address: str) -> AsyncIterator[Listener]:
    """Serve as long as the block runs. Raises OSError if the address cannot be used."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    listener = Listener(runner, address)
    try:
        await listener.open()
        yield listener
    finally:
        await runner.cleanup()


def _full_queue(address: str) -> list[socket.socket]:
    """Return a listener that accepts no connection, and the connections that fill its queue: the kernel ignores any further ones."""
    host, _, port = address.rpartition(":")
    plug = socket.socket()
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    plug.bind((host, int(port)))
    plug.listen(0)
    sockets = [plug]
    for _ in range(QUEUE):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex((host, int(port)))
        sockets.append(filler)
    return sockets
