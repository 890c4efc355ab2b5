"""Every answer has the headers that keep a browser from misusing it, whoever made it."""

import pytest

from quantd.api.app import make_app
from quantd.api.server.safety import HEADERS
from quantd.config.model import ApiSettings
from quantd.testing.services import FakeServices

from .battery import UPGRADE
from .serving import Answer, ApiServer, exchange, request, told
from .test_shortcut import Client, fill, get

CASES = {
    "json": request("/symbols"),
    "page": request("/", "Accept: text/html"),
    "metrics": request("/metrics"),
    "no route": request("/nothing"),
    "another host": request(host="evil.example"),
    "another origin": request("/alerts", "Origin: http://evil.example", "Access-Control-Request-Method: POST", method="OPTIONS"),
    "no request": b"garbage\r\n\r\n",
    "no address": request("http://xn--.example/"),
    "not of ASCII": request("/", "Origin: \xff"),
    "an expectation": request("/", "Expect: 200-ok"),
    "a large body": request("/alerts", "Content-Length: 1000000000", method="POST"),
}


def assert_safe(answer: Answer) -> None:
    found = {name: answer.headers.get(name.lower()) for name in HEADERS}
    policy = found.pop("Content-Security-Policy") or ""
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert found == {name: value for name, value in HEADERS.items() if name in found}


@pytest.mark.parametrize("case", CASES)
async def test_every_answer_has_them(server: ApiServer, case: str) -> None:
    assert_safe(await told(server.port, CASES[case]))


async def test_an_answer_of_the_shortcut_has_them(server: ApiServer, services: FakeServices) -> None:
    fill(services)
    client = await Client.of(server)
    for _ in range(3):
        assert_safe(await client.ask(get("/pairs")))
    assert server.connections.shortcut.answered == 2
    client.writer.close()


async def test_a_socket_has_them(server: ApiServer) -> None:
    head = await exchange(
        server.port, request("/ws", *UPGRADE).replace(b"Connection: close", b"Connection: Upgrade"), b"\x88\x80\x00\x00\x00\x00"
    )
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"Server: quantd\r\n" in head
    assert b"aiohttp" not in head


async def test_who_finds_no_place_is_told_so_with_them(services: FakeServices) -> None:
    async with ApiServer(make_app(services, ApiSettings()), most=1) as server:
        client = await Client.of(server)
        await client.ask(get("/symbols"))
        refused = await told(server.port)
        assert refused.status == 503
        assert_safe(refused)
        client.writer.close()
