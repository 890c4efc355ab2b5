"""Clients that mean harm, and others beside them that are served all the same."""

import asyncio
import gzip
import json
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from quantd.api.app import make_app
from quantd.api.context import FANOUT, Patience
from quantd.api.ws.fanout import Limits
from quantd.config.model import ApiSettings
from quantd.testing import fakes
from quantd.testing.services import FakeServices
from tests.waiting import PATIENCE_S, until

from .battery import FRAMES, UPGRADE
from .serving import ApiServer, answer_of, request, told
from .test_connections import narrow
from .test_crowd import FAIR, SMALL, crowded
from .test_ws import say, settled, subscribe, url

SHORT = Patience(idle=1.0, body=1.0, linger=0.1)
MANY = 50
GIGABYTE = 1 << 30
BLOCK = bytes(1 << 16)
PIPELINED = 2_000
HELLO = request("/ws", *UPGRADE).replace(b"Connection: close", b"Connection: Upgrade")
LONGEST_FRAME = 150


def served(services: FakeServices, patience: Patience = SHORT, limits: Limits | None = None) -> ApiServer:
    return ApiServer(make_app(services, ApiSettings(), patience=patience, limits=limits or Limits()))


@pytest.fixture
async def server(services: FakeServices) -> AsyncIterator[ApiServer]:
    async with served(services) as running:
        yield running


@asynccontextmanager
async def raw(server: ApiServer, data: bytes = b"") -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(data)
    try:
        yield reader, writer
    finally:
        writer.close()


