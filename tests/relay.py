"""A relay of TCP connections that a test can cut, and point at another server."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Self


class Relay:
    """Passes bytes between its clients and the server at `target`."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.port = 0
        self.cuts = 0
        self._pairs: dict[asyncio.Task[None], tuple[asyncio.StreamWriter, ...]] = {}

    @classmethod
    @asynccontextmanager
    async def to(cls, listen: str) -> AsyncIterator[Self]:
        """A relay to this address, on a port of its own."""
        relay = cls(_address(listen))
        server = await asyncio.start_server(relay._pass, "127.0.0.1", 0)
        relay.port = server.sockets[0].getsockname()[1]
        try:
            yield relay
        finally:
            server.close()
            for task in list(relay._pairs):
                task.cancel()

    @property
    def is_used(self) -> bool:
        """Whether there is a connection."""
        return bool(self._pairs)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def point_at(self, listen: str) -> None:
        """Let later connections go to another server."""
        self.target = _address(listen)

    def cut(self, rng: random.Random) -> None:
        """Cut a connection by chance: with a reset, in the middle of whatever is on its way. There must be one."""
        for writer in rng.choice(list(self._pairs.values())):
            writer.transport.abort()
        self.cuts += 1

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            there, out = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        self._pairs[task] = writer, out
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(reader, out))
                group.create_task(_copy(there, writer))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            del self._pairs[task]
            for each in (writer, out):
                each.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes; after its end, the other side's end too."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    return host, int(port)
