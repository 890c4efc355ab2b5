"""The board without a network: who gets which frames, what a slow client gets, how long a topic lives."""

import asyncio
from typing import Any

import pytest

from quantd.api.schema.topics import Since
from quantd.api.ws.v1.board import BadSince, Board, Start
from quantd.api.ws.v1.client import Client
from quantd.api.ws.v1.limits import TopicLimits
from quantd.api.ws.v1.topic import Topic
from quantd.api.ws.v1.topics import KINDS
from quantd.testing.services import fake_services
from tests.waiting import until

from .pipes import Number, Numbers, Pipe

LIMITS = TopicLimits(frames=5, buffer=100, patience=10.0, flush=1e9)
LONG = 40
"""Numbers of a frame that is longer than the buffer."""


class Party:
    """A board over topics of numbers. It flushes when the test says so."""

    def __init__(self, limits: TopicLimits = LIMITS, conflated: str = "") -> None:
        self.services = fake_services()
        self.numbers = Numbers(conflated)
        self.board = Board(self.services, limits)
        self.limits = limits
        self.expelled: list[Pipe] = []
        self.board.flush()

    def client(self, *names: str) -> tuple[Client, Pipe]:
        """A client that is in step with these topics."""
        pipe = Pipe()
        client = Client(pipe, self.limits, lambda: self.expelled.append(pipe))
        for name in names:
            self.subscribe(client, name)
        self.board.flush()
        return client, pipe

    def subscribe(self, client: Client, name: str, seq: int | None = None) -> Start:
        since = None if seq is None else Since(self.board.epoch, seq)
        return self.board.subscribe(client, self.numbers.topic(name), since)

    def publish(self, name: str, count: int = 1, times: int = 1) -> None:
        for _ in range(times):
            self.numbers.publish(name, count)
            self.board.flush()


def told(frames: list[dict[str, Any]]) -> list[Any]:
    """The number of each frame, or the missed numbers."""
    return [frame["seq"] if frame["type"] == "log" else (frame["count"], *frame["missed"]) for frame in frames]


async def test_clients_of_the_same_topics_get_one_write_of_the_same_bytes() -> None:
    party = Party()
    pipes = [party.client("A", "B")[1] for _ in range(2)] + [party.client("B")[1]]
    party.numbers.publish("A", 2)
    party.publish("B")
    assert pipes[0].writes == pipes[1].writes
    assert pipes[0].writes[0] is pipes[1].writes[0]
    assert [[(frame["topic"], frame["rows"]) for frame in pipe.read()] for pipe in pipes[1:]] == [
        [("plain:A", [1, 2]), ("plain:B", [1])],
        [("plain:B", [1])],
    ]


async def test_a_slow_client_is_sent_in_pieces_what_it_missed() -> None:
    party = Party()
    client, pipe = party.client("A")
    party.publish("A", LONG, times=4)
    assert client.behind
    assert told(pipe.read()) == [1]
    for seq in (2, 3, 4):
        party.board.flush()
        assert len(pipe.unsent) < 300
        assert told(pipe.read()) == [seq]
    party.board.flush()
    assert client.behind is None
    party.publish("A")
    assert told(pipe.read()) == [5]


async def test_a_slow_client_is_told_of_frames_that_are_gone() -> None:
    party = Party()
    client, pipe = party.client("A")
    party.publish("A", LONG, times=9)
    read = pipe.read()
    while client.behind:
        party.board.flush()
        read += pipe.read()
    assert told(read) == [1, (3, 2, 4), 5, 6, 7, 8, 9]


async def test_of_a_conflated_topic_the_newest_frame_waits() -> None:
    party = Party(conflated="A")
    _, pipe = party.client("A")
    party.publish("A", LONG, times=4)
    read = pipe.read()
    party.board.flush()
    assert told(read + pipe.read()) == [1, (2, 2, 3), 4]


async def test_topics_take_turns_with_a_slow_client() -> None:
    party = Party()
    _, pipe = party.client("A", "B")
    party.publish("A", LONG)
    party.publish("B", LONG)
    party.publish("A", LONG)
    topics = [frame["topic"] for frame in pipe.read()]
    for _ in range(2):
        party.board.flush()
        topics += [frame["topic"] for frame in pipe.read()]
    assert topics[:1] + sorted(topics[1:]) == ["plain:A", "plain:A", "plain:B"]


async def test_who_does_not_read_is_closed_after_a_while() -> None:
    party = Party(TopicLimits(buffer=100, patience=-1.0, flush=1e9))
    _, quick = party.client("A")
    _, slow = party.client("A")
    for _ in range(6):
        party.publish("A")
        quick.read()
    assert set(map(id, party.expelled)) == {id(slow)}


async def test_rows_before_a_subscription_are_in_the_snapshot_and_in_no_frame() -> None:
    party = Party()
    _, first = party.client("A")
    party.numbers.publish("A")
    client, later = party.client()
    assert party.subscribe(client, "A") == Start(1, False, None, True)
    party.publish("A")
    assert (told(first.read()), told(later.read())) == ([1, 2], [2])