def peak() -> int:
    """The most bytes that this process ever had in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class TestSlowHeads:
    @pytest.mark.parametrize("head", [b"GET /symbols HTTP/1.1\r\n", "\r\n".join(("GET /ws HTTP/1.1", *UPGRADE, "")).encode()])
    async def test_they_are_closed_and_others_are_served_meanwhile(self, server: ApiServer, head: bytes) -> None:
        async def trickle() -> bytes:
            async with raw(server, head) as (reader, writer):
                try:
                    while True:
                        writer.write(b"X: x\r\n")
                        await asyncio.sleep(0.1)
                        if reader.at_eof():
                            return await reader.read()
                except ConnectionError:
                    return b""

        trickling = [asyncio.create_task(trickle()) for _ in range(MANY)]
        await until(lambda: server.connections.open == MANY)
        async with connect(url(server)) as client:
            assert (await told(server.port, request())).status == 200
            await settled(client)
            async with asyncio.timeout(PATIENCE_S):
                heard = await asyncio.gather(*trickling)
            await settled(client)
        assert {answer_of(each).status for each in heard} <= {0, 431}


class TestGreatBodies:
    @pytest.mark.parametrize("target", ["/alerts", "/data/clear", "/stream/start", "/nothing"])
    async def test_one_that_is_announced_is_refused_before_it_comes(self, server: ApiServer, target: str) -> None:
        asked = request(target, f"Content-Length: {GIGABYTE}", "Expect: 100-continue", method="POST")
        answer = await told(server.port, asked)
        assert (answer.status, answer.headers["connection"]) == (404 if target == "/nothing" else 413, "close")

    @pytest.mark.parametrize("header", [f"Content-Length: {GIGABYTE}", "Transfer-Encoding: chunked"])
    async def test_one_that_comes_all_the_same_is_cut_and_not_kept(self, server: ApiServer, header: str) -> None:
        block = BLOCK if "Length" in header else b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK)
        before, sent = peak(), 0
        async with raw(server, request("/stream/start", header, method="POST")) as (reader, writer):
            try:
                while sent < GIGABYTE:
                    writer.write(block)
                    sent += len(block)
                    async with asyncio.timeout(PATIENCE_S):
                        await writer.drain()
            except ConnectionError:
                pass
            heard = await _rest(reader)
        assert answer_of(heard).status in (413, 0)  # the answer is lost where the kernel resets the connection
        assert sent < GIGABYTE
        assert peak() - before < 64 << 20
        assert (await told(server.port, request())).status == 200


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await reader.read()
    except ConnectionError:
        return b""


class TestCompression:
    async def test_a_body_is_not_unpacked(self, server: ApiServer) -> None:
        bomb = gzip.compress(bytes(10_000_000), 9)
        answer = await told(
            server.port, request("/alerts", "Content-Encoding: gzip", f"Content-Length: {len(bomb)}", method="POST", body=bomb)
        )
        assert answer.status == 415

    async def test_sockets_do_not_compress(self, server: ApiServer) -> None:
        async with connect(url(server), compression="deflate") as client:
            assert client.protocol.extensions == []
            await settled(client)


BAD_FRAMES = {
    **dict(zip(FRAMES, (1002, 1002, 1009, 1002), strict=True)),
    b"\x80\x80\x00\x00\x00\x00": 1002,
    b"\x89\xfe\x00\x7e\x00\x00\x00\x00" + bytes(126): 1002,
    b"\x09\x80\x00\x00\x00\x00": 1002,
    b"\x81\x82\x00\x00\x00\x00\xff\xff": 1007,
    b"\x81\xff" + (1 << 40).to_bytes(8, "big") + bytes(4): 1009,
    b"\x88\x81\x00\x00\x00\x00\x03": 1002,
    b"\x88\x82\x00\x00\x00\x00\x03\xed": 1002,
}
"""Frames, and the code with which the socket is closed: with nothing to continue, a long ping, a ping in parts, no UTF-8, a
terabyte, a close frame with half a code or a reserved one; and those of the battery."""


async def test_bad_frames_close_their_socket_and_no_other(server: ApiServer) -> None:
    async with connect(url(server)) as client:
        for frame, code in BAD_FRAMES.items():
            async with raw(server, HELLO + frame) as (reader, _):
                heard = await _rest(reader)
            head, _, frames = heard.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 "), frame
            assert (frames[:1], int.from_bytes(frames[2:4], "big")) == (b"\x88", code), (frame, frames)
            await settled(client)


class TestCommands:
    async def test_ten_thousand_subscriptions_close_their_socket(self, server: ApiServer, services: FakeServices) -> None:
        services.symbols.names += [f"S{number}USDT" for number in range(10_000)]
        async with connect(url(server)) as healthy, connect(url(server), max_queue=None) as greedy:
            with suppress(ConnectionClosed):
                for name in services.symbols.names:
                    await say(greedy, action="subscribe", symbols=[name])
            await greedy.wait_closed()
            assert greedy.close_code == 4429
            await settled(healthy)
            assert services.symbols.active() == []

    async def test_commands_that_come_together_hold_up_nobody(self, server: ApiServer, services: FakeServices) -> None:
        """Another one is answered long before all of them are obeyed."""
        commands = b"".join(_masked({"action": "subscribe", "symbols": [f"S{number}"]}) for number in range(PIPELINED))
        async with connect(url(server)) as healthy, raw(server, HELLO) as (reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            await settled(healthy)
            writer.write(commands)
            heard = 0
            while not heard:
                heard += (await reader.read(1 << 20)).count(b'"subscribed"')
            await settled(healthy)
            assert heard < PIPELINED / 2
            while heard < PIPELINED:
                heard += (await reader.read(1 << 20)).count(b'"subscribed"')


def _masked(command: object) -> bytes:
    """A text frame of a client, whose mask changes nothing."""
    payload = json.dumps(command).encode()
    return bytes([0x81, 0x80 | len(payload)]) + bytes(4) + payload


async def test_fifty_that_never_read_take_nothing_from_five_that_do(services: FakeServices) -> None:
    buffer, batch = 64 * 1024, fakes.ticks(500)
    limits = Limits(flush=0.001, buffer=buffer, patience=0.2)
    async with served(services, limits=limits) as server, AsyncExitStack() as stack:
        five = [await stack.enter_async_context(connect(url(server), max_queue=None)) for _ in range(5)]
        await asyncio.gather(*map(settled, five))
        fifty = [await stack.enter_async_context(deaf(server)) for _ in range(50)]
        fanout = server.app[FANOUT]
        await until(lambda: len(fanout) == 55)
        rounds, most = 0, 0
        while len(fanout) > 5:
            services.market.push(batch)
            rounds += 1
            await asyncio.gather(*(_takes(client, [tick.price for tick in batch]) for client in five))
            most = max(most, _unsent(server))
        assert (len(fifty), rounds > 1) == (50, True)
        assert most <= 50 * (buffer + 2 * len(batch) * LONGEST_FRAME)


@asynccontextmanager
async def deaf(server: ApiServer) -> AsyncIterator[socket.socket]:
    """A client that opens a WebSocket and reads nothing."""
    loop = asyncio.get_running_loop()
    with narrow() as made:
        await loop.sock_connect(made, ("127.0.0.1", server.port))
        await loop.sock_sendall(made, HELLO)
        yield made


async def _takes(client: ClientConnection, prices: list[float]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        assert [json.loads(await client.recv())["price"] for _ in prices] == prices


def _unsent(server: ApiServer) -> int:
    """The bytes that wait in this process for clients to read them."""
    wires = [connection.transport for connection in server.connections.connections]
    return sum(wire.get_write_buffer_size() for wire in wires if wire)


async def test_fifty_great_questions_at_once_hold_up_no_small_one(tmp_path: Path) -> None:
    async with crowded(tmp_path) as at:
        asking = [at.begin(FAIR.format(400 + number)) for number in range(50)]
        await until(lambda: at.great.running == 2 and at.great.waiting > 10 and len(at.pids) == 2)
        await until(lambda: at.great.waiting + sum(each.done() for each in asking) >= 48)
        status, body = await at.ask(SMALL)
        assert (status, len(body["hedge_ratio"])) == (200, 21)
        refused = [each.result() for each in asking if each.done()]
        assert refused
        assert all(status == 503 and body["again"] for status, body in refused)
        for each in asking:
            each.cancel()
        await until(lambda: not at.great.running)


async def test_who_subscribes_and_goes_leaves_nothing(server: ApiServer, services: FakeServices) -> None:
    for _ in range(50):
        async with connect(url(server)) as client:
            await subscribe(client, "BTCUSDT")
    await until(lambda: not server.connections.open)
    assert services.symbols.active() == []
    assert len(server.app[FANOUT]) == 0
