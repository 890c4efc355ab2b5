"""`quantd status` against the API on a real socket, and against what is no quantd."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from aiohttp import web

from quantd.api.access.gate import Gate
from quantd.api.app import make_app
from quantd.cli.daemon_status import address, find
from quantd.config.model import ApiSettings
from quantd.plugin.feed_health import FeedHealth
from quantd.services.analytics import PairStatus
from quantd.services.status import FeedState, SymbolQuality
from quantd.supervision.troubles import Trouble
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.testing.services import FakeServices, fake_services
from quantd.tokens import TokenFile, Tokens
from tests.unit.cli.conftest import Run

GAPPY = SymbolQuality("ETHUSDT", "down", 20, START, 15, 1, 0, 5, 2, 2, 0, 12.0, 40.0, [])


def feed(state: str) -> FeedState:
    return FeedState("binance", state, START, 1234, 0, 3, 4, None, FeedHealth())


@pytest.fixture
def services() -> FakeServices:
    services = fake_services()
    services.status.feed_states = [feed("live")]
    return services


@pytest.fixture
def file(tmp_path: Path) -> TokenFile:
    """The tokens of the daemon; there are none at first."""
    return TokenFile(tmp_path / "state")


@pytest.fixture
def url(services: FakeServices, file: TokenFile) -> Iterator[str]:
    """Where the API serves, in a thread with a loop of its own."""
    loop = asyncio.new_event_loop()
    served = threading.Event()
    ports: list[int] = []

    async def serve() -> None:
        gate = Gate(ApiSettings(), Tokens(file.path.parent))
        runner = web.AppRunner(make_app(services, ApiSettings(), lambda: (b"", "text/plain"), gate=gate))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ports.append(runner.addresses[0][1])
        served.set()
        try:
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    task = loop.create_task(serve())
    thread = threading.Thread(target=_until_cancelled, args=(loop, task))
    thread.start()
    assert served.wait(30)
    yield f"http://127.0.0.1:{ports[0]}"
    loop.call_soon_threadsafe(task.cancel)
    thread.join(30)
    loop.close()


def _until_cancelled(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    with suppress(asyncio.CancelledError):
        loop.run_until_complete(task)


def test_a_healthy_daemon(quantd: Run, services: FakeServices, url: str) -> None:
    states = {"BTCUSDT": "live", "DEADUSDT": "quiet", "SHAREUSDT": "closed"}
    services.status.qualities = [
        SymbolQuality(name, state, 20, START, 15, 1, 0, 0, 0, 0, 0, 12.0, 40.0, []) for name, state in states.items()
    ]
    services.analytics.statuses = [PairStatus("BTCUSDT-ETHUSDT", "1m", START, 60, 60, fakes.points(1)[0], None)]
    done = quantd("status", "--url", url)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["healthy", url]
    assert lines[1] == "ready"
    assert any(line.split()[:5] == ["binance", "live", "4", "3", "1,234"] for line in lines)
    assert any(line.startswith("BTCUSDT-ETHUSDT  1m") for line in lines)
    assert "3 symbols, 0 trades missing, 0 alert rules" in lines
    assert not any(line.startswith(tuple(f"{name} " for name in states)) for line in lines), "they are well"


def test_a_degraded_one_says_why(quantd: Run, services: FakeServices, url: str) -> None:
    services.status.present = [Trouble("disk", "/var", "1 % is free: make [bold]room[/] \x1b[31m", START)]
    services.status.qualities = [GAPPY]
    services.status.feed_states = [feed("warming")]
    services.analytics.statuses = [PairStatus("A-B", "1m", None, 12, 60, None, "warming")]
    done = quantd("status", "--url", url + "/")
    assert done.returncode == 1
    assert "degraded" in done.stdout
    assert "not ready: binance is warming 3/4" in done.stdout
    assert "disk /var" in done.stdout
    assert "1 % is free: make [bold]room[/] [31m" in done.stdout
    assert any(line.split()[:4] == ["ETHUSDT", "down", "5", "2"] for line in done.stdout.splitlines())
    assert "warming 12/60" in done.stdout


def test_one_that_asks_for_a_token(quantd: Run, url: str, file: TokenFile) -> None:
    token = file.create("ops", "read", 0, None)
    done = quantd("status", "--url", url, QUANTD_TOKEN=token)
    assert (done.returncode, done.stdout.split()[0]) == (0, "healthy")
    while (done := quantd("status", "--url", url)).returncode == 0:  # until the daemon has looked at the file
        pass
    assert done.returncode == 77
    assert "answers with 401 A token is needed" in done.stderr
    assert done.stderr.endswith("; put a token of `quantd token create` into the environment variable QUANTD_TOKEN\n")
    done = quantd("status", "--url", url, QUANTD_TOKEN=f"{token}x")
    assert (done.returncode, "answers with 401 The token is not valid" in done.stderr) == (77, True)
    assert token not in done.stderr


def test_one_that_is_down(quantd: Run, services: FakeServices, url: str) -> None:
    services.status.feed_states = [feed("down")]
    done = quantd("status", "--url", url)
    assert (done.returncode, done.stdout.split()[0]) == (1, "down")


def test_json_has_all(quantd: Run, services: FakeServices, url: str) -> None:
    services.status.qualities = [GAPPY]
    told = json.loads(quantd("status", "--url", url, "--json").stdout)
    assert (told["health"]["status"], told["waiting"], told["quality"][0]["symbol"], told["pairs"]) == ("healthy", None, "ETHUSDT", [])


def test_the_config_says_where_it_is(quantd: Run, url: str, tmp_path: Path) -> None:
    listen = f"0.0.0.0:{url.rpartition(':')[2]}"
    (tmp_path / "mine.yaml").write_text(
        f"symbols: [A]\nfeeds: {{binance-futures: {{}}}}\nsinks: {{log: {{}}}}\napi: {{listen: '{listen}'}}\n"
    )
    assert quantd("status", "-c", "mine.yaml").returncode == 0
    assert quantd("status", http_proxy="http://127.0.0.1:9", QUANTD_CONFIG="mine.yaml").returncode == 0
    (tmp_path / "mine.yaml").write_text("log: loud")
    assert quantd("status", "-c", "mine.yaml").returncode == 2


def test_the_environment_says_where_it_is_before_the_config(quantd: Run, url: str, tmp_path: Path) -> None:
    (tmp_path / "quantd.yaml").write_text("api: {listen: '127.0.0.1:9'}\n")
    for command in (["status"], ["top", "--once"]):
        assert quantd(*command, QUANTD_URL=url).returncode == 0
        assert quantd(*command, "--url", url, QUANTD_URL="http://127.0.0.1:9").returncode == 0
        done = quantd(*command, QUANTD_URL="")
        assert (done.returncode, "http://127.0.0.1:9 cannot be reached" in done.stderr) == (69, True)
        done = quantd(*command, QUANTD_URL="nowhere")
        assert (done.returncode, done.stderr.startswith("quantd: QUANTD_URL: ")) == (2, True)


def test_without_a_config_it_is_where_a_daemon_listens_by_default(quantd: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantd.config.load.ETC", tmp_path / "none.yaml")
    assert find(None, None) == "http://127.0.0.1:8000"
    done = quantd("status", "-c", "named.yaml")
    assert (done.returncode, "named.yaml: no such file" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("[::]:80", "http://[::1]:80"),
        (":::80", "http://[::1]:80"),
        ("::1:80", "http://[::1]:80"),
        ("box:80", "http://box:80"),
    ],
)
def test_where_it_listens_is_where_it_is_asked(listen: str, url: str) -> None:
    assert address(listen) == url


@pytest.fixture
def answering() -> Iterator[Callable[[int, bytes], str]]:
    """A server that answers everything with this."""
    servers: list[ThreadingHTTPServer] = []

    def begin(status: int, body: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (200, b"<html>", "answers, but is no quantd"),
        (200, b"{}", "answers, but is no quantd"),
        (200, b"[]", "answers, but is no quantd"),
        (200, b"\xff", "answers, but is no quantd"),
        (404, b"", "/health answers with 404 Not Found"),
        (503, b"{}", "/health answers with 503 Service Unavailable"),
        (421, b'{"detail": "name it in \x1b[31mapi.hosts"}', "/health answers with 421 Misdirected Request"),
        (421, b'{"detail": "name it in api.hosts"}', "/health answers with 421 name it in api.hosts"),
    ],
)
def test_what_is_no_quantd(quantd: Run, answering: Callable[[int, bytes], str], status: int, body: bytes, text: str) -> None:
    done = quantd("status", "--url", answering(status, body))
    assert (done.returncode, done.stdout) == (69, "")
    assert text in done.stderr


def test_nobody_is_there(quantd: Run) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        where = f"http://127.0.0.1:{taken.getsockname()[1]}"
        done = quantd("status", "--url", where)
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr.startswith(
        f"quantd: {where} cannot be reached: Connection refused: is the daemon running? --url tells where else it is\n"
    )


def test_one_that_does_not_answer_is_given_up(quantd: Run) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        done = quantd("status", "--url", f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert done.returncode == 69
    assert "does not answer within 3 s" in done.stderr


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "ftp://x", "http://", "http://127.0.0.1:x", "http://127.0.0.1:99999", "", "http://me:s3cret@127.0.0.1:1"]
)
def test_what_is_no_address(quantd: Run, url: str) -> None:
    done = quantd("status", "--url", url)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("quantd: --url: ")
    assert "s3cret" not in done.stderr
