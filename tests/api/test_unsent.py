"""Answers that nobody reads take little memory, and others are answered meanwhile."""

import asyncio
import socket
from contextlib import ExitStack

import pytest
from aiohttp import web

from quantd.api.app import make_app
from quantd.api.context import Patience
from quantd.api.server.connections import measure
from quantd.config.limits import LimitSettings
from quantd.config.model import ApiSettings
from quantd.metrics import Metrics
from quantd.testing.services import FakeServices
from tests.waiting import PATIENCE_S, until

from .serving import ApiServer, answer_of, request, told
from .test_shortcut import PAIR, Client, fill, get

LARGE = bytes(24 << 20)
"""More than the kernel keeps for both ends."""
MIB = 1 << 20
FLOOD = 20
FULL = LimitSettings(address_unsent_mib=60)
"""Two large answers are more than three quarters of it, three are too many."""
CALM, QUICK = Patience(write=12_000), Patience(write=12)
"""A reader takes nothing for 100 s, or 0.1 s, before its connection may make room for a request."""
PACE_S = 0.02


class Large:
    """Answers to `/large`, all at once when it may."""

    def __init__(self) -> None:
        self.asked = 0
        self.may = asyncio.Event()
        self.may.set()

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        await self.may.wait()
        return web.Response(body=LARGE)


def served(services: FakeServices, limits: LimitSettings, patience: Patience, large: Large | None = None) -> ApiServer:
    """The API, and `/large`."""
    app = make_app(services, ApiSettings(limits=limits), patience=patience)
    app.router.add_get("/large", (large or Large()).answer)
    return ApiServer(app)


async def asked(server: ApiServer, stack: ExitStack, address: str = "127.0.0.1") -> socket.socket:
    """A client that has asked for much, and whose kernel takes little for it."""
    raw = stack.enter_context(socket.socket())
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
    raw.setblocking(False)
    raw.bind((address, 0))
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", server.port))
    await asyncio.get_running_loop().sock_sendall(raw, request("/large"))
    return raw


async def filled(server: ApiServer, stack: ExitStack) -> None:
    await asked(server, stack)
    await asked(server, stack)
    await until(lambda: server.connections.unsent.total >= 2 * len(LARGE))


async def read(raw: socket.socket, seconds: float, size: int = 16 << 10) -> int:
    """How many bytes come to a slow reader in that time, or until the end."""
    loop, heard = asyncio.get_running_loop(), 0
    end = loop.time() + seconds
    while loop.time() < end and (chunk := await asyncio.wait_for(loop.sock_recv(raw, size), PATIENCE_S)):
        heard += len(chunk)
        await asyncio.sleep(PACE_S if size < MIB else 0)
    return heard


class TestFlood:
    async def test_it_is_bounded_while_others_are_served(self, services: FakeServices, caplog: pytest.LogCaptureFixture) -> None:
        large = Large()
        async with served(services, LimitSettings(address_unsent_mib=100), Patience(write=60), large) as server:
            unsent = server.connections.unsent
            with ExitStack() as stack:
                slow = await asked(server, stack)
                heard = await read(slow, 1.5)
                large.may.clear()
                for _ in range(FLOOD):
                    await asked(server, stack)
                await until(lambda: large.asked == 1 + FLOOD)
                large.may.set()
                await until(lambda: unsent.aborted)
                while (await told(server.port, request())).status == 503:
                    heard += await read(slow, PACE_S)
                    assert unsent.total <= 100 * MIB
                assert unsent.aborted == FLOOD - 2
                heard += await read(slow, PATIENCE_S, MIB)
                assert heard > len(LARGE)
            await until(lambda: not server.connections.open)
            assert unsent.total == 0
        assert len([line for line in caplog.records if "wait to be read" in line.getMessage()]) == 1

    async def test_it_is_measured(self, services: FakeServices) -> None:
        metrics = Metrics()
        async with served(services, FULL, CALM) as server:
            measure(server.connections, metrics)
            with ExitStack() as stack:
                await filled(server, stack)
                assert (await told(server.port, request())).status == 503
                rendered = metrics.render()[0].decode()
        assert "quantd_api_unsent_refused_total 1.0\n" in rendered
        assert "quantd_api_unsent_aborted_total 0.0\n" in rendered
        assert "quantd_api_unsent_bytes 5.03" in rendered


class TestFull:
    async def test_a_request_is_refused_until_there_is_room(self, services: FakeServices) -> None:
        async with served(services, FULL, CALM) as server:
            with ExitStack() as stack:
                await filled(server, stack)
                answer = await told(server.port, request())
                assert (answer.status, answer.detail) == (503, "Too many bytes of answers wait to be read")
                assert answer.headers["retry-after"] == "2"
            await until(lambda: not server.connections.unsent.total)
            assert (await told(server.port, request())).status == 200

    async def test_whoever_takes_nothing_makes_room(self, services: FakeServices) -> None:
        async with served(services, FULL, QUICK) as server:
            with ExitStack() as stack:
                await filled(server, stack)
                statuses = {503}
                while 200 not in statuses:
                    statuses.add((await told(server.port, request())).status)
                assert (server.connections.unsent.aborted, server.connections.open) == (1, 1)

    async def test_the_shortcut_is_refused(self, services: FakeServices) -> None:
        fill(services)
        async with served(services, FULL, CALM) as server:
            client = await Client.of(server)
            assert [(await client.ask(get(PAIR))).status for _ in range(2)] == [200, 200]
            assert server.connections.shortcut.answered == 1
            with ExitStack() as stack:
                await filled(server, stack)
                assert (await client.ask(get(PAIR))).status == 503
            assert server.connections.unsent.refused == 1
            client.writer.close()

    @pytest.mark.parametrize(("limits", "status"), [(FULL, 200), (LimitSettings(unsent_mib=60, address_unsent_mib=1000), 503)])
    async def test_each_address_has_its_bound_and_all_have_one(self, services: FakeServices, limits: LimitSettings, status: int) -> None:
        async with served(services, limits, CALM) as server:
            with ExitStack() as stack:
                await filled(server, stack)
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port, local_addr=("127.0.0.2", 0))
                writer.write(request())
                assert answer_of(await reader.read()).status == status
                writer.close()

    async def test_one_answer_larger_than_the_bound_is_sent(self, services: FakeServices) -> None:
        async with served(services, LimitSettings(address_unsent_mib=1), CALM) as server:
            with ExitStack() as stack:
                raw = await asked(server, stack)
                assert await read(raw, 0.1) + await read(raw, PATIENCE_S, MIB) > len(LARGE)
            await until(lambda: not server.connections.unsent.total)
            assert server.connections.unsent.aborted == 0
