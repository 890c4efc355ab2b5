"""What is silent though there is trade is found; what is quiet is left alone."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from itertools import pairwise

import pytest

import quantd
from quantd.clock import EventClock
from quantd_plugins.feeds.binance.watch import Rest, Watch
from tests.plugins.feeds.binance_exchange import NOW, PATIENCE_S, Exchange, running, streaming, talk, trade

HOUR = 3600


class Line:
    """A connection over which symbols trade at a steady pace, from its beginning on: `gaps` in s. REST is beside it."""

    name = "line"
    ready = True

    def __init__(self, gaps: Mapping[str, float]) -> None:
        self.clock = EventClock(NOW)
        self.gaps = gaps
        self.upto = NOW
        self.brought: dict[str, int] = {}
        self.dead: set[str] = set()
        """Symbols whose streams bring nothing more."""
        self.closed: set[str] = set()
        """Symbols whose markets are closed."""
        self.broken = False
        """Whether nothing at all comes."""
        self.rest = True
        self.reasons: list[str] = []
        self.probed: list[float] = []
        self.missed: list[float] = []
        rest = Rest(self.newest, self.is_closed)
        self.watch = Watch(30.0, lambda: [self], rest, self.clock.now, lambda: False, self.miss, self.clock)

    @property
    def trades_of(self) -> list[str]:
        return list(self.gaps)

    @property
    def seconds(self) -> float:
        return (self.clock.now() - NOW) / 1000

    def retire(self, reason: str) -> None:
        self.reasons.append(reason)

    def is_closed(self, symbol: str) -> bool:
        return symbol in self.closed

    def miss(self) -> None:
        self.missed.append(self.seconds)

    def traded(self, symbol: str) -> int:
        return int(self.seconds / self.gaps[symbol])

    async def newest(self, symbol: str) -> tuple[int, int] | None:
        self.probed.append(self.seconds)
        if not self.rest:
            raise quantd.QuantdError("REST is down")
        number = self.traded(symbol)
        return (number, NOW + round(number * self.gaps[symbol] * 1000)) if number else None

    async def run(self, seconds: float) -> float:
        """Seconds until it is asked to retire, or all of them."""
        began = self.seconds
        while self.seconds - began < seconds and not self.reasons:
            self.clock.advance_to(self.clock.now() + 1000)
            if not self.broken:
                self.upto = self.clock.now()
                alive = (symbol for symbol in self.gaps if symbol not in self.dead)
                self.brought |= {symbol: number for symbol in alive if (number := self.traded(symbol))}
            self.watch.look()
            await self.watch.settle()
        return self.seconds - began


def most_in_a_minute(times: list[float]) -> int:
    return max(sum(start <= time < start + 60 for time in times) for start in times)


async def test_a_symbol_that_trades_every_90_s_is_never_taken_for_silent() -> None:
    line = Line({"QUIETUSDT": 90.0})
    await line.run(6 * HOUR)
    assert line.reasons == []
    assert line.seconds == 6 * HOUR
    assert most_in_a_minute(line.probed) <= 6


async def test_a_whole_exchange_is_watched_within_the_budget() -> None:
    """600 symbols, most of them quiet; the busiest one falls silent."""
    line = Line({f"S{number}USDT": 0.05 * 1.02**number for number in range(600)})
    await line.run(1200)
    assert line.reasons == []
    assert most_in_a_minute(line.probed) <= 6
    line.dead = {"S0USDT"}
    assert await line.run(120) <= 28
    assert line.reasons == ["S0USDT is silent"]
    assert line.missed == [line.seconds]
    assert line.watch.silent_symbols(line) == ["S0USDT"]


async def test_a_subscription_without_data_is_found() -> None:
    line = Line({"BTCUSDT": 0.1, "ETHUSDT": 0.2, "QUIETUSDT": 900.0})
    line.dead = set(line.gaps)
    assert await line.run(120) <= 28
    assert "is silent" in line.reasons[0]


async def test_a_socket_that_brings_nothing_is_found_without_rest() -> None:
    line = Line({"BTCUSDT": 0.1, "QUIETUSDT": 900.0})
    line.rest = False
    await line.run(100)
    line.broken = True
    assert await line.run(120) <= 20
    assert "not even pongs" in line.reasons[0]


async def test_silence_without_proof_is_left(caplog: pytest.LogCaptureFixture) -> None:
    line = Line({"BTCUSDT": 0.1, "ETHUSDT": 0.2})
    line.rest = False
    await line.run(10)
    line.dead = {"BTCUSDT"}
    await line.run(600)
    assert line.reasons == []
    assert caplog.text.count("REST cannot tell") == 1
    line.rest = True
    assert await line.run(120) <= 60


@pytest.mark.parametrize("gap", [20.0, 45.0, 90.0])
async def test_a_quiet_symbol_that_falls_silent_is_found_by_its_missed_trade(gap: float) -> None:
    line = Line({"BTCUSDT": 0.1, "QUIETUSDT": gap})
    await line.run(600)
    line.dead = {"QUIETUSDT"}
    assert await line.run(600) <= gap + 40


async def test_nobody_asks_about_a_closed_market_and_all_is_watched_again_when_it_opens() -> None:
    line = Line({"BTCUSDT": 0.1, "SHAREUSDT": 1.0})
    await line.run(60)
    line.closed, line.dead = {"SHAREUSDT"}, {"SHAREUSDT"}
    await line.run(6 * HOUR)
    assert (line.reasons, line.probed, line.missed) == ([], [], [])
    line.closed = set()
    assert 5 < await line.run(120) <= 28
    assert line.reasons == ["SHAREUSDT is silent"]
    assert line.watch.silent_symbols(line) == ["SHAREUSDT"]
    line.reasons.clear()
    line.closed = {"SHAREUSDT"}
    await line.run(2)
    assert line.watch.silent_symbols(line) == []


async def test_a_market_that_closes_while_rest_is_asked_is_no_fault() -> None:
    line = Line({"BTCUSDT": 0.1, "SHAREUSDT": 1.0})
    await line.run(60)
    line.dead = {"SHAREUSDT"}
    while not line.probed:
        await line.run(1)
    line.closed = {"SHAREUSDT"}
    await line.run(HOUR)
    assert (line.reasons, len(line.probed)) == ([], 1)


async def test_what_is_silent_again_and_again_is_replaced_ever_less_often() -> None:
    line = Line({"BTCUSDT": 0.1})
    line.dead = {"BTCUSDT"}
    times = []
    for _ in range(5):
        await line.run(HOUR)
        times.append(line.seconds)
        line.reasons.clear()
    waits = [after - before for before, after in pairwise(times)]
    assert all(later > 1.5 * earlier for earlier, later in pairwise(waits))


async def test_what_is_not_wanted_any_more_is_forgotten() -> None:
    line = Line({"BTCUSDT": 0.1})
    line.dead = {"BTCUSDT"}
    for _ in range(5):
        await line.run(HOUR)
        line.reasons.clear()
    line.watch.keep([])
    assert await line.run(HOUR) <= 30


async def test_a_pause_of_our_own_is_no_silence() -> None:
    line = Line({"BTCUSDT": 0.1})
    await line.run(60)
    line.clock.advance_to(line.clock.now() + 600_000)
    line.watch.look()
    await line.watch.settle()
    await line.run(5)
    assert line.reasons == []


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    async with running() as exchange:
        yield exchange


async def test_one_silent_stream_of_two_has_its_connection_replaced(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    exchange.newest = 9
    async with streaming(exchange.feed(silent="1s"), "BTCUSDT", "ETHUSDT") as events:
        peer = await exchange.peer()
        await peer.confirm()
        talking = asyncio.create_task(talk(peer))
        await peer.send(trade(1, "ETHUSDT"))
        later = await exchange.peer()
        assert await later.confirm() == ["btcusdt@aggTrade", "ethusdt@aggTrade"]
        while (await events.next(quantd.Status)).healthy:
            pass
        await later.send(trade(9, "ETHUSDT"))
        await asyncio.wait_for(peer.gone.wait(), PATIENCE_S)
        talking.cancel()
        assert (await events.next(quantd.Status)).healthy
    assert "while REST tells of trade 9 (last here: 1)" in caplog.text


async def test_a_quiet_stream_keeps_its_connection(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    exchange.newest = 1
    async with streaming(exchange.feed(silent="300ms"), "BTCUSDT") as events:
        peer = await exchange.peer()
        await peer.confirm()
        await peer.send(trade(1))
        assert await events.ids(1) == [1]
        while sum("aggTrades" in path for path in exchange.asked) < 2:
            await events.next(quantd.Status)
        assert exchange.peers.empty()
        await peer.send(trade(2))
        assert await events.ids(1) == [2]
    assert "take over" not in caplog.text


@pytest.mark.chaos
async def test_a_half_open_socket_is_left_while_another_takes_over(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    exchange.deaf = True
    async with streaming(exchange.feed(silent="8s"), "BTCUSDT") as events:
        peer = await exchange.peer()
        await peer.confirm()
        await peer.send(trade(1))
        later = await exchange.peer()
        await later.confirm()
        await later.send(trade(2))
        assert await events.ids(2) == [1, 2]
        await asyncio.wait_for(peer.gone.wait(), PATIENCE_S)
        while (await events.next(quantd.Status)).healthy:
            pass
    assert "not even pongs" in caplog.text
