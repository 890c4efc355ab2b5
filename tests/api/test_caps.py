"""How many things one caller may have at a time: rules, sockets, connections."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from websockets.asyncio.client import connect

from quantd.api.access.gate import GATE
from quantd.api.app import make_app
from quantd.config.limits import LimitSettings, Quota, Quotas
from quantd.config.model import ApiSettings
from quantd.testing.services import FakeServices
from tests.waiting import until

from .serving import ApiServer, answer_of, request, told
from .test_ws import hear, say, settled, subscribe, url

RULE = b'{"metric":"price","pair":"BTCUSDT","op":">","value":1}'
MAKE = request("/alerts", f"Content-Length: {len(RULE)}", method="POST", body=RULE)


def served(services: FakeServices, limits: LimitSettings) -> ApiServer:
    return ApiServer(make_app(services, ApiSettings(limits=limits)))


class TestRules:
    async def test_a_caller_has_so_many(self, services: FakeServices) -> None:
        services.alerts.add("price", "BTCUSDT", ">", 1.0)
        services.alerts.add("price", "BTCUSDT", ">", 1.0, "ip:192.0.2.1")
        async with served(services, LimitSettings(rules=2)) as server:
            assert [(await told(server.port, MAKE)).status for _ in range(2)] == [200, 200]
            refused = await told(server.port, MAKE)
            assert (refused.status, refused.detail) == (429, "Too many rules: you have 2 already, delete one first")
            (own, _) = [rule for rule in services.alerts.rules() if rule.owner == "ip:127.0.0.1"]
            assert (await told(server.port, request(f"/alerts/{own.id}", method="DELETE"))).status == 200
            assert (await told(server.port, MAKE)).status == 200
        assert len(services.alerts.rules()) == 4


class TestSockets:
    async def test_a_caller_has_so_many(self, services: FakeServices) -> None:
        async with served(services, LimitSettings(sockets=2, loopback=Quotas())) as server, AsyncExitStack() as stack:
            held = [await stack.enter_async_context(connect(url(server))) for _ in range(2)]
            await asyncio.gather(*map(settled, held))
            refused = await stack.enter_async_context(connect(url(server)))
            await refused.wait_closed()
            assert (refused.close_code, refused.close_reason) == (4429, "Too many sockets: you have 2 already")
            await held.pop().close()
            app = server.app
            await until(lambda: len(app[GATE].limits.sockets) == 1)
            await settled(await stack.enter_async_context(connect(url(server))))

    async def test_this_machine_has_as_many_as_it_likes(self, services: FakeServices) -> None:
        async with served(services, LimitSettings(sockets=1)) as server, connect(url(server)) as one, connect(url(server)) as other:
            await settled(one)
            await settled(other)

    @pytest.mark.parametrize("asked", [(["BTCUSDT", "ETHUSDT"],), (["BTCUSDT"], ["ETHUSDT"])])
    async def test_one_that_subscribes_to_too_much_is_closed(self, services: FakeServices, asked: list[list[str]]) -> None:
        async with served(services, LimitSettings(subscriptions=1)) as server, connect(url(server)) as socket:
            await subscribe(socket, "BTCUSDT")
            await subscribe(socket, "BTCUSDT", "NOSUCH")
            for symbols in asked:
                await say(socket, action="subscribe", symbols=symbols)
            await socket.wait_closed()
            assert (socket.close_code, socket.close_reason) == (4429, "more than 1 subscriptions")

    async def test_commands_that_come_too_fast_are_obeyed_in_their_turn(self, services: FakeServices) -> None:
        commands = Quota(rate=50, burst=1)
        async with served(services, LimitSettings(commands=commands, loopback=Quotas())) as server, connect(url(server)) as socket:
            began = asyncio.get_running_loop().time()
            for _ in range(11):
                await say(socket, action="ping")
            for _ in range(11):
                await hear(socket, "pong")
            assert asyncio.get_running_loop().time() - began >= 10 / commands.rate


class TestConnections:
    async def test_an_address_has_so_many(self, services: FakeServices) -> None:
        limits = LimitSettings(address_connections=2, loopback=Quotas())
        async with served(services, limits) as server, AsyncExitStack() as stack:
            held = [await stack.enter_async_context(connect(url(server))) for _ in range(2)]
            refused = await told(server.port, request())
            assert (refused.status, refused.detail) == (429, "Too many connections are open from this address")
            assert "retry-after" in refused.headers
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, local_addr=("127.0.0.2", 0))
            writer.write(request())
            assert answer_of(await reader.read()).status == 200
            await held.pop().close()
            await until(lambda: len(server.connections.gate.limits.connections) == 1)
            assert (await told(server.port, request())).status == 200
            writer.close()
        assert len(server.connections.gate.limits.connections) == 0

    async def test_this_machine_and_trusted_proxies_have_as_many_as_they_like(self, services: FakeServices) -> None:
        limits = LimitSettings(address_connections=1)
        for settings in (ApiSettings(limits=limits), ApiSettings(limits=limits, trusted_proxies=("127.0.0.1",))):
            async with ApiServer(make_app(services, settings)) as server:
                clients = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(3)]
                await until(lambda: server.connections.open == 3)
                for _, writer in clients:
                    writer.close()

    async def test_all_have_so_many(self, services: FakeServices) -> None:
        async with served(services, LimitSettings(connections=1)) as server, connect(url(server)):
            assert (await told(server.port, request())).status == 503
