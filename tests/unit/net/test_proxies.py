"""Streams and requests go through the proxy that the environment names, and its faults say what to do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext, create_default_context

import pytest
import uvloop
from aiohttp import ClientError, ClientTimeout, web
from aiohttp.test_utils import TestServer
from websockets.frames import Opcode

from quantd.net import ProxyFault, Refused, dial, http_session
from quantd.net import connect as connecting
from quantd.net.proxies import proxy_for
from tests.unit.net.far_end import PATIENCE_S, listening, wire
from tests.unit.net.proxy_servers import Kind, ProxyServer, proxying
from tests.unit.net.test_websocket import Ear, make_certificate

pytestmark = pytest.mark.filterwarnings("ignore:Overriding the")
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
VENUE = "venue.test"
"""No name that this host could look up: the proxy does."""
KINDS: tuple[Kind, ...] = ("http", "socks5")


@pytest.fixture(params=[asyncio.DefaultEventLoopPolicy, uvloop.EventLoopPolicy], ids=["asyncio", "uvloop"])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    return request.param()


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)


@pytest.fixture(params=KINDS)
async def proxy(request: pytest.FixtureRequest) -> AsyncIterator[ProxyServer]:
    async with proxying(request.param) as proxy:
        yield proxy


@pytest.fixture
async def site() -> AsyncIterator[TestServer]:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    server = TestServer(app)
    async with server:
        yield server


async def body(url: str) -> str:
    async with http_session(url, timeout=ClientTimeout(PATIENCE_S)) as session, session.get(url) as answer:
        return await answer.text()


async def stream_fault(url: str) -> str:
    with pytest.raises(Refused) as refusal:
        await dial(url.replace("http", "ws", 1))
    return str(refusal.value)


async def request_fault(url: str) -> str:
    with pytest.raises((ClientError, ProxyFault)) as fault:
        await body(url)
    return str(fault.value)


both_doors = pytest.mark.parametrize("told", [stream_fault, request_fault], ids=["stream", "request"])
Told = Callable[[str], Awaitable[str]]


async def test_a_stream_goes_through_it(proxy: ProxyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url())
    async with listening() as end:
        dialled = asyncio.create_task(dial(end.url(VENUE)))
        far = await end.far()
        assert f"\r\nhost: {VENUE}:{end.port}\r\n" in (await far.upgrade(wire(Opcode.TEXT, b"one"))).decode().lower()
        ear = Ear(await dialled, far)
        assert await ear.next() == b"one"
        ear.websocket.close()
        await ear.ended()
        assert proxy.asked == [(VENUE, end.port)]


async def test_over_tls_the_certificate_is_that_of_the_venue(proxy: ProxyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, context = make_certificate(tmp_path, f"DNS:{VENUE}"), SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    monkeypatch.setenv("https_proxy", proxy.url())
    async with listening(context) as end:
        for fault in (await stream_fault(end.url(VENUE)), await request_fault(f"https://{VENUE}:{end.port}/")):
            assert "certificate" in fault
            assert f"through the proxy {proxy.url()} (HTTPS_PROXY)" in fault
        trusting = create_default_context(cafile=certificate)
        monkeypatch.setattr(connecting, "_verified", lambda: trusting)
        dialled = asyncio.create_task(dial(end.url(VENUE)))
        await (await end.far()).upgrade()
        (await dialled).close()


async def test_a_request_goes_through_it(proxy: ProxyServer, site: TestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy.url())
    assert await body(f"http://{VENUE}:{site.port}/") == "hello"
    assert proxy.asked == [(VENUE, site.port)]


async def test_it_gets_the_name_and_password_that_it_wants(proxy: ProxyServer, site: TestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy.login = "me@home:p/w:1"
    monkeypatch.setenv("ALL_PROXY", proxy.url("me%40home:p%2Fw%3A1"))
    assert await body(f"http://{VENUE}:{site.port}/") == "hello"


@both_doors
async def test_a_login_that_is_missing_or_wrong_is_told(proxy: ProxyServer, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy.login = "me:right"
    monkeypatch.setenv("HTTP_PROXY", proxy.url())
    wanted = f"the proxy {proxy.url()} (HTTP_PROXY) wants a name and password: write {proxy.url('name:password')} into HTTP_PROXY"
    assert wanted in await told(f"http://{VENUE}/")
    monkeypatch.setenv("HTTP_PROXY", proxy.url("me:wrong"))
    fault = await told(f"http://{VENUE}/")
    assert f"the proxy {proxy.url('***')} (HTTP_PROXY) does not accept the name and password" in fault
    assert "wrong" not in fault


@both_doors
async def test_a_refusal_is_told_with_what_to_do(proxy: ProxyServer, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy.refusal = {"http": 403, "socks5": 2}[proxy.kind]
    monkeypatch.setenv("ALL_PROXY", proxy.url("me:secret"))
    fault = await told(f"http://{VENUE}/")
    assert f"the proxy {proxy.url('***')} (ALL_PROXY) refuses to connect to {VENUE}:80 (" in fault
    assert {"http": "403 Forbidden", "socks5": "ruleset"}[proxy.kind] in fault
    assert "have the proxy allow it, or name the host in NO_PROXY" in fault
    assert "secret" not in fault


@both_doors
@pytest.mark.parametrize("kind", KINDS)
async def test_one_that_is_not_there_is_told(kind: Kind, told: Told, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"{kind}://me:secret@127.0.0.1:{unused_tcp_port}")
    fault = await told(f"http://{VENUE}/")
    assert f"the proxy {kind}://***@127.0.0.1:{unused_tcp_port} (ALL_PROXY) cannot be reached: connection refused: check ALL_PROXY" in fault


@both_doors
@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_no_such_proxy_is_told(kind: Kind, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("ALL_PROXY", f"{kind}://127.0.0.1:{port}")
        assert f"the proxy {kind}://127.0.0.1:{port} (ALL_PROXY) does not answer as such a proxy does" in await told(f"http://{VENUE}/")


@both_doors
@pytest.mark.parametrize("value", ["ftp://me:secret@p:1", "http://", "socks5://p:port", "https://p:443"])
async def test_a_value_that_is_no_proxy_is_told(value: str, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", value)
    fault = await told(f"http://{VENUE}/")
    assert "HTTP_PROXY: " in fault
    assert "is no proxy that can be used: write http://host:port or socks5://host:port" in fault
    assert "secret" not in fault


async def test_a_stream_that_is_not_answered_tells_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "CONNECT_S", 0.1)
    async with listening() as silent:
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{silent.port}")
        told = await stream_fault(f"http://{VENUE}/")
    assert f"no answer through the proxy http://127.0.0.1:{silent.port} (ALL_PROXY) within" in told


@pytest.mark.parametrize(
    ("variables", "url", "expected"),
    [
        ({}, "wss://venue.test/x", None),
        ({"HTTPS_PROXY": "http://p:3128"}, "wss://venue.test/x", "http://p:3128"),
        ({"https_proxy": "http://p:3128"}, "https://venue.test/x", "http://p:3128"),
        ({"HTTPS_PROXY": "http://p:3128"}, "ws://venue.test/x", None),
        ({"HTTP_PROXY": "http://p:3128"}, "ws://venue.test/x", "http://p:3128"),
        ({"ALL_PROXY": "socks5h://p"}, "wss://venue.test/x", "socks5://p:1080"),
        ({"ALL_PROXY": "socks5://a:1", "HTTPS_PROXY": "p:8080"}, "wss://venue.test/x", "http://p:8080"),
        ({"HTTPS_PROXY": "http://me:@[::1]"}, "wss://venue.test/x", "http://me:@[::1]:80"),
        ({"ALL_PROXY": "http://p:1", "NO_PROXY": "other.test, venue.test"}, "wss://venue.test/x", None),
        ({"ALL_PROXY": "http://p:1", "NO_PROXY": ".venue.test"}, "wss://stream.venue.test:9443/x", None),
        ({"ALL_PROXY": "http://p:1", "NO_PROXY": "venue.test:9443"}, "wss://venue.test:9443/x", None),
        ({"ALL_PROXY": "http://p:1", "no_proxy": "*"}, "wss://venue.test/x", None),
        ({"ALL_PROXY": "http://p:1", "NO_PROXY": "venue.test"}, "wss://venue.test.example/x", "http://p:1"),
        ({"ALL_PROXY": "http://p:1"}, "ws://127.0.0.1:9000/x", None),
        ({"ALL_PROXY": "http://p:1"}, "ws://[::1]:9000/x", None),
        ({"ALL_PROXY": "http://p:1"}, "http://localhost:9000/x", None),
        ({"ALL_PROXY": "http://p:1"}, "http://10.0.0.1:9000/x", "http://p:1"),
    ],
)
def test_the_environment_says_which(variables: dict[str, str], url: str, expected: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    proxy = proxy_for(url)
    assert (proxy.url if proxy else None) == expected
