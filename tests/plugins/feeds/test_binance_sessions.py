"""When markets are open, as the exchange tells it, and what is made of a schedule that cannot be had."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

import quantd
from quantd.clock import EventClock
from quantd_plugins.feeds.binance.rest import TRIES, Gateway
from quantd_plugins.feeds.binance.sessions import AGAIN_MS, DAY_MS, Market, Schedule, Session, Sessions, schedule
from tests.plugins.feeds.binance_exchange import NOW, Exchange, running, streaming
from tests.unit.net.test_backoff import Sleeper
from tests.waiting import until

HOUR = 3_600_000
SCHEDULE, INFO = "/fapi/v1/tradingSchedule", "/fapi/v1/exchangeInfo"


def session(start: int, end: int, kind: str) -> dict[str, Any]:
    """In hours from NOW on."""
    return {"startTime": NOW + start * HOUR, "endTime": NOW + end * HOUR, "type": kind}


def told(*sessions: dict[str, Any], market: str = "EQUITY") -> dict[str, Any]:
    return {"updateTime": NOW, "marketSchedules": {market: {"sessions": sessions}, "FX": {"sessions": []}}}


def listed(symbol: str, kind: str | None, market: str | None) -> dict[str, Any]:
    return {"symbol": symbol, "status": "TRADING", "contractType": kind, "underlyingType": market}


def made(*sessions: tuple[int, int, str]) -> Market:
    return Market(tuple(Session(NOW + start * HOUR, NOW + end * HOUR, kind) for start, end, kind in sessions))


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    async with running() as exchange:
        yield exchange


@pytest.mark.parametrize(
    ("hour", "closed"), [(0, False), (1, False), (2, True), (3, False), (4, True), (5, False), (6, False), (-1, False)]
)
def test_a_market_is_closed_in_sessions_without_trade_and_between_sessions(hour: int, closed: bool) -> None:
    market = made((5, 6, "OVERNIGHT"), (0, 1, "PRE_MARKET"), (1, 2, "REGULAR"), (2, 3, "NO_TRADING"), (3, 4, "AFTER_MARKET"))
    assert market.is_closed(NOW + hour * HOUR) is closed


def test_nothing_is_known_of_a_market_without_sessions() -> None:
    assert not made().is_closed(NOW)
    assert not made().covers(NOW)


def test_a_type_that_is_not_known_trades() -> None:
    assert not made((0, 1, "AUCTION")).is_closed(NOW)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"marketSchedules": {"EQUITY": {}}},
        {"marketSchedules": {"EQUITY": {"sessions": None}}},
        told({"startTime": NOW, "endTime": NOW + HOUR}),
        told(session(0, 1, "REGULAR"), session(2, 1, "NO_TRADING")),
        told({"startTime": "noon", "endTime": NOW, "type": "REGULAR"}),
    ],
)
async def test_a_malformed_schedule_is_none(exchange: Exchange, body: Any) -> None:
    exchange.told = {SCHEDULE: body}
    clock = EventClock(NOW)
    gateway = Gateway(exchange.url, clock, random.Random(1), Sleeper(clock))
    with pytest.raises(quantd.QuantdError, match=r"tradingSchedule.*not the answer"):
        await schedule(gateway)
    await gateway.close()
    assert exchange.asked == [SCHEDULE] * TRIES


class Asked:
    """Sessions of SHAREUSDT, of a market that is closed from NOW on for an hour; `faults` questions are in vain."""

    def __init__(self, faults: int = 0) -> None:
        self.now: int | None = NOW
        self.times = 0
        self.faults = faults
        self.sessions = Sessions(self.ask, lambda: self.now)
        self.sessions.learn({"SHAREUSDT": "EQUITY", "OILUSDT": "COMMODITY"})
        self.sessions.want(["BTCUSDT", "SHAREUSDT"])

    async def ask(self) -> Schedule:
        self.times += 1
        if self.times <= self.faults:
            raise quantd.QuantdError("maintenance")
        return Schedule({"EQUITY": made((-1, 0, "REGULAR"), (0, 1, "NO_TRADING"), (1, 48, "REGULAR"))})

    async def look(self) -> None:
        """The first look of those that go on for ever."""
        task, times = asyncio.create_task(self.sessions.keep()), self.times
        await until(lambda: self.times > times)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def due_after(self, ms: int) -> bool:
        return self.sessions.is_due(NOW + ms)


async def test_the_schedule_is_asked_for_daily() -> None:
    at = Asked()
    assert not at.sessions.is_closed("SHAREUSDT")
    await at.look()
    assert at.sessions.is_closed("SHAREUSDT")
    assert (at.due_after(DAY_MS - 1), at.due_after(DAY_MS)) == (False, True)
    at.now = NOW + HOUR
    assert not at.sessions.is_closed("SHAREUSDT")


def test_it_is_asked_for_only_if_a_wanted_symbol_has_sessions() -> None:
    at = Asked()
    at.sessions.want(["BTCUSDT"])
    assert not at.due_after(0)
    at.sessions.want(["BTCUSDT", "SHAREUSDT"])
    assert at.due_after(0)
    at.sessions.learn({})
    assert not at.due_after(0)


async def test_it_is_asked_for_again_when_it_has_run_out() -> None:
    at = Asked()
    await at.look()
    at.now = NOW + 47 * HOUR
    await at.look()
    assert (at.due_after(48 * HOUR - 1), at.due_after(48 * HOUR)) == (False, True)
    at.now = NOW + 48 * HOUR
    assert not at.sessions.is_closed("SHAREUSDT"), "nothing is known any more"


async def test_a_market_that_it_does_not_tell_of_is_asked_for_again_and_open() -> None:
    at = Asked()
    at.sessions.want(["OILUSDT"])
    await at.look()
    assert not at.sessions.is_closed("OILUSDT")
    assert (at.due_after(AGAIN_MS - 1), at.due_after(AGAIN_MS)) == (False, True)


async def test_one_that_cannot_be_had_is_told_of_once_and_asked_for_again(caplog: pytest.LogCaptureFixture) -> None:
    at = Asked(faults=2)
    await at.look()
    at.now = NOW + AGAIN_MS
    await at.look()
    assert not at.sessions.is_closed("SHAREUSDT")
    assert caplog.text.count("maintenance") == 1
    assert (at.due_after(2 * AGAIN_MS - 1), at.due_after(2 * AGAIN_MS)) == (False, True)
    at.now = NOW + 2 * AGAIN_MS
    await at.look()
    assert at.sessions.is_closed("SHAREUSDT")


async def test_one_that_is_not_renewed_still_holds_and_is_soon_asked_for_again() -> None:
    at = Asked()
    await at.look()
    at.now, at.faults = NOW + DAY_MS, 2
    await at.look()
    assert at.due_after(DAY_MS + AGAIN_MS)
    at.now = NOW
    assert at.sessions.is_closed("SHAREUSDT")


def test_nothing_is_closed_before_the_time_is_known() -> None:
    at = Asked()
    at.now = None
    assert not at.sessions.is_closed("SHAREUSDT")


async def test_a_feed_tells_which_of_its_symbols_have_closed_markets(exchange: Exchange) -> None:
    exchange.told = {
        INFO: {
            "symbols": [
                listed("BTCUSDT", "PERPETUAL", "EQUITY"),
                listed("ODDUSDT", None, None),
                *(listed(f"{name}USDT", "TRADIFI_PERPETUAL", market) for name, market in (("SHARE", "EQUITY"), ("EURO", "FX"))),
            ]
        },
        SCHEDULE: told(session(-1, 0, "REGULAR"), session(0, 1, "NO_TRADING"), session(1, 2, "PRE_MARKET")),
    }
    clock, feed = EventClock(NOW), exchange.feed()
    assert await feed.fetch_symbols() == ["BTCUSDT", "ODDUSDT", "SHAREUSDT", "EUROUSDT"]
    async with streaming(feed, "BTCUSDT", "SHAREUSDT", "EUROUSDT", clock=clock):
        await (await exchange.peer()).confirm()
        await until(lambda: feed.is_closed("SHAREUSDT"))
        assert not any(feed.is_closed(f"{name}USDT") for name in ("BTC", "EURO", "ODD"))
        assert exchange.asked.count(SCHEDULE) == 1
        clock.advance_to(NOW + HOUR)
        assert not feed.is_closed("SHAREUSDT")
