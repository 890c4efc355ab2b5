"""Connections that wait, trickle, read slowly or not at all, and more of them than there is room for."""

import asyncio
import gc
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from aiohttp import web
from websockets.asyncio.client import connect

from quantd.api.app import make_app
from quantd.api.context import Patience
from quantd.api.server.connections import measure
from quantd.api.server.descriptors import RESERVE, share
from quantd.config.model import ApiSettings
from quantd.metrics import Metrics
from quantd.testing.services import FakeServices
from tests.waiting import PATIENCE_S, until

from .serving import ApiServer, answer_of, request, told

SHORT = Patience(idle=0.3, body=0.3, linger=0.1, write=0.3)
PACE_S = 0.02
LARGE = bytes(24 << 20)
"""More than the kernel keeps for both ends."""
KEPT = request().replace(b"Connection: close\r\n", b"")


def served(services: FakeServices, patience: Patience = SHORT, most: int | None = None) -> ApiServer:
    """The API, and `/large`."""

    async def large(request: web.Request) -> web.Response:
        return web.Response(body=LARGE)

    app = make_app(services, ApiSettings(), patience=patience)
    app.router.add_get("/large", large)
    return ApiServer(app, most)


@pytest.fixture
async def server(services: FakeServices) -> AsyncIterator[ApiServer]:
    async with served(services) as running:
        yield running


@asynccontextmanager
async def client(server: ApiServer) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, byte: bytes) -> bytes:
    """What the server says to one byte after the other, until it closes."""
    heard = bytearray()
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                if not (chunk := await asyncio.wait_for(reader.read(1 << 16), PACE_S)):
                    return bytes(heard)
                heard += chunk
            except TimeoutError:
                writer.write(byte)
            except ConnectionError:
                return bytes(heard)


class TestWaiting:
    @pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: localhost\r\n", KEPT, KEPT + b"GET"])
    async def test_who_says_no_more_is_closed(self, server: ApiServer, said: bytes) -> None:
        async with client(server) as (reader, writer):
            writer.write(said)
            heard = await asyncio.wait_for(reader.read(), PATIENCE_S)
        assert answer_of(heard).status == (200 if said.startswith(KEPT) else 0)
        await until(lambda: not server.connections.open)

    @pytest.mark.parametrize("before", [b"", KEPT], ids=["first", "second"])
    async def test_a_head_that_trickles_is_closed(self, server: ApiServer, before: bytes) -> None:
        async with client(server) as (reader, writer):
            writer.write(before + b"GET /symbols HTTP/1.1\r\nHost: localhost\r\nX: ")
            heard = await trickle(reader, writer, b"x")
        assert heard.count(b"HTTP/1.1") == heard.count(b"200 OK") == (1 if before else 0)

    @pytest.mark.parametrize(("header", "byte"), [("Content-Length: 10000", b" "), ("Transfer-Encoding: chunked", b"1\r\n \r\n")])
    async def test_a_body_that_trickles_is_closed(self, server: ApiServer, header: str, byte: bytes) -> None:
        async with client(server) as (reader, writer):
            writer.write(request("/alerts", header, method="POST").replace(b"close", b"keep-alive"))
            answer = answer_of(await trickle(reader, writer, byte))
        assert (answer.status, answer.detail, answer.headers["connection"]) == (408, "The body did not come within 0.3 s", "close")

    async def test_a_body_that_nobody_reads_is_not_waited_for(self, server: ApiServer) -> None:
        async with client(server) as (reader, writer):
            writer.write(request("/data/clear", "Content-Length: 10000", method="POST").replace(b"close", b"keep-alive"))
            assert answer_of(await trickle(reader, writer, b" ")).status == 200

    async def test_a_socket_may_be_silent(self, server: ApiServer) -> None:
        async with connect(f"ws://127.0.0.1:{server.port}/ws") as silent:
            async with client(server) as (reader, _):
                assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
            await silent.send('{"action": "ping"}')
            assert await silent.recv() == '{"type":"pong"}'


