"""What is asked for over a connection whatever is answered, on a clock that the test moves."""

import logging
import random
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

import quantd
from quantd.clock import EventClock
from quantd_plugins.feeds.binance.frames import decode
from quantd_plugins.feeds.binance.subscriptions import MOST_PARAMS, MOST_REFUSALS, Subscriptions, symbols
from tests.plugins.feeds.binance_exchange import NOW, Exchange, Peer, running, streaming, trade


class Talk:
    """An exchange that refuses each message which asks for any of `bad`."""

    def __init__(self, wanted: set[str], bad: set[str]) -> None:
        self.wanted = wanted
        self.bad = bad
        self.carried: set[str] = set()
        self.asked: list[list[str]] = []
        self.clock = EventClock(NOW)
        self.subscriptions = Subscriptions("line", lambda: frozenset(self.wanted), self.clock)

    def run(self, seconds: float) -> float:
        """Seconds until all is settled, or all of them."""
        began = self.clock.monotonic()
        while not self.subscriptions.settled and self.clock.monotonic() - began < seconds:
            if message := self.subscriptions.request():
                self._answer(msgspec.json.decode(message))
            self.clock.advance_to(self.clock.now() + 250)
        return self.clock.monotonic() - began

    def _answer(self, request: dict[str, Any]) -> None:
        self.asked.append(request["params"])
        answer: dict[str, Any] = {"result": None, "id": request["id"]}
        if self.bad.intersection(request["params"]):
            answer = {"error": {"code": 2, "msg": "no"}, "id": request["id"]}
        elif request["method"] == "SUBSCRIBE":
            self.carried.update(request["params"])
        else:
            self.carried.difference_update(request["params"])
        assert self.subscriptions.answer(decode(msgspec.json.encode(answer)))


@pytest.mark.parametrize("seed", range(20))
def test_all_but_what_is_bad_is_carried_in_the_end(seed: int) -> None:
    rng = random.Random(seed)
    wanted = {f"s{number}@aggTrade" for number in range(rng.choice([1, 2, 3, 7, 200, 450]))}
    bad = set(rng.sample(sorted(wanted), rng.randint(0, min(4, len(wanted)))))
    talk = Talk(wanted, bad)
    talk.run(300)
    assert talk.subscriptions.settled
    assert talk.carried == wanted - bad
    assert set(talk.subscriptions.refused) == bad
    assert all(talk.asked.count([stream]) == MOST_REFUSALS for stream in bad)
    assert max(map(len, talk.asked)) <= MOST_PARAMS


def test_one_bad_stream_of_many_is_found_before_a_successor_is_given_up() -> None:
    talk = Talk({f"s{number:03}@aggTrade" for number in range(200)}, {"s077@aggTrade"})
    assert talk.run(300) < 25


def test_what_is_not_wanted_any_more_is_forgotten() -> None:
    talk = Talk({"a@aggTrade", "b@aggTrade"}, {"b@aggTrade"})
    talk.run(60)
    talk.wanted = {"a@aggTrade"}
    assert talk.subscriptions.request() is None
    assert talk.subscriptions.refused == []
    talk.wanted, talk.bad = {"b@aggTrade"}, set()
    talk.run(60)
    assert talk.carried == {"b@aggTrade"}


def test_the_symbols_of_streams() -> None:
    assert symbols(["btcusdt@aggTrade", "btcusdt@ticker", "币安人生usdt@aggTrade"]) == ["BTCUSDT", "币安人生USDT"]


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    async with running() as exchange:
        yield exchange


async def refuse(peer: Peer) -> list[str]:
    """Answer the next message with an error; its streams."""
    request = await peer.request()
    await peer.say({"error": {"code": 2, "msg": "Invalid request"}, "id": request["id"]})
    return request["params"]


async def test_what_was_refused_is_asked_for_again_and_is_not_there_meanwhile(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantd_plugins.feeds.binance.subscriptions.AGAIN_S", 0.2)
    feed = exchange.feed()
    async with streaming(feed, "BTCUSDT") as events:
        peer = await exchange.peer()
        assert await refuse(peer) == ["btcusdt@aggTrade"]
        request = await peer.request()
        assert request["params"] == ["btcusdt@aggTrade"]
        assert [each.state for each in feed.health().connections] == ["subscribing"]
        assert events.healthy == []
        await peer.say({"result": None, "id": request["id"]})
        assert (await events.next(quantd.Status)).healthy


async def test_what_is_refused_for_good_does_not_hold_up_the_others(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("quantd_plugins.feeds.binance.subscriptions.AGAIN_S", 0.0)
    feed = exchange.feed()
    async with streaming(feed, "BTCUSDT", "NOSUCHUSDT") as events:
        peer = await exchange.peer()
        assert await refuse(peer) == ["btcusdt@aggTrade", "nosuchusdt@aggTrade"]
        assert await peer.confirm() == ["btcusdt@aggTrade"]
        for _ in range(3):
            assert await refuse(peer) == ["nosuchusdt@aggTrade"]
        assert (await events.next(quantd.Status)).healthy
        [told] = feed.health().connections
        assert (told.state, told.silent) == ("up", ("NOSUCHUSDT",))
        await peer.ws.close()
        later = await exchange.peer()
        assert await later.confirm() == ["btcusdt@aggTrade", "nosuchusdt@aggTrade"]
    [error] = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert "nosuchusdt@aggTrade is given up until the next connection" in error
    assert caplog.text.count("the exchange refused the SUBSCRIBE") == 1


async def test_of_a_symbol_that_comes_again_nothing_is_missed(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    feed = exchange.feed()
    async with streaming(feed, "A", "B") as events:
        peer = await exchange.peer()
        await peer.confirm()
        await peer.send(trade(1, "A"), trade(1, "B"))
        assert await events.ids(2) == [1, 1]
        feed.want(["A"], {})
        await peer.ws.close()
        peer = await exchange.peer()
        feed.want(["A", "B"], {})
        await peer.send(trade(5, "A"), trade(9, "B"))
        assert await events.ids(2) == [5, 9]
    assert "A: trades missed: 3" in caplog.text
    assert "B: trades missed" not in caplog.text
