"""The fan-out without a network: what a slow client gets, and when it is given up."""

import asyncio
import json
from collections.abc import Generator, Iterator, Sequence
from typing import Any, TypeVar, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame
from websockets.streams import StreamReader

from quantd.api.schema import frames
from quantd.api.ws.fanout import Chunk, Client, Fanout, Key, Limits, joined, text_frame
from quantd.flow.hub import Hub
from quantd.model import Tick, Ticker
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
    sent = [text_frame(json.dumps({"symbol": symbol, "n": number}).encode()) for number in numbers]
    return {("trade", symbol): Chunk(b"".join(sent), sent[-1], len(sent))}


NOTHING = joined({})


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
    client.offer(joined(flush(*range(9))), now=0.0)
    assert client.lagging_since == 0.0
    assert client.offer(joined(flush(10, 11, 12) | flush(13, symbol="B")), now=1.0) == 0
    client.offer(joined(flush(14)), now=2.0)
    assert [frame["n"] for frame in pipe.read()] == list(range(9))
    assert client.offer(NOTHING, now=3.0) == 3
    assert pipe.read() == [{"type": "lagged", "dropped": 3}, {"symbol": "A", "n": 14}, {"symbol": "B", "n": 13}]
    client.offer(joined(flush(15)), now=4.0)
    assert pipe.read() == [{"symbol": "A", "n": 15}]


def test_who_missed_nothing_is_told_nothing(client: Client, pipe: Pipe) -> None:
    client.offer(joined(flush(*range(9))), now=0.0)
    client.offer(joined(flush(10)), now=1.0)
    pipe.read()
    client.offer(NOTHING, now=2.0)
    assert pipe.read() == [{"symbol": "A", "n": 10}]


def test_patience_ends(client: Client, expelled: list[str]) -> None:
    client.offer(joined(flush(*range(9))), now=0.0)
    client.offer(NOTHING, now=10.0)
    assert expelled == []
    client.offer(NOTHING, now=10.1)
    assert expelled == ["slow"]


def test_patience_begins_anew_below_the_limit(client: Client, pipe: Pipe, expelled: list[str]) -> None:
    client.offer(joined(flush(*range(9))), now=0.0)
    everything, pipe.unsent = pipe.unsent, b"x"
    client.offer(NOTHING, now=9.0)
    pipe.unsent = everything
    client.offer(NOTHING, now=19.0)
    assert expelled == []


def test_an_alert_is_sent_to_a_slow_client_too(client: Client, pipe: Pipe) -> None:
    client.offer(joined(flush(*range(9))), now=0.0)
    client.send(text_frame(b'"alert"'))
    assert pipe.unsent.endswith(b'"alert"')


def test_nothing_is_written_to_a_closing_transport(client: Client, pipe: Pipe) -> None:
    pipe.closing = True
    client.offer(joined(flush(1)), now=0.0)
    assert pipe.unsent == b""


def test_the_hub_is_listened_to_only_while_somebody_is_there(client: Client) -> None:
    hub = Hub()
    fanout = Fanout(hub, LIMITS)
    assert not hub.wants("ticks")
    fanout.join(client)
    assert hub.wants("ticks")
    fanout.leave(client)
    assert not hub.wants("ticks")


async def flushed(fanout: Fanout) -> None:
    """Return once what was published so far has been sent."""
    done = asyncio.Event()
    asyncio.get_running_loop().call_later(fanout.limits.flush, done.set)
    await done.wait()


async def test_one_flush_serves_every_client_what_it_wants(pipe: Pipe, client: Client) -> None:
    hub, other = Hub(), Pipe()
    fanout = Fanout(hub, LIMITS)
    second = Client(other, LIMITS, lambda: None)
    fanout.want(second, {"ETHUSDT"})
    fanout.join(client)
    fanout.join(second)
    fanout.want(client, {"ETHUSDT"})
    hub.publish("ticks", [*fakes.ticks(1), *fakes.ticks(1, symbol="ETHUSDT")])
    await flushed(fanout)
    assert [frame["symbol"] for frame in pipe.read()] == ["ETHUSDT"]
    assert [frame["symbol"] for frame in other.read()] == ["ETHUSDT"]


async def test_who_has_left_does_not_come_back_by_a_subscription(pipe: Pipe, client: Client) -> None:
    hub = Hub()
    fanout = Fanout(hub, LIMITS)
    fanout.join(client)
    fanout.leave(client)
    fanout.want(client, {"BTCUSDT"})
    assert len(fanout) == 0
    assert not hub.wants("ticks")


SYMBOLS = "ABC"
PATIENT = Limits(flush=1.0, buffer=400, patience=1e9)


class SteppedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still until a test moves it."""

    now = 0.0

    def time(self) -> float:
        return self.now


class Model:
    """A client as one would write it without a thought of its cost: it looks at each event by itself."""

    def __init__(self) -> None:
        self.wanted: set[str] | None = None
        self.unread: list[bytes] = []
        self.lagging = False
        self.waiting: dict[tuple[str, str], bytes] = {}
        self.offered = 0

    def flush(self, events: Sequence[tuple[str, str, bytes]]) -> None:
        mine = [event for event in events if self.wanted is None or event[1] in self.wanted]
        if not self.lagging:
            self.unread += [frame for *_, frame in mine]
        else:
            for kind, symbol, frame in mine:
                self.waiting[kind, symbol] = frame
                self.offered += 1
            if not self.unread:
                self.catch_up()
                return
        self.lagging = self.lagging or sum(map(len, self.unread)) > PATIENT.buffer

    def catch_up(self) -> None:
        dropped = self.offered - len(self.waiting)
        if dropped:
            self.unread.append(text_frame(b'{"type":"lagged","dropped":%d}' % dropped))
        self.unread += self.waiting.values()
        self.waiting, self.offered, self.lagging = {}, 0, False


class Crowd:
    """Clients of a fan-out, and a model of each."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.fanout = Fanout(self.hub, PATIENT)
        self.pipes = [Pipe() for _ in range(3)]
        self.clients = [Client(pipe, PATIENT, lambda: None) for pipe in self.pipes]
        self.models = [Model() for _ in self.clients]
        self.present: dict[int, Model] = {}
        self.ticks: list[Tick] = []
        self.tickers: list[Ticker] = []
        self.due = False

    def join(self, number: int) -> None:
        self.fanout.join(self.clients[number])
        self.present[number] = self.models[number]

    def leave(self, number: int) -> None:
        self.fanout.leave(self.clients[number])
        self.present.pop(number, None)
        if not self.present:
            self.ticks, self.tickers, self.due = [], [], False

    def want(self, number: int, symbols: frozenset[str]) -> None:
        self.fanout.want(self.clients[number], symbols)
        self.models[number].wanted = set(symbols)

    def trade(self, symbol: str, count: int) -> None:
        made = fakes.ticks(count, symbol=symbol)
        self.hub.publish("ticks", made)
        if self.present:
            self.ticks += made
            self.due = True

    def tell_ticker(self, symbol: str) -> None:
        made = Ticker(symbol, fakes.START, *(1.0,) * 8)
        self.hub.publish("tickers", [made])
        if self.present:
            self.tickers.append(made)
            self.due = True

    def read(self, number: int) -> None:
        assert list(payloads(self.pipes[number].unsent)) == [payload for frame in self.models[number].unread for payload in payloads(frame)]
        self.pipes[number].unsent = b""
        self.models[number].unread = []

    async def flush(self) -> None:
        asyncio.get_running_loop().now += PATIENT.flush  # type: ignore[attr-defined]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if not self.due:
            return
        trades = [("trade", tick.symbol, text_frame(frames.trade_frame(tick) or b"")) for tick in self.ticks]
        shown = [("ticker", ticker.symbol, text_frame(frames.ticker_frame(ticker) or b"")) for ticker in self.tickers]
        order = list(dict.fromkeys(tick.symbol for tick in self.ticks)), list(dict.fromkeys(ticker.symbol for ticker in self.tickers))
        events = sorted(trades, key=lambda event: order[0].index(event[1])) + sorted(shown, key=lambda event: order[1].index(event[1]))
        for model in self.present.values():
            model.flush(events)
        self.ticks, self.tickers = [], []
        self.due = any(model.lagging for model in self.present.values())


who = st.integers(0, 2)
acts = st.one_of(
    st.tuples(st.just("join"), who),
    st.tuples(st.just("leave"), who),
    st.tuples(st.just("want"), who, st.frozensets(st.sampled_from(SYMBOLS))),
    st.tuples(st.just("trade"), st.sampled_from(SYMBOLS), st.integers(1, 5)),
    st.tuples(st.just("tell_ticker"), st.sampled_from(SYMBOLS)),
    st.tuples(st.just("read"), who),
    st.tuples(st.just("flush")),
)


@given(st.lists(acts, max_size=40))
def test_every_client_gets_what_it_would_get_alone(done: list[tuple[str, Any]]) -> None:
    async def run() -> None:
        crowd = Crowd()
        for name, *arguments in [*(("join", number) for number in range(3)), *done, ("flush",)]:
            act = getattr(crowd, name)(*arguments)
            if act is not None:
                await act
        for number in range(3):
            crowd.read(number)
        await crowd.flush()
        for number in range(3):
            crowd.read(number)
            crowd.leave(number)

    with asyncio.Runner(loop_factory=SteppedLoop) as runner:
        runner.run(run())
