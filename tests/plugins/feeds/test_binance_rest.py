"""The REST gateway and the past, against a local server that says what the test wants."""

import asyncio
import gc
import gzip
import json
import random
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web
from yarl import URL

import quantd
from quantd.clock import EventClock
from quantd_plugins.feeds.binance import history
from quantd_plugins.feeds.binance.rest import KEPT_FROM_BULK, WEIGHT_PER_MINUTE, Gateway
from tests.plugins.feeds.binance_exchange import NOW, Answer, Exchange, running
from tests.unit.net.test_backoff import Sleeper
from tests.waiting import PATIENCE_S, until

HOUR = 3_600_000
DOCUMENTED_WEIGHTS = ((99, 1), (499, 2), (1000, 5), (1500, 10))
"""The weight of a request for up to so many bars, as the exchange documents it."""


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    async with running() as exchange:
        yield exchange


@pytest.fixture
def sleeper() -> Sleeper:
    return Sleeper(EventClock(NOW - NOW % 60_000))


@pytest.fixture
async def gateway(exchange: Exchange, sleeper: Sleeper) -> AsyncIterator[Gateway]:
    gateway = Gateway(exchange.url, sleeper.clock, random.Random(1), sleeper)
    yield gateway
    await gateway.close()


def say(body: Any = None, status: int = 200, text: str | None = None, **headers: str) -> Answer:
    """An answer: JSON unless there is a text."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps({"serverTime": NOW} if body is None else body) if text is None else text
    return lambda _: web.Response(status=status, text=body, headers=named, content_type="application/json")


def packed(body: bytes, encoding: str = "gzip") -> Answer:
    return lambda _: web.Response(body=body, headers={"Content-Encoding": encoding}, content_type="application/json")


TIME = gzip.compress(b'{"serverTime":%d}' % NOW)


def short(_: web.Request) -> web.StreamResponse:
    """Sends more than it promised."""
    return web.Response(body=b'{"serverTime":1795489443996}', headers={"Content-Length": "9"}, content_type="application/json")


async def broken_off(request: web.Request) -> web.StreamResponse:
    """Promises more than it sends."""
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b'{"serverTime":17')
    assert request.transport
    request.transport.close()
    return response


async def drip(request: web.Request) -> web.StreamResponse:
    """Never comes to its end."""
    response = web.StreamResponse()
    await response.prepare(request)
    with suppress(ConnectionError):
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.01)
    return response


def cut(_: web.Request) -> web.StreamResponse:
    """Promises more than it sends."""
    return web.Response(body=b'{"serverTime":17', headers={"Content-Length": "16", "Content-Encoding": "gzip"})


async def test_the_answer_is_read(gateway: Gateway) -> None:
    assert await history.server_time(gateway) == NOW


@pytest.mark.parametrize(
    "bad",
    [
        say(status=500, text=""),
        say(status=502, text="<html>Bad Gateway</html>"),
        say({"code": -1, "msg": "Service Unavailable."}, 503),
        say({"code": -1007, "msg": "Timeout"}, 408),
        say(text="<html>hello</html>"),
        say(text='{"serverTime":1795'),
        say({"serverTime": "soon"}),
        say([]),
        cut,
        short,
        broken_off,
        packed(TIME[:-9]),
        packed(b"no gzip"),
        packed(b"x", "br"),
    ],
)
async def test_what_may_pass_is_tried_again(exchange: Exchange, gateway: Gateway, sleeper: Sleeper, bad: Answer) -> None:
    exchange.replies = [bad, bad]
    assert await history.server_time(gateway) == NOW
    assert len(exchange.asked) == 3
    assert len(sleeper.waits) == 2


async def test_a_packed_answer_is_read(exchange: Exchange, gateway: Gateway) -> None:
    exchange.replies = [packed(TIME)]
    assert await history.server_time(gateway) == NOW
    assert len(exchange.asked) == 1


async def test_what_is_too_large_is_not_held_in_memory(exchange: Exchange, gateway: Gateway) -> None:
    bomb = gzip.compress(bytes(100 << 20))
    exchange.replies = [packed(bomb)] * 4
    gc.collect()
    tracemalloc.start()
    with pytest.raises(quantd.QuantdError, match=r"the answer of http://127.*: it is larger than 16777216 bytes"):
        await history.server_time(gateway)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 << 20


async def test_a_body_without_an_end_is_left(exchange: Exchange, sleeper: Sleeper) -> None:
    exchange.replies = [drip] * 4
    gateway = Gateway(exchange.url, sleeper.clock, random.Random(1), sleeper, timeout=0.1)
    with pytest.raises(quantd.QuantdError, match=r"no whole answer from http://127.* within 0\.1 s"):
        await history.server_time(gateway)
    assert len(exchange.asked) == 4
    await gateway.close()


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_in_the_end_it_says_what_and_where(exchange: Exchange, gateway: Gateway, status: int) -> None:
    exchange.replies = [say(status=status, text="<html>" + "x" * 500)] * 10
    with pytest.raises(quantd.QuantdError, match=f"/fapi/v1/time: HTTP {status}: the exchange failed: a page of HTML$") as caught:
        await history.server_time(gateway)
    assert len(str(caught.value)) < 200
    assert len(exchange.asked) == 4


@pytest.mark.parametrize("status", [302, 400, 403, 404, 451])
async def test_what_will_not_pass_is_told_at_once(exchange: Exchange, gateway: Gateway, status: int) -> None:
    exchange.replies = [say(status=status, text="no", Location="http://169.254.169.254/")]
    with pytest.raises(quantd.QuantdError, match=f"/fapi/v1/time: HTTP {status}: .*'no'"):
        await history.server_time(gateway)
    assert len(exchange.asked) == 1


async def test_nobody_listening_is_an_error_of_ours(sleeper: Sleeper, exchange: Exchange) -> None:
    url = exchange.url
    await exchange.server.close()
    gateway = Gateway(url, sleeper.clock, random.Random(1), sleeper)
    with pytest.raises(quantd.QuantdError, match="cannot ask http://127"):
        await history.server_time(gateway)
    await gateway.close()


@pytest.mark.parametrize("status", [418, 429])
async def test_retry_after_holds_for_everyone(exchange: Exchange, gateway: Gateway, sleeper: Sleeper, status: int) -> None:
    exchange.replies = [say({"code": -1003, "msg": "Too many requests"}, status, Retry_After="37")]
    began = sleeper.clock.monotonic()
    assert await history.server_time(gateway) == NOW
    assert sleeper.clock.monotonic() - began >= 37
    assert len(exchange.asked) == 2


@pytest.mark.parametrize("retry_after", ["-5", "soon", ""])
async def test_an_odd_retry_after_is_a_minute(exchange: Exchange, gateway: Gateway, sleeper: Sleeper, retry_after: str) -> None:
    exchange.replies = [say({}, 429, Retry_After=retry_after)]
    began = sleeper.clock.monotonic()
    await history.server_time(gateway)
    assert sleeper.clock.monotonic() - began >= 60


async def test_a_long_ban_is_told_and_not_broken(exchange: Exchange, gateway: Gateway) -> None:
    exchange.replies = [say({}, 418, Retry_After="86400")]
    for _ in range(3):
        with pytest.raises(quantd.QuantdError, match="wants no requests for 86"):
            await history.server_time(gateway)
    assert len(exchange.asked) == 1


async def test_half_of_the_weight_is_left_to_others(exchange: Exchange, gateway: Gateway, sleeper: Sleeper) -> None:
    minute = sleeper.clock.now() // 60_000
    for _ in range(3):
        await gateway.get("/fapi/v1/time", {}, WEIGHT_PER_MINUTE // 3, history.ServerTime)
    assert sleeper.clock.now() // 60_000 == minute
    await history.server_time(gateway)
    assert sleeper.clock.now() // 60_000 == minute + 1


async def test_weight_that_others_used_counts(exchange: Exchange, gateway: Gateway, sleeper: Sleeper) -> None:
    exchange.replies = [say(x_mbx_used_weight_1m="1200")]
    await history.server_time(gateway)
    assert sleeper.waits == []
    await history.server_time(gateway)
    assert sleeper.waits == [60.0]


async def test_at_most_four_ask_at_once(exchange: Exchange, gateway: Gateway) -> None:
    async def hold(_: web.Request) -> web.StreamResponse:
        arrived.release()
        await go.wait()
        return web.json_response({"serverTime": NOW})

    arrived, go = asyncio.Semaphore(0), asyncio.Event()
    exchange.replies = [hold] * 9
    asking = [asyncio.create_task(history.server_time(gateway)) for _ in range(9)]
    for _ in range(4):
        await asyncio.wait_for(arrived.acquire(), PATIENCE_S)
    assert arrived.locked()
    go.set()
    assert await asyncio.gather(*asking) == [NOW] * 9
    assert not exchange.replies


async def test_a_repair_does_not_wait_for_the_minute_that_many_bars_wait_for(exchange: Exchange) -> None:
    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.Event().wait()

    waits: list[float] = []
    gateway = Gateway(exchange.url, EventClock(NOW - NOW % 60_000), random.Random(1), sleep)
    await gateway.get("/fapi/v1/time", {}, WEIGHT_PER_MINUTE - KEPT_FROM_BULK, history.ServerTime, rank="bulk")
    exchange.replies = [klines] * 9
    waiting = [asyncio.create_task(history.bars(gateway, "BTCUSDT", "1m", NOW - HOUR, NOW, NOW)) for _ in range(9)]
    await until(lambda: len(waits) == 3)
    exchange.replies = [say([])] * 9
    pages = KEPT_FROM_BULK // history.TRADES_WEIGHT
    for _ in range(pages):
        await asyncio.wait_for(history.of_ids(gateway, EventClock(), "BTCUSDT", 1, 9), PATIENCE_S)
    assert [path.split("?")[0] for path in exchange.asked[1:]] == ["/fapi/v1/aggTrades"] * pages
    for task in waiting:
        task.cancel()
    await gateway.close()


async def test_symbols_are_those_that_trade(exchange: Exchange, gateway: Gateway) -> None:
    states = {"BTCUSDT": "TRADING", "OLDUSDT": "SETTLING", "币安人生USDT": "TRADING"}
    exchange.replies = [say({"symbols": [{"symbol": name, "status": status, "pair": name} for name, status in states.items()]})]
    assert [each.symbol for each in await history.listings(gateway)] == ["BTCUSDT", "币安人生USDT"]


class Tape:
    """Answers aggTrades as the exchange does, of trades whose times are not quite in the order of their ids."""

    def __init__(self, times: dict[int, int]) -> None:
        self.times = times

    def __call__(self, request: web.Request) -> web.StreamResponse:
        query = {name: int(value) for name, value in request.query.items() if name != "symbol"}
        if "fromId" in query:
            found = [number for number in self.times if number >= query["fromId"]]
        else:
            assert query["endTime"] - query["startTime"] < HOUR
            found = [number for number, ts in self.times.items() if query["startTime"] <= ts <= query["endTime"]]
        rows = [{"a": number, "p": "1.5", "q": "2", "f": 1, "l": 1, "T": self.times[number], "m": False} for number in found]
        return web.json_response(rows[: query["limit"]])


async def test_past_trades_are_paged_by_id_over_quiet_hours(exchange: Exchange, gateway: Gateway) -> None:
    start = NOW - 5 * HOUR
    times = {number: start + 2 * HOUR + number * 7 - (9 if number % 10 == 3 else 0) for number in range(1, 3501)}
    exchange.replies = [say()] + [Tape(times)] * 20
    found = await history.ticks(gateway, EventClock(77), "BTCUSDT", start, start + 2 * HOUR + 3000 * 7)
    assert [tick.id for tick in found] == [number for number, ts in times.items() if ts < start + 2 * HOUR + 3000 * 7]
    assert found[0] == quantd.Tick("BTCUSDT", 1, times[1], 77, 1.5, 2.0, False)
    assert [path.split("?")[0] for path in exchange.asked] == ["/fapi/v1/time"] + ["/fapi/v1/aggTrades"] * 6


async def test_a_trade_beyond_the_hour_among_those_within_it_is_not_left_out(exchange: Exchange, gateway: Gateway) -> None:
    start = NOW - 5 * HOUR
    times = {1: start, 2: start + HOUR, 3: start + HOUR - 1, 4: start + HOUR + 5}
    exchange.replies = [say()] + [Tape(times)] * 9
    found = await history.ticks(gateway, EventClock(), "BTCUSDT", start, start + 2 * HOUR)
    assert [tick.id for tick in found] == [1, 2, 3, 4]


async def test_beyond_the_horizon_other_trades_are_no_answer(exchange: Exchange, gateway: Gateway) -> None:
    recent = say([{"a": 9, "p": "1", "q": "1", "T": NOW, "m": True}])
    exchange.replies = [say()] + [recent] * 60
    assert await history.ticks(gateway, EventClock(), "BTCUSDT", 0, NOW - 40 * HOUR) == []
    assert len(exchange.asked) == 1 + 9


async def test_pages_that_do_not_advance_are_an_error(exchange: Exchange, gateway: Gateway) -> None:
    page = say([{"a": 9, "p": "1", "q": "1", "T": NOW - HOUR, "m": True}])
    exchange.replies = [say()] + [page] * 9
    with pytest.raises(quantd.QuantdError, match="from id 10, got up to 9"):
        await history.ticks(gateway, EventClock(), "BTCUSDT", NOW - HOUR, NOW)


def kline(ts: int, step: int, volume: str = "4.0") -> list[Any]:
    return [ts, "1.0", "3.0", "0.5", "2.0", volume, ts + step - 1, "6.0" if float(volume) else "0", 12, "1.5", "2.2", "0"]


def klines(request: web.Request) -> web.StreamResponse:
    query = request.query
    step = quantd.timeframe(query["interval"]).step
    first = -(-int(query["startTime"]) // step) * step
    rows = [kline(ts, step) for ts in range(first, min(int(query["endTime"]), NOW) + 1, step)]
    return web.json_response(rows[: min(int(query["limit"]), 1500)])


@pytest.mark.parametrize("every", ["1m", "3m", "5m", "1h", "1d"])
async def test_past_bars_are_paged_and_closed(exchange: Exchange, gateway: Gateway, every: str) -> None:
    step = quantd.timeframe(every).step
    start = NOW - 3200 * step
    exchange.replies = [say()] + [klines] * 9
    found = await history.bars(gateway, "BTCUSDT", every, start, NOW + HOUR)
    first, last = -(-start // step) * step, (NOW // step - 1) * step
    assert [bar.ts for bar in found] == list(range(first, last + 1, step))
    assert found[0] == quantd.Bar("BTCUSDT", every, first, 1.0, 3.0, 0.5, 2.0, 4.0, 12, 1.5, 1.5, "imported")


def least_weights(most: int) -> list[int]:
    """The least weight that so many bars cost, by number, over all ways to divide them into requests."""
    found = [0]
    for count in range(1, most + 1):
        pages = [(size, weight) for size, weight in DOCUMENTED_WEIGHTS if size < count]
        whole = min((weight for size, weight in DOCUMENTED_WEIGHTS if size >= count), default=1 << 30)
        found.append(min([whole] + [found[count - size] + weight for size, weight in pages]))
    return found


@pytest.mark.parametrize("count", [1, 99, 100, 480, 499, 500, 599, 998, 1000, 1101, 1500, 3200])
async def test_past_bars_cost_the_least_weight(exchange: Exchange, gateway: Gateway, count: int) -> None:
    exchange.replies = [klines] * 9
    end = NOW - NOW % 60_000
    assert len(await history.bars(gateway, "BTCUSDT", "1m", end - count * 60_000, end, NOW)) == count
    limits = [int(URL(path).query["limit"]) for path in exchange.asked]
    weights = [next(weight for most, weight in DOCUMENTED_WEIGHTS if limit <= most) for limit in limits]
    assert sum(weights) == least_weights(count)[count] == gateway._used


async def test_trades_up_to_now_that_fit_into_a_page_are_one_request(exchange: Exchange, gateway: Gateway) -> None:
    times = {number: NOW - 100_000 + number * 100 - (9 if number % 10 == 3 else 0) for number in range(1, 1000)}
    exchange.replies = [Tape(times)] * 2
    found = await history.ticks(gateway, EventClock(), "BTCUSDT", NOW - 100_000, NOW + HOUR, NOW)
    assert [tick.id for tick in found] == list(times)
    assert len(exchange.asked) == 1


async def test_a_full_page_of_trades_may_not_be_all_of_them(exchange: Exchange, gateway: Gateway) -> None:
    times = {number: NOW - 100_000 + number * 10 for number in range(1, 1002)}
    exchange.replies = [Tape(times)] * 3
    found = await history.ticks(gateway, EventClock(), "BTCUSDT", NOW - 100_000, NOW + HOUR, NOW)
    assert [tick.id for tick in found] == list(times)


async def test_a_bar_without_volume_has_no_vwap(exchange: Exchange, gateway: Gateway) -> None:
    exchange.replies = [say(), say([kline(NOW - 120_000, 60_000, "0.000")]), say([])]
    [bar] = await history.bars(gateway, "BTCUSDT", "1m", NOW - 120_000, NOW)
    assert (bar.vwap, bar.volume) == (None, 0.0)


def payments(request: web.Request) -> web.StreamResponse:
    """Every eight hours, 7 ms late; of the first years no mark price is told."""
    query, step = request.query, 8 * HOUR
    first = -(-(int(query["startTime"]) - 7) // step) * step + 7
    row: dict[str, Any] = {"symbol": "BTCUSDT", "fundingRate": "-0.00010000"}
    rows = [row | {"fundingTime": ts, "markPrice": "90.5" if ts > NOW // 2 else ""} for ts in range(first, int(query["endTime"]) + 1, step)]
    return web.json_response(rows[: int(query["limit"])])


async def test_past_funding_is_paged(exchange: Exchange, gateway: Gateway) -> None:
    step = 8 * HOUR
    start = NOW // step * step - 2100 * step
    exchange.replies = [payments] * 9
    found = await history.funding(gateway, "BTCUSDT", start + 7, NOW)
    assert [row.ts for row in found] == list(range(start + 7, NOW // step * step + 8, step))
    assert found[0] == quantd.FundingRate("BTCUSDT", start + 7, -0.0001, 90.5)
    assert len(exchange.asked) == 3
    [first] = await history.funding(gateway, "BTCUSDT", step, 2 * step)
    assert first == quantd.FundingRate("BTCUSDT", step + 7, -0.0001, None)
    assert await history.funding(gateway, "BTCUSDT", start + 8, start + step) == []


@pytest.mark.parametrize("wrong", [{"fundingRate": "nan"}, {"fundingRate": "1.5"}, {"markPrice": "-1"}, {"fundingTime": -1}])
async def test_funding_that_cannot_be_true_is_refused(exchange: Exchange, gateway: Gateway, wrong: dict[str, Any]) -> None:
    row = {"symbol": "BTCUSDT", "fundingTime": NOW, "fundingRate": "0.0001", "markPrice": "90.5"}
    exchange.replies = [say([row | wrong])] * 9
    with pytest.raises(quantd.QuantdError, match="/fapi/v1/fundingRate"):
        await history.funding(gateway, "BTCUSDT", NOW - HOUR, NOW + HOUR)


async def test_other_timeframes_have_no_past(exchange: Exchange, gateway: Gateway) -> None:
    for every in ("1s", "7m", "14h", "3h"):
        assert await history.bars(gateway, "BTCUSDT", every, 0, NOW) == []
    assert exchange.asked == []
