"""Whatever is published, read, cut and restarted in whatever order: a client gets each frame of a topic once, or is told its number."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec import Struct
from msgspec.structs import replace

from quantd.api.schema.topics import Since
from quantd.api.schema.wire import encode
from quantd.api.ws.fanout import text_frame
from quantd.api.ws.v1.board import Board
from quantd.api.ws.v1.client import Client
from quantd.api.ws.v1.limits import TopicLimits
from quantd.testing.services import fake_services

from .pipes import Numbers, Pipe

T = TypeVar("T")
TOPICS = ("A", "B", "STATE")
LIMITS = TopicLimits(frames=6, topic_bytes=3_000, all_bytes=6_000, buffer=1_000, flush=1e9, patience=1e9)
LARGEST_FRAME = 6_000
"""More than the largest frame of the machine has, bytes."""


class Place(Struct):
    """Where a client is in a topic: what it has is all up to `seq`, but for the holes that it was told of."""

    epoch: str
    seq: int


class Peer:
    """A client that believes nothing: it checks each frame that it reads."""

    def __init__(self, board: Board, truth: dict[tuple[str, str, int], list[int]], limits: TopicLimits = LIMITS) -> None:
        self.pipe = Pipe()
        self.client = Client(self.pipe, limits, lambda: pytest.fail("expelled"))
        self.places: dict[str, Place] = {}
        self.got: dict[tuple[str, str, int], list[int]] = {}
        """Rows by epoch, topic and number."""
        self._board = board
        self._truth = truth

    def subscribe(self, name: str, numbers: Numbers, since: Place | None) -> None:
        """Do as a socket does."""
        topic = numbers.topic(name)
        start = self._board.subscribe(self.client, topic, None if since is None else Since(since.epoch, since.seq))
        answer: dict[str, Any] = {"type": "subscribed", "epoch": self._board.epoch, "since": None if since is None else since.seq}
        answer |= {"topic": topic.text, "seq": start.seq, "recovered": start.recovered, "missed": start.missed, "snapshot": start.snapshot}
        self.client.send(text_frame(encode(answer)))
        if start.snapshot:
            rows = [item.number for item in topic.kind.now(fake_services(), topic.values)]
            self.client.send(text_frame(encode(topic.kind.frame(topic=topic.text, seq=start.seq, snapshot=True, rows=rows))))

    def read(self, size: int | None = None) -> None:
        for frame in self.pipe.read(size):
            {"subscribed": self._subscribed, "lagged": self._lagged}.get(frame["type"], self._data)(frame["topic"], frame)

    def _subscribed(self, topic: str, frame: dict[str, Any]) -> None:
        since, missed = frame["since"], frame["missed"]
        assert frame["recovered"] is (since is not None and missed is None)
        if missed:
            assert missed[0] == since + 1
        at = since if frame["recovered"] else missed[1] if missed and missed[1] is not None else frame["seq"]
        self.places[topic] = Place(frame["epoch"], at)

    def _lagged(self, topic: str, frame: dict[str, Any]) -> None:
        place, (first, last) = self.places[topic], frame["missed"]
        assert first == place.seq + 1
        assert frame["count"] == last - first + 1 > 0
        place.seq = last

    def _data(self, topic: str, frame: dict[str, Any]) -> None:
        place = self.places.get(topic)
        if place is None:  # it was sent before the client unsubscribed
            return
        if "snapshot" in frame:
            known = self._truth.get((place.epoch, topic, frame["seq"]))
            assert known is None or frame["rows"] == known[-1:], "the state is that at its number"
        else:
            assert frame["seq"] == place.seq + 1, "each frame once"
            place.seq = frame["seq"]
            self.got[place.epoch, topic, frame["seq"]] = frame["rows"]


class Daemon(RuleBasedStateMachine):
    """A board, which begins anew now and then, with clients that read little and are cut. An observer reads all, and so has the truth."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.numbers = Numbers(conflated=("STATE",))
        self.truth: dict[tuple[str, str, int], list[int]] = {}
        self.peers: list[Peer] = []
        self.lost: list[dict[str, Place]] = []
        """What clients had when they were cut."""
        self.start()
        for _ in range(3):
            self.come_new()

    def do(self, function: Callable[[], T]) -> T:
        async def within() -> T:
            return function()

        return self.loop.run_until_complete(within())

    def start(self) -> None:
        self.board = Board(fake_services(), LIMITS)
        self.do(self.board.flush)
        self.observer = Peer(self.board, {}, replace(LIMITS, buffer=1 << 30))
        for name in TOPICS:
            self.do(lambda name=name: self.observer.subscribe(name, self.numbers, None))  # type: ignore[misc]
        self.flush()

    def observe(self) -> None:
        self.observer.read()
        self.truth |= self.observer.got

    @rule(name=st.sampled_from(TOPICS), count=st.sampled_from([1, 1, 2, 40, 501]), times=st.integers(1, 15))
    def publish(self, name: str, count: int, times: int) -> None:
        for _ in range(times):
            self.do(lambda: self.numbers.publish(name, count))
            if times > 1:
                self.flush()

    @rule()
    def flush(self) -> None:
        self.do(self.board.flush)
        self.observe()

    @precondition(lambda self: len(self.peers) < 5)
    @rule()
    def come_new(self) -> None:
        peer = Peer(self.board, self.truth)
        self.peers.append(peer)
        for name in TOPICS:
            self.do(lambda name=name: peer.subscribe(name, self.numbers, None))  # type: ignore[misc]

    @rule(data=st.data(), name=st.sampled_from(TOPICS))
    def amid(self, data: st.DataObject, name: str) -> None:
        """A client comes between a row and its frame, and another one changes its topics before the flush."""
        self.do(lambda: self.numbers.publish(name))
        self.come_new()
        self.unsubscribe(data, data.draw(st.sampled_from(TOPICS)))

    @precondition(lambda self: self.lost)
    @rule(data=st.data())
    def come_again(self, data: st.DataObject) -> None:
        """A client that was cut continues what it had."""
        peer = Peer(self.board, self.truth)
        self.peers.append(peer)
        places = self.lost.pop(data.draw(st.integers(0, len(self.lost) - 1)))
        for topic, place in places.items():
            self.do(lambda topic=topic, place=place: peer.subscribe(topic.partition(":")[2], self.numbers, place))  # type: ignore[misc]

    @precondition(lambda self: self.peers)
    @rule(data=st.data(), name=st.sampled_from(TOPICS))
    def subscribe(self, data: st.DataObject, name: str) -> None:
        peer = data.draw(st.sampled_from(self.peers))
        if self.numbers.topic(name).text not in peer.client.topics:
            self.do(lambda: peer.subscribe(name, self.numbers, None))

    @precondition(lambda self: self.peers)
    @rule(data=st.data(), name=st.sampled_from(TOPICS))
    def unsubscribe(self, data: st.DataObject, name: str) -> None:
        peer = data.draw(st.sampled_from(self.peers))
        topic = self.numbers.topic(name).text
        peer.read()
        self.do(lambda: self.board.unsubscribe(peer.client, topic))
        peer.places.pop(topic, None)

    @precondition(lambda self: self.peers)
    @rule(data=st.data(), size=st.one_of(st.none(), st.integers(1, 2_000)))
    def read(self, data: st.DataObject, size: int | None) -> None:
        data.draw(st.sampled_from(self.peers)).read(size)

    @precondition(lambda self: self.peers)
    @rule(data=st.data())
    def cut(self, data: st.DataObject) -> None:
        peer = data.draw(st.sampled_from(self.peers))
        self.peers.remove(peer)
        self.do(lambda: self.board.leave(peer.client))
        self.lost.append(peer.places)
        self.agree(peer)

    @rule()
    def restart(self) -> None:
        self.flush()
        for peer in self.peers:
            self.lost.append(peer.places)
            self.agree(peer)
        self.peers.clear()
        self.do(self.board.close)
        self.start()

    @invariant()
    def memory_is_bounded(self) -> None:
        assert self.board.shelf.size <= LIMITS.all_bytes + len(TOPICS) * LARGEST_FRAME
        for peer in self.peers:
            assert len(peer.pipe.unsent) <= 2 * LIMITS.buffer + len(TOPICS) * LARGEST_FRAME * 16

    def agree(self, peer: Peer) -> None:
        """What a client got is what there was."""
        assert peer.got == {key: self.truth.get(key, "not flushed, so not sent") for key in peer.got}

    def teardown(self) -> None:
        self.flush()
        for peer in self.peers:
            while peer.pipe.unsent or peer.client.behind:
                peer.read()
                self.flush()
            self.agree(peer)
            ends = {topic: log.seq for topic, log in peer.client.topics.items()}
            assert {topic: place.seq for topic, place in peer.places.items()} == ends
        self.everything_was_published_once()
        self.do(self.board.close)
        assert self.numbers.listening == 0
        self.loop.close()

    def everything_was_published_once(self) -> None:
        """The observer never lags, so it has all numbers of each topic, in order."""
        for name in TOPICS:
            topic = self.numbers.topic(name).text
            rows = [row for (_, of, _), rows in self.truth.items() for row in rows if of == topic]
            assert rows == list(range(1, self.numbers.published.get(name, 0) + 1))


TestDaemon = pytest.mark.filterwarnings("error")(Daemon.TestCase)
TestDaemon.settings = settings(max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
