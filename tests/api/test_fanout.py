"""The fan-out without a network: what a slow client gets, and when it is given up."""

import asyncio
import json
from collections.abc import Generator, Iterator
from typing import TypeVar, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame
from websockets.streams import StreamReader

from quantd.api.fanout import Chunk, Client, Fanout, Key, Limits, text_frame
from quantd.flow.hub import Hub
from quantd.testing import fakes

T = TypeVar("T")
LIMITS = Limits(buffer=100, patience=10)


class Pipe:
    """A transport that keeps what is written until the test reads it."""

    def __init__(self) -> None:
        self.unsent = b""
        self.closing = False

    def write(self, data: bytes) -> None:
        self.unsent += data

    def get_write_buffer_size(self) -> int:
        return len(self.unsent)

    def is_closing(self) -> bool:
        return self.closing

    def read(self) -> list[dict[str, object]]:
        data, self.unsent = self.unsent, b""
        return [json.loads(payload) for payload in payloads(data)]


def payloads(data: bytes) -> Iterator[bytes]:
    """The payloads of text frames, as an independent parser reads them."""
    reader = StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    while not result(reader.at_eof()):
        frame = result(Frame.parse(reader.read_exact, mask=False))
        assert (frame.opcode, frame.fin) == (1, True)
        yield bytes(frame.data)


def result(parsing: Generator[None, None, T]) -> T:
    """What a parser that has all its input returns."""
    while True:
        try:
            next(parsing)
        except StopIteration as done:
            return cast(T, done.value)


@given(st.sampled_from([0, 1, 125, 126, 127, 65535, 65536, 70000]))
def test_a_frame_is_read_back(length: int) -> None:
    assert list(payloads(text_frame(b"x" * length))) == [b"x" * length]


def flush(*numbers: int, symbol: str = "A") -> dict[Key, Chunk]:
    frames = [text_frame(json.dumps({"symbol": symbol, "n": number}).encode()) for number in numbers]
    return {("trade", symbol): Chunk(b"".join(frames), frames[-1], len(frames))}


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


@pytest.fixture
def expelled() -> list[str]:
    return []


@pytest.fixture
def client(pipe: Pipe, expelled: list[str]) -> Client:
    return Client(pipe, LIMITS, lambda: expelled.append("slow"))


def test_a_slow_client_gets_the_newest_and_is_told_what_it_missed(client: Client, pipe: Pipe) -> None:
    client.offer(flush(*range(9)), now=0.0)
    assert client.lagging_since == 0.0
    assert client.offer(flush(10, 11, 12) | flush(13, symbol="B"), now=1.0) == 0
    client.offer(flush(14), now=2.0)
    assert [frame["n"] for frame in pipe.read()] == list(range(9))
    assert client.offer({}, now=3.0) == 3
    assert pipe.read() == [{"type": "lagged", "dropped": 3}, {"symbol": "A", "n": 14}, {"symbol": "B", "n": 13}]
    client.offer(flush(15), now=4.0)
    assert pipe.read() == [{"symbol": "A", "n": 15}]


def test_who_missed_nothing_is_told_nothing(client: Client, pipe: Pipe) -> None:
    client.offer(flush(*range(9)), now=0.0)
    client.offer(flush(10), now=1.0)
    pipe.read()
    client.offer({}, now=2.0)
    assert pipe.read() == [{"symbol": "A", "n": 10}]


def test_patience_ends(client: Client, expelled: list[str]) -> None:
    client.offer(flush(*range(9)), now=0.0)
    client.offer({}, now=10.0)
    assert expelled == []
    client.offer({}, now=10.1)
    assert expelled == ["slow"]


def test_patience_begins_anew_below_the_limit(client: Client, pipe: Pipe, expelled: list[str]) -> None:
    client.offer(flush(*range(9)), now=0.0)
    everything, pipe.unsent = pipe.unsent, b"x"
    client.offer({}, now=9.0)
    pipe.unsent = everything
    client.offer({}, now=19.0)
    assert expelled == []


def test_an_alert_is_sent_to_a_slow_client_too(client: Client, pipe: Pipe) -> None:
    client.offer(flush(*range(9)), now=0.0)
    client.send(text_frame(b'"alert"'))
    assert pipe.unsent.endswith(b'"alert"')


def test_nothing_is_written_to_a_closing_transport(client: Client, pipe: Pipe) -> None:
    pipe.closing = True
    client.offer(flush(1), now=0.0)
    assert pipe.unsent == b""


def test_the_hub_is_listened_to_only_while_somebody_is_there(client: Client) -> None:
    hub = Hub()
    fanout = Fanout(hub, LIMITS)
    assert not hub.wants("ticks")
    fanout.join(client)
    assert hub.wants("ticks")
    fanout.leave(client)
    assert not hub.wants("ticks")


async def test_one_flush_serves_every_client_what_it_wants(pipe: Pipe, client: Client) -> None:
    hub, other = Hub(), Pipe()
    fanout = Fanout(hub, LIMITS)
    second = Client(other, LIMITS, lambda: None)
    client.wanted = second.wanted = {"ETHUSDT"}
    fanout.join(client)
    fanout.join(second)
    flushed = asyncio.Event()
    hub.publish("ticks", [*fakes.ticks(1), *fakes.ticks(1, symbol="ETHUSDT")])
    asyncio.get_running_loop().call_later(LIMITS.flush, flushed.set)
    await flushed.wait()
    assert [frame["symbol"] for frame in pipe.read()] == ["ETHUSDT"]
    assert [frame["symbol"] for frame in other.read()] == ["ETHUSDT"]
