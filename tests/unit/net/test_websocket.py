"""An open WebSocket against a server that says byte for byte what a test wants, on both event loops."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext, create_default_context

import pytest
import uvloop
from websockets.frames import Close, Frame, Opcode

from quantd.net import connect as connecting
from quantd.net import websocket as websockets
from quantd.net.connect import Refused, Rejected, dial
from quantd.net.frames import LARGEST, Message
from quantd.net.websocket import WebSocket
from tests.unit.net.far_end import PATIENCE_S, Far, FarEnd, listening, wire

pytestmark = pytest.mark.filterwarnings("ignore:Overriding the")
TEXT, PING, PONG, CLOSE = Opcode.TEXT, Opcode.PING, Opcode.PONG, Opcode.CLOSE


@pytest.fixture(params=[asyncio.DefaultEventLoopPolicy, uvloop.EventLoopPolicy], ids=["asyncio", "uvloop"])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    return request.param()


@pytest.fixture
async def end() -> AsyncIterator[FarEnd]:
    async with listening() as end:
        yield end


class Ear:
    """What a running websocket brings."""

    def __init__(self, websocket: WebSocket, far: Far) -> None:
        self.websocket = websocket
        self.far = far
        self.heard: asyncio.Queue[bytes | Frame] = asyncio.Queue()
        self.running = asyncio.create_task(websocket.run(self.take))

    def take(self, message: Message) -> None:
        for each in [message] if isinstance(message, Frame) else message:
            self.heard.put_nowait(each)

    async def next(self) -> bytes | Frame:
        return await asyncio.wait_for(self.heard.get(), PATIENCE_S)

    async def ended(self) -> None:
        await asyncio.wait_for(self.running, PATIENCE_S)


@asynccontextmanager
async def connected(end: FarEnd, *behind: bytes) -> AsyncIterator[Ear]:
    """A websocket that runs."""
    dialled = asyncio.create_task(dial(end.url()))
    far = await end.far()
    await far.upgrade(*behind)
    ear = Ear(await dialled, far)
    try:
        yield ear
    finally:
        ear.websocket.close()
        await asyncio.wait([ear.running])


async def test_what_comes_behind_the_answer_is_not_lost(end: FarEnd) -> None:
    async with connected(end, wire(TEXT, b"one"), wire(TEXT, b"two")[:3]) as ear:
        await ear.far.send(wire(TEXT, b"two")[3:])
        assert [await ear.next(), await ear.next()] == [b"one", b"two"]


async def test_pings_are_answered_and_pongs_brought(end: FarEnd) -> None:
    async with connected(end, wire(PING, b"p")) as ear:
        assert (await ear.far.frame()) == Frame(PONG, b"p")
        ear.websocket.send_ping(b"123")
        ear.websocket.send_text("é".encode())
        assert [await ear.far.frame(), await ear.far.frame()] == [Frame(PING, b"123"), Frame(TEXT, "é".encode())]
        await ear.next()
        await ear.far.send(wire(PONG, b"123"))
        assert await ear.next() == Frame(PONG, b"123")


async def test_a_close_is_answered_and_its_code_and_reason_told(end: FarEnd) -> None:
    async with connected(end) as ear:
        assert ear.websocket.code is None
        await ear.far.send(wire(TEXT, b"last"), wire(CLOSE, Close(1008, "too many").serialize()), wire(TEXT, b"late"))
        await ear.ended()
        assert await ear.next() == b"last"
        assert (ear.websocket.code, ear.websocket.reason, ear.websocket.error) == (1008, "too many", None)
        assert (await ear.far.frame()) == Frame(CLOSE, Close(1008, "too many").serialize())
        await ear.far.gone()
        ear.websocket.send_text(b"nothing is sent any more")


@pytest.mark.parametrize(
    ("spoiled", "code"),
    [
        (wire(TEXT, b"\xff"), 1007),
        (b"\xc1\x02{}", 1002),
        (b"\x81\x82\0\0\0\0{}", 1002),
        (b"\x89\x7e\x00\x7e" + b"x" * 126, 1002),
        (b"\x81\x7f" + (LARGEST + 1).to_bytes(8), 1009),
        (wire(TEXT, b"x" * LARGEST, fin=False) + wire(Opcode.CONT, b"x"), 1009),
    ],
    ids=["utf8", "rsv", "masked", "control", "long", "fragments"],
)
async def test_what_breaks_the_protocol_ends_it_with_its_code(end: FarEnd, spoiled: bytes, code: int) -> None:
    async with connected(end) as ear:
        await ear.far.send(wire(TEXT, b"sound"), spoiled, wire(TEXT, b"late"))
        await ear.ended()
        assert await ear.next() == b"sound"
        assert ear.heard.empty()
        assert ear.websocket.code == code
        assert Close.parse((await ear.far.frame()).data).code == code


@pytest.mark.parametrize("abort", [True, False])
async def test_a_hang_up_is_told(end: FarEnd, abort: bool) -> None:
    async with connected(end, wire(TEXT, b"half")[:4]) as ear:
        (ear.far.writer.transport.abort if abort else ear.far.writer.close)()
        await ear.ended()
        assert ear.websocket.code == 1006
        assert ear.websocket.error is not None


async def test_a_silent_end_is_asked_and_left_when_it_does_not_answer(end: FarEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websockets, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(websockets, "PONG_S", 0.2)
    async with connected(end) as ear:
        for _ in range(3):
            assert await ear.far.frame() == Frame(PING, b"")
            await ear.far.send(wire(PONG, b""))
        assert await ear.far.frame() == Frame(PING, b"")
        await ear.ended()
        assert isinstance(ear.websocket.error, TimeoutError)
        assert ear.websocket.code == 1006


async def test_while_it_is_paused_nothing_comes_and_nothing_is_lost(end: FarEnd) -> None:
    count, size, loop = 2_000, 5_000, asyncio.get_running_loop()
    dialled = asyncio.create_task(dial(end.url()))
    far = await end.far()
    await far.upgrade()
    websocket, got, resumed = await dialled, list[bytes](), 0

    def take(message: Message) -> None:
        if isinstance(message, Frame):
            return
        got.extend(message)
        if not websocket.paused:
            websocket.pause()
            loop.call_soon(read_on, len(got))

    def read_on(had: int) -> None:
        nonlocal resumed
        assert sum(map(len, got[had:])) <= 256 << 10
        resumed += 1
        websocket.resume()

    running = asyncio.create_task(websocket.run(take))
    await far.send(*(wire(TEXT, b"%d" % number + b" " * size) for number in range(count)))
    await far.send(wire(CLOSE, b""))
    await asyncio.wait_for(running, PATIENCE_S)
    assert [int(text) for text in got] == list(range(count))
    assert resumed > count * size // (600 << 10)
    assert websocket.code == 1005


async def test_many_pings_are_all_answered_though_the_answers_are_read_late(end: FarEnd) -> None:
    count = 40_000
    async with connected(end) as ear:
        sending = asyncio.create_task(ear.far.send(*(wire(PING, b"%0125d" % number) for number in range(count))))
        assert [int(bytes((await ear.far.frame()).data)) for _ in range(count)] == list(range(count))
        await sending


async def test_what_the_taker_raises_ends_it_and_is_raised(end: FarEnd) -> None:
    def refuse(_: Message) -> None:
        raise LookupError("no")

    dialled = asyncio.create_task(dial(end.url()))
    far = await end.far()
    await far.upgrade(wire(TEXT, b"x"))
    with pytest.raises(LookupError, match="no"):
        await (await dialled).run(refuse)
    assert (await far.frame()).opcode is CLOSE
    await far.gone()


async def test_closing_says_goodbye(end: FarEnd) -> None:
    async with connected(end) as ear:
        ear.websocket.close()
        assert await ear.far.frame() == Frame(CLOSE, Close(1000, "").serialize())
        await ear.ended()
        assert ear.websocket.code == 1000
        await ear.far.gone()


async def test_the_request_is_what_was_asked_for_and_names_us(end: FarEnd) -> None:
    dialled = asyncio.create_task(dial(end.url()))
    far = await end.far()
    head = (await far.head()).decode().lower()
    assert head.startswith("get /stream?x=1 http/1.1\r\n")
    assert f"\r\nhost: 127.0.0.1:{end.port}\r\n" in head
    assert "\r\nuser-agent: quantd\r\n" in head
    assert "extensions" not in head
    far.writer.close()
    with pytest.raises(Refused, match=r"cannot connect: .*hung up"):
        await dialled


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "cannot connect: its answer is no HTTP: b'SSH"),
        (b"HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n", "cannot connect: .*Accept"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"x" * 70_000, "cannot connect: its answer has no end"),
        (b"HTTP/1.0 418 I'm a teapot\r\nRETRY-AFTER: 30\r\nContent-Length: 99999999\r\n\r\n<html>", "refused with HTTP 418: .*not well"),
        (b"HTTP/1.1 503 \r\nTransfer-Encoding: br, chunked\r\n\r\nzz", "refused with HTTP 503: .*not well"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n", "refused with HTTP 302, which leads to 'http://x/'"),
    ],
    ids=["ssh", "accept", "endless", "teapot", "unwell", "elsewhere"],
)
async def test_an_answer_that_is_no_upgrade_is_refused_by_its_head(end: FarEnd, answer: bytes, told: str) -> None:
    dialled = asyncio.create_task(dial(end.url()))
    far = await end.far()
    await far.head()
    await far.send(answer)
    with pytest.raises(Refused, match=told) as refusal:
        await asyncio.wait_for(dialled, PATIENCE_S)
    if isinstance(refusal.value, Rejected):
        assert f"HTTP {refusal.value.status}" in told
        assert refusal.value.headers.get("retry-after") == ("30" if b"418" in answer else None)


async def test_a_venue_says_what_its_answers_mean(end: FarEnd) -> None:
    dialled = asyncio.create_task(dial(end.url(), {418: "make no tea"}))
    far = await end.far()
    await far.head()
    await far.send(b"HTTP/1.0 418 I'm a teapot\r\n\r\n")
    with pytest.raises(Rejected, match="refused with HTTP 418: make no tea"):
        await dialled


async def test_no_answer_is_not_waited_for_long(end: FarEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "CONNECT_S", 0.1)
    with pytest.raises(Refused, match="no answer within 0 s"):
        await dial(end.url())
    far = await end.far()
    await far.gone()


async def test_a_host_is_reached_at_whichever_of_its_addresses_answers(end: FarEnd) -> None:
    dialled = asyncio.create_task(dial(end.url("localhost")))
    await (await end.far()).upgrade()
    (await dialled).close()


def make_certificate(folder: Path, name: str) -> Path:
    """Of a name like `IP:127.0.0.1`, with its key."""
    made = folder / "certificate.pem"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=test"]
    files = ["-keyout", str(made), "-out", str(folder / "own.pem")]
    command = ["openssl", "req", "-x509", *curve, "-addext", f"subjectAltName={name}", *files]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no openssl")
    made.write_bytes(made.read_bytes() + (folder / "own.pem").read_bytes())
    return made


async def test_over_tls_certificates_are_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, context = make_certificate(tmp_path, "IP:127.0.0.1"), SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with listening(context) as end:
        with pytest.raises(Refused, match="certificate"):
            await dial(end.url())
        trusting = create_default_context(cafile=certificate)
        monkeypatch.setattr(connecting, "_verified", lambda: trusting)
        async with connected(end, wire(TEXT, b"one"), wire(PING, b"p")) as ear:
            assert [await ear.next(), await ear.next()] == [b"one", Frame(PING, b"p")]
            assert await ear.far.frame() == Frame(PONG, b"p")
            await ear.far.send(*(wire(TEXT, b"%d" % number + b" " * 5_000) for number in range(500)))
            assert [int(bytes(await ear.next())) for _ in range(500)] == list(range(500))  # type: ignore[arg-type]
