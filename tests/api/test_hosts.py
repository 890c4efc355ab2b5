"""Only hosts that the daemon is known by are served."""

from collections.abc import AsyncIterator

import pytest

from quantd.api.app import make_app
from quantd.config.access import AuthSettings
from quantd.config.model import ApiSettings
from quantd.testing.services import FakeServices

from .battery import UPGRADE
from .serving import ApiServer, request, told

SETTINGS = ApiSettings(listen="daemon.internal:8000", hosts=("Quantd.Example", "proxy"), auth=AuthSettings(mode="none"))
OURS = ["localhost", "LOCALHOST:8000", "localhost.", "127.0.0.1", "127.9.8.7:1", "[::1]:8000", "192.168.1.7:8000", "[fe80::1]"]
NAMED = ["daemon.internal:8000", "quantd.example", "QUANTD.example.:443", "proxy:"]
OTHERS = ["evil.example", "evil.example:8000", "localhost.evil.example", "sub.quantd.example", "example", "127.1", "0x7f.0.0.1"]


@pytest.fixture
async def server(services: FakeServices) -> AsyncIterator[ApiServer]:
    async with ApiServer(make_app(services, SETTINGS)) as running:
        yield running


@pytest.mark.parametrize("host", OURS + NAMED)
async def test_it_is_served(server: ApiServer, host: str) -> None:
    assert (await told(server.port, request(host=host))).status == 200
    assert (await told(server.port, request(f"http://{host}/symbols", host="localhost"))).status == 200


@pytest.mark.parametrize("host", OTHERS)
@pytest.mark.parametrize("path", ["/", "/symbols", "/nowhere", "/data/NOPE"])
async def test_another_is_not(server: ApiServer, host: str, path: str) -> None:
    answer = await told(server.port, request(path, host=host))
    assert (answer.status, "add it to api.hosts" in answer.detail) == (421, True)
    answer = await told(server.port, request(f"http://{host}{path}", host="localhost"))
    assert answer.status == 421


@pytest.mark.parametrize(("host", "status"), [("localhost", 101), ("proxy", 101), ("evil.example", 421)])
@pytest.mark.parametrize("path", ["/ws", "/stream/ws"])
async def test_sockets(server: ApiServer, host: str, path: str, status: int) -> None:
    close = b"\x88\x80\x00\x00\x00\x00"
    hello = request(path, *UPGRADE, host=host).replace(b"Connection: close", b"Connection: Upgrade")
    assert (await told(server.port, hello + close)).status == status


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:8080"])
async def test_a_page_that_rebinds_its_name_reads_and_changes_nothing(server: ApiServer, services: FakeServices, origin: str) -> None:
    """Its requests have its own origin as the host: nothing but the name tells them from the daemon's own page."""
    services.symbols.hold("config", ["BTCUSDT"])
    headers = (f"Origin: {origin}", "Content-Length: 0")
    assert (await told(server.port, request("/data/clear", *headers, method="POST", host="evil.example"))).status == 421


@pytest.mark.parametrize(
    "head", ["GET / HTTP/1.1", "GET / HTTP/1.1\r\nHost:", "GET / HTTP/1.1\r\nHost: a b", "GET / HTTP/1.1\r\nHost: a\r\nHost: a"]
)
async def test_no_host_or_no_right_one(server: ApiServer, head: str) -> None:
    answer = await told(server.port, f"{head}\r\nConnection: close\r\n\r\n".encode())
    assert (answer.status, "Host" in answer.detail) == (400, True)
