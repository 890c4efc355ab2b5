"""Who was told to wait waits, also after a restart; and an exchange that is down is not stormed."""

import asyncio
import heapq
import random
from collections.abc import AsyncIterator, Awaitable
from itertools import count

import pytest
from aiohttp import web

import quantd
from quantd.clock import EventClock
from quantd.net import Attempts, Backoff
from quantd_plugins.feeds.binance import history
from quantd_plugins.feeds.binance.bans import LONGEST_S, Bans
from quantd_plugins.feeds.binance.rest import Gateway
from tests.plugins.feeds.binance_exchange import NOW, Exchange, Watch, running, streaming, trade
from tests.unit.net.test_backoff import Sleeper


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    async with running() as exchange:
        yield exchange


def pause_of(text: str, status: int = 429) -> float:
    """Seconds for which a Retry-After shuts REST."""
    bans = Bans(EventClock(NOW), {})
    bans.take("rest", status, {"Retry-After": text}, "/x")
    return bans.wait("rest")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("37", 37.0),
        (" 0 ", 0.0),
        ("Tue, 24 Nov 2026 03:05:00 GMT", 56.004),
        ("Tue, 24 Nov 2026 03:05:00", 56.004),
        ("Tue, 24 Nov 2026 03:00:00 GMT", 60.0),
        ("", 60.0),
        ("-5", 60.0),
        ("soon", 60.0),
        ("1.5", 60.0),
        ("٣", 60.0),
        ("Tue, 24 Nov 99999 03:05:00 GMT", 60.0),
        ("Thu, 24 Nov 9999 03:05:00 GMT", LONGEST_S),
        ("99999999", LONGEST_S),
        ("9" * 5000, LONGEST_S),
    ],
)
def test_every_form_of_retry_after(text: str, seconds: float) -> None:
    assert pause_of(text) == pytest.approx(seconds, abs=1e-3)


def test_nonsense_is_told(caplog: pytest.LogCaptureFixture) -> None:
    pause_of("soon")
    pause_of("99999999")
    assert "Retry-After is 'soon', taken for 60 s" in caplog.text
    assert "Retry-After is '99999999', taken for 259200 s" in caplog.text


def test_a_request_too_many_shuts_one_door_and_a_ban_both() -> None:
    bans = Bans(EventClock(NOW), {})
    bans.take("ws", 429, {"Retry-After": "10"}, "/x")
    assert (bans.wait("ws"), bans.wait("rest")) == (10.0, 0.0)
    bans.take("rest", 418, {"Retry-After": "20"}, "/x")
    assert (bans.wait("ws"), bans.wait("rest")) == (20.0, 20.0)
    bans.take("rest", 429, {"Retry-After": "5"}, "/x")
    assert bans.wait("rest") == 20.0
    assert bans.until() == NOW + 20_000
    bans.take("rest", 500, {"Retry-After": "500"}, "/x")
    assert bans.wait("rest") == 20.0


@pytest.mark.parametrize("kept", [b"", b"x", b"-1", b"9" * 100, b"\xff", b"1795489443000 60000", b"1795489443000 x", b"1995489443000"])
def test_damaged_or_past_ends_shut_nothing(kept: bytes) -> None:
    assert Bans(EventClock(NOW), {"banned-rest": kept, "banned-ws": kept}).until() is None


def test_a_clock_that_was_wrong_does_not_shut_for_ever() -> None:
    kept: dict[str, bytes] = {}
    Bans(EventClock(NOW), kept).take("ws", 429, {"Retry-After": "600"}, "/x")
    assert Bans(EventClock(NOW - 7 * 86_400_000), kept).wait("ws") == 600.0
    assert Bans(EventClock(NOW), {"banned-ws": b"%d %d" % (NOW + 10**12, 10**12)}).wait("ws") == LONGEST_S


def test_dates_are_by_the_exchange_s_clock() -> None:
    """Not by the host's, which is two days ahead."""
    bans = Bans(EventClock(NOW + 2 * 86_400_000), {}, market=EventClock(NOW))
    bans.take("rest", 429, {"Retry-After": "Tue, 24 Nov 2026 03:05:00 GMT"}, "/x")
    assert bans.wait("rest") == pytest.approx(56.004)
    assert bans.until() == NOW + 56_004


class Full(dict[str, bytes]):
    """Keeps nothing."""

    def __setitem__(self, key: str, value: bytes) -> None:
        raise OSError("no space left on device")


