"""The other end of a WebSocket, byte for byte as a test wants it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from tests.waiting import PATIENCE_S


def wire(opcode: Opcode, data: bytes, fin: bool = True) -> bytes:
    """A frame as a server sends it."""
    return Frame(opcode, data, fin).serialize(mask=False)


class Far:
    """One connection, as the server sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._parser = ServerProtocol()
        self._frames: list[Frame] = []

    async def head(self) -> bytes:
        """The request."""
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE_S)

    async def upgrade(self, *behind: bytes) -> bytes:
        """Say yes, and more in the same breath. The request."""
        head = await self.head()
        self._parser.receive_data(head)
        [request] = self._parser.events_received()
        assert isinstance(request, Request)
        self._parser.send_response(self._parser.accept(request))
        await self.send(*self._parser.data_to_send(), *behind)
        return head

    async def send(self, *data: bytes) -> None:
        self.writer.write(b"".join(data))
        await self.writer.drain()

    async def frame(self) -> Frame:
        """The next one of the client. Raises EOFError behind the last."""
        while not self._frames:
            data = await asyncio.wait_for(self.reader.read(1 << 16), PATIENCE_S)
            if not data:
                raise EOFError
            self._parser.receive_data(data)
            self._frames = [event for event in self._parser.events_received() if isinstance(event, Frame)]
        return self._frames.pop(0)

    async def gone(self) -> None:
        """Until the client has left."""
        while await asyncio.wait_for(self.reader.read(1 << 16), PATIENCE_S):
            pass


class FarEnd:
    """Connections arrive in `accepted`."""

    def __init__(self, secure: bool) -> None:
        self.accepted: asyncio.Queue[Far] = asyncio.Queue()
        self.secure = secure
        self.port = 0

    def url(self, host: str = "127.0.0.1") -> str:
        return f"{'wss' if self.secure else 'ws'}://{host}:{self.port}/stream?x=1"

    async def far(self) -> Far:
        """The next connection."""
        return await asyncio.wait_for(self.accepted.get(), PATIENCE_S)


@asynccontextmanager
async def listening(context: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[FarEnd]:
    """A server on 127.0.0.1."""
    end, opened = FarEnd(context is not None), list[asyncio.StreamWriter]()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        end.accepted.put_nowait(Far(reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", port, ssl=context)
    end.port = server.sockets[0].getsockname()[1]
    try:
        yield end
    finally:
        server.close()
        for writer in opened:
            writer.transport.abort()
        await asyncio.sleep(0)