def narrow() -> socket.socket:
    """A client whose kernel takes little for it."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
    raw.setblocking(False)
    return raw


class TestReading:
    @pytest.mark.parametrize("ask", [request("/large"), request("/large").replace(b"close", b"keep-alive")], ids=["close", "keep-alive"])
    async def test_who_takes_nothing_is_cut(self, server: ApiServer, ask: bytes) -> None:
        loop, raw = asyncio.get_running_loop(), narrow()
        with raw:
            await loop.sock_connect(raw, ("127.0.0.1", server.port))
            await loop.sock_sendall(raw, ask)
            await until(lambda: server.connections.stalled)
            await until(lambda: not server.connections.open)
        assert server.connections.stalled == 1

    async def test_who_takes_little_is_not(self, services: FakeServices) -> None:
        """As little as it takes for the kernel to report progress, but not for this process's own buffer to shrink, within the patience."""
        patience = Patience(write=1.0)
        heard = 0
        async with served(services, patience) as server:
            loop, raw = asyncio.get_running_loop(), narrow()
            with raw:
                await loop.sock_connect(raw, ("127.0.0.1", server.port))
                await loop.sock_sendall(raw, request("/large"))
                end = loop.time() + 4 * patience.write
                while chunk := await asyncio.wait_for(loop.sock_recv(raw, 16 << 10 if loop.time() < end else 1 << 20), PATIENCE_S):
                    heard += len(chunk)
                    if loop.time() < end:
                        await asyncio.sleep(PACE_S)
            assert heard > len(LARGE)
            assert server.connections.stalled == 0


class TestFull:
    async def test_one_too_many_is_told_so_and_the_others_are_served(
        self, services: FakeServices, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with served(services, Patience(), most=3) as server, AsyncExitStack() as stack:
            held = [await stack.enter_async_context(client(server)) for _ in range(3)]
            await until(lambda: server.connections.open == 3)
            for refused in (1, 2):
                answer = await told(server.port)
                assert (answer.status, answer.detail) == (503, "Too many connections are open")
                assert server.connections.refused == refused
            assert [line.getMessage() for line in caplog.records] == ["3 connections are open: more are refused"]
            reader, writer = held.pop()
            writer.write(request())
            assert answer_of(await reader.read()).status == 200
            await until(lambda: server.connections.open == 2)
            assert (await told(server.port, request())).status == 200

    async def test_sockets_count(self, services: FakeServices) -> None:
        async with served(services, Patience(), most=1) as server:
            async with connect(f"ws://127.0.0.1:{server.port}/ws"):
                assert (await told(server.port)).status == 503
            await until(lambda: not server.connections.open)

    async def test_it_is_measured(self, services: FakeServices) -> None:
        metrics = Metrics()
        async with served(services, Patience(), most=1) as server, client(server):
            measure(server.connections, metrics)
            await until(lambda: server.connections.open)
            await told(server.port)
            rendered = metrics.render()[0].decode()
        assert "quantd_api_connections 1.0\n" in rendered
        assert "quantd_api_connections_refused_total 1.0\n" in rendered
        assert "quantd_api_connections_stalled_total 0.0\n" in rendered

    async def test_descriptors_are_given_back(self, server: ApiServer) -> None:
        before = len(os.listdir("/dev/fd"))
        async with AsyncExitStack() as stack:
            readers = [(await stack.enter_async_context(client(server)))[0] for _ in range(100)]
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(*(reader.read() for reader in readers))  # until the server closes, however soon it does
            await until(lambda: not server.connections.open)
        await until(lambda: gc.collect() >= 0 and len(os.listdir("/dev/fd")) <= before)


CODE = """
import resource
from quantd.api.server.descriptors import most_connections
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
print(most_connections(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(("soft", "hard"), [(300, 1000), (1000, 1000), (100, 200)])
def test_the_limit_of_descriptors_is_raised_and_some_are_left(soft: int, hard: int) -> None:
    """In a process of its own: a limit that was lowered cannot be raised again."""
    done = subprocess.run([sys.executable, "-c", CODE.format(soft=soft, hard=hard)], capture_output=True, text=True, check=True)
    assert [int(word) for word in done.stdout.split()] == [share(hard), hard, hard]
    assert share(hard) <= max(hard - RESERVE, hard // 2)