def test_a_ban_that_cannot_be_kept_holds_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    bans = Bans(EventClock(NOW), Full())
    bans.take("rest", 418, {"Retry-After": "20"}, "/x")
    assert (bans.wait("ws"), bans.wait("rest")) == (20.0, 20.0)
    assert "a restart will not know of it" in caplog.text


async def test_a_ban_holds_after_a_restart(exchange: Exchange) -> None:
    kept: dict[str, bytes] = {}
    before = Sleeper(EventClock(NOW))
    exchange.replies = [lambda _: web.Response(status=418, headers={"Retry-After": "600"})]
    gateway = Gateway(exchange.url, before.clock, random.Random(1), before, Bans(before.clock, kept, before))
    with pytest.raises(quantd.QuantdError, match="wants no requests for 600 s"):
        await history.server_time(gateway)
    await gateway.close()
    assert len(exchange.asked) == 1

    after = Sleeper(EventClock(NOW + 60_000))
    bans = Bans(after.clock, kept, after)
    gateway = Gateway(exchange.url, after.clock, random.Random(1), after, bans)
    with pytest.raises(quantd.QuantdError, match="wants no requests for 540 s"):
        await history.server_time(gateway)
    assert len(exchange.asked) == 1
    await bans.pass_through("ws", "connection 1")
    assert after.clock.now() == NOW + 600_000
    assert await history.server_time(gateway) == NOW
    await gateway.close()


async def test_a_feed_that_starts_while_it_is_banned_asks_for_nothing(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    kept: dict[str, bytes] = {}
    exchange.upgrades = [web.Response(status=418, headers={"Retry-After": "600"})]
    refused = Watch("wants no connection for 600 s more")
    async with streaming(exchange.feed(), "BTCUSDT", memory=kept):
        await refused.wait()
    assert exchange.dialled == 1
    asked = len(exchange.asked)
    caplog.clear()
    feed = exchange.feed()
    refused, unknown = Watch("wants no connection for"), Watch("clock is not known from REST")
    async with streaming(feed, "BTCUSDT", memory=kept):
        await refused.wait()
        await unknown.wait()
        with pytest.raises(quantd.QuantdError, match="wants no requests"):
            await feed.fetch_symbols()
    assert (exchange.dialled, len(exchange.asked)) == (1, asked)
    assert "before the restart the exchange said that it wants nothing (ws) for 600 s more" in caplog.text


class VirtualTime:
    """Sleepers wake in the order of their times, and nobody waits."""

    def __init__(self) -> None:
        self.clock = EventClock(NOW)
        self._sleeping: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = count()

    async def sleep(self, seconds: float) -> None:
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleeping, (self.clock.now() + max(1, round(seconds * 1000)), next(self._order), waking))
        await waking

    async def run(self, until: int, *work: Awaitable[None]) -> None:
        tasks = [asyncio.ensure_future(each) for each in work]
        while True:
            for _ in range(5):
                await asyncio.sleep(0)
            if not self._sleeping or self._sleeping[0][0] > until:
                break
            at, _, waking = heapq.heappop(self._sleeping)
            self.clock.advance_to(at)
            if not waking.done():
                waking.set_result(None)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("groups", [1, 3, 10])
@pytest.mark.parametrize("seed", [1, 2])
async def test_an_exchange_that_is_down_for_half_an_hour_is_not_stormed(groups: int, seed: int) -> None:
    time = VirtualTime()
    attempts, rng = Attempts(time.clock, time.sleep), random.Random(seed)
    tried: list[int] = []
    back = NOW + 1_800_000
    found: list[int] = []

    async def group() -> None:
        backoff = Backoff(0.5, 60.0, rng)
        while True:
            await attempts.take()
            tried.append(time.clock.now())
            if tried[-1] >= back:
                found.append(tried[-1])
                attempts.succeed()
                return
            await attempts.pause(backoff.delay())

    await time.run(back + 300_000, *(group() for _ in range(groups)))
    assert sum(at < back for at in tried) <= 60
    assert all(sum(start <= at < start + 1000 for at in tried if at > NOW + 5000) <= 1 for start in tried[5:])
    assert len(found) == groups
    assert found[0] - back <= 65_000
    assert found[-1] - found[0] <= 1000 * (groups + 2)


async def test_connections_that_bring_data_are_not_held_up(exchange: Exchange) -> None:
    """More cuts than an exchange that is down would be tried again."""
    async with streaming(exchange.feed(), "BTCUSDT") as events:
        for number in range(1, 5):
            peer = await exchange.peer()
            await peer.confirm()
            await peer.send(trade(number))
            assert await events.ids(1) == [number]
            await peer.ws.close()