async def test_who_unsubscribes_within_a_flush_gets_the_other_topics() -> None:
    party = Party()
    client, pipe = party.client("A", "B")
    party.numbers.publish("A")
    party.numbers.publish("B")
    party.board.unsubscribe(client, "plain:A")
    party.publish("B")
    party.board.unsubscribe(client, "plain:A")
    party.publish("B")
    assert [(frame["topic"], frame["seq"]) for frame in pipe.read()] == [("plain:B", 1), ("plain:B", 2)]


async def test_who_leaves_the_others_between_a_frame_and_its_flush_gets_the_frame() -> None:
    party = Party()
    client, pipe = party.client("A", "B")
    other, _ = party.client()
    party.numbers.publish("A")
    party.subscribe(other, "A")
    party.board.unsubscribe(client, "plain:B")
    party.board.flush()
    assert told(pipe.read()) == [1]


async def test_a_topic_that_begins_anew_leaves_out_a_number() -> None:
    party = Party(TopicLimits(kept_s=0.0, flush=1e9))
    client, _ = party.client("A")
    party.publish("A", times=3)
    party.board.leave(client)
    await until(lambda: not party.numbers.listening)
    party.publish("A")
    again, pipe = party.client()
    assert party.subscribe(again, "A", 3) == Start(4, False, (4, 4), True)
    party.publish("A")
    assert told(pipe.read()) == [5]
    with pytest.raises(BadSince):
        party.subscribe(again, "A", 6)


async def test_a_topic_goes_on_after_its_last_subscriber_so_that_it_can_be_continued() -> None:
    party = Party()
    client, _ = party.client("A")
    party.publish("A")
    party.board.leave(client)
    party.publish("A", times=2)
    again, pipe = party.client()
    assert party.subscribe(again, "A", 1) == Start(3, True, None, False)
    party.board.flush()
    assert told(pipe.read()) == [2, 3]


async def test_of_many_topics_without_a_subscriber_the_oldest_end() -> None:
    party = Party(TopicLimits(idle=2, flush=1e9))
    for name in "ABCD":
        client, _ = party.client(name)
        party.publish(name)
        party.board.leave(client)
    client, _ = party.client()
    assert [party.subscribe(client, name, 1).recovered for name in "CDAB"] == [True, True, False, False]


async def test_a_topic_holds_its_symbol_for_as_long_as_it_lives() -> None:
    party = Party(TopicLimits(kept_s=0.0, flush=1e9))
    trades, bars = Topic(KINDS["trade"], ("BTCUSDT",)), Topic(KINDS["bar"], ("BTCUSDT", "1m"))
    one, other = party.client()[0], party.client()[0]
    for client, topic in ((one, trades), (one, bars), (other, trades)):
        party.board.subscribe(client, topic, None)
    party.board.unsubscribe(one, trades.text)
    party.board.unsubscribe(one, bars.text)
    held = party.services.symbols
    await until(lambda: held.held == {"topic:trade:BTCUSDT": {"BTCUSDT"}})
    party.board.leave(other)
    await until(lambda: not held.held)
    party.board.close()


async def test_the_largest_topic_gives_way_when_all_are_too_large() -> None:
    party = Party(TopicLimits(all_bytes=2_000, flush=1e9))
    _, pipe = party.client("A", "B")
    party.publish("B", times=3)
    party.publish("A", LONG, times=50)
    assert party.board.shelf.size <= 2_000
    again, _ = party.client()
    assert party.subscribe(again, "B", 0).recovered
    assert party.subscribe(again, "A", 0).missed
    assert told(pipe.read())


async def test_the_last_frame_stays_however_large_it_is() -> None:
    party = Party(TopicLimits(all_bytes=10, topic_bytes=10, flush=1e9))
    party.client("A")
    party.publish("A", LONG, times=3)
    again, pipe = party.client()
    assert party.subscribe(again, "A", 2).recovered
    party.board.flush()
    assert told(pipe.read()) == [3]


async def test_a_frame_has_a_bounded_number_of_rows() -> None:
    party = Party()
    _, pipe = party.client("A")
    party.publish("A", 1_001)
    assert [len(frame["rows"]) for frame in pipe.read()] == [500, 500, 1]


async def test_what_comes_after_a_flush_waits_for_the_next_one() -> None:
    party = Party()
    _, pipe = party.client("A")
    party.numbers.publish("A", 2)
    party.numbers.publish("A")
    await asyncio.sleep(0)
    assert not pipe.unsent
    party.board.flush()
    assert [frame["rows"] for frame in pipe.read()] == [[1, 2, 3]]
    party.board.close()


async def test_a_row_that_cannot_be_sent_costs_no_frame_of_others(caplog: pytest.LogCaptureFixture) -> None:
    party = Party()
    pipe = party.client("A", "B", "C")[1]
    party.publish("B")
    pipe.read()
    for name in "AC":
        party.numbers.publish(name)
    party.numbers.put(Number("B", "\udcff"))
    party.board.flush()
    assert "rows of plain:B cannot be sent" in caplog.text
    assert [(frame["topic"], frame["seq"]) for frame in pipe.read()] == [("plain:A", 1), ("plain:C", 1)]
    party.publish("B")
    party.board.flush()
    assert [(frame["topic"], frame["seq"]) for frame in pipe.read()] == [("plain:B", 2)]
    party.board.close()
