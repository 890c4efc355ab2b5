"""The API on a port, and clients that send bytes."""

import asyncio
import json
from typing import Any, Self

from aiohttp.test_utils import TestServer
from aiohttp.web import Application
from msgspec import Struct

from quantd.api.server.connections import Connections, Runner
from tests.waiting import PATIENCE_S

"""For whatever a test waits for: it comes, or the test fails."""


class ApiServer(TestServer):
    """As the daemon serves the application."""

    def __init__(self, app: Application, most: int | None = None) -> None:
        super().__init__(app)
        self._most = most
        self._made: Runner

    @property
    def connections(self) -> Connections:
        return self._made.connections

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        return self

    async def _make_runner(self, **kwargs: Any) -> Runner:
        self._made = Runner(self.app, self._most)
        return self._made


class Answer(Struct):
    """The first response of what came over a connection; status 0 where there is none."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def detail(self) -> Any:
        return json.loads(self.body)["detail"]


def answer_of(data: bytes) -> Answer:
    """The first response but for 100 Continue."""
    head, _, rest = data.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Answer(int(first.split()[1]) if first else 0, headers, rest[: int(headers.get("content-length", 0))])


async def exchange(port: int | None, *parts: bytes) -> bytes:
    """What comes for these bytes, each part sent when the one before is, until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), PATIENCE_S)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def told(port: int | None, *parts: bytes) -> Answer:
    """The response to one request."""
    return answer_of(await exchange(port, *parts))


def request(target: str = "/symbols", *headers: str, method: str = "GET", host: str = "localhost", body: bytes = b"") -> bytes:
    """A request after which the server closes."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body
