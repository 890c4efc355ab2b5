"""Faults of the network in an operator's words: one line each, told once, and nothing of how a library shows its objects."""

import asyncio
import logging
import random
import re
from collections.abc import AsyncIterator, Awaitable

import pytest
from aiohttp import web

import quantd
from quantd.clock import EventClock, SystemClock
from quantd.net import Refused
from quantd_plugins.feeds.binance.bans import Bans
from quantd_plugins.feeds.binance.dial import dial
from quantd_plugins.feeds.binance.history import server_time
from quantd_plugins.feeds.binance.rest import Gateway
from tests.plugins.feeds.binance_exchange import NOW, PATIENCE_S, Exchange, running, streaming

OF_LIBRARIES = re.compile(r"ConnectionKey|Errno|Error\(|ssl:|<html|\n")


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    async with running() as exchange:
        yield exchange


@pytest.fixture
def addresses(exchange: Exchange, unused_tcp_port: int) -> dict[str, str]:
    return {
        "name": "http://nowhere.invalid",
        "refused": f"http://127.0.0.1:{unused_tcp_port}",
        "tls": exchange.url.replace("http", "https"),
    }


WORDS = {"name": "the name of the host cannot be looked up", "refused": "connection refused", "tls": "no TLS can be agreed on"}


@pytest.mark.parametrize("fault", WORDS)
async def test_both_doors_say_the_same_of_a_fault(addresses: dict[str, str], fault: str) -> None:
    url = addresses[fault]
    gateway = Gateway(url, EventClock(NOW), random.Random(1), lambda seconds: asyncio.sleep(0))
    with pytest.raises(quantd.QuantdError) as of_rest:
        await server_time(gateway)
    await gateway.close()
    with pytest.raises(Refused) as of_streams:
        await dial(url.replace("http", "ws", 1), Bans(SystemClock(), {}))
    for told in (str(of_rest.value), str(of_streams.value)):
        assert WORDS[fault] in told
        assert not OF_LIBRARIES.search(told)


async def test_an_outage_is_told_once_and_again_after_it_has_worked(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "quantd_plugins.feeds.binance")
    exchange.upgrades = [web.Response(status=451, text="<html>no</html>") for _ in range(3)]
    async with streaming(exchange.feed(), "BTCUSDT", clock=EventClock(NOW)):
        peer = await exchange.peer()
        await peer.confirm()
        assert _count(caplog, "HTTP 451: the exchange does not serve this location") == 1
        exchange.upgrades = [451, 451]
        await peer.ws.close()
        await asyncio.wait_for(peer.gone.wait(), PATIENCE_S)
        await (await exchange.peer()).request()
        assert _count(caplog, "HTTP 451") == 2
    assert not any(OF_LIBRARIES.search(record.getMessage()) for record in caplog.records)


async def test_no_line_shows_the_password_of_an_address(exchange: Exchange, unused_tcp_port: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "quantd_plugins.feeds.binance")
    secret = exchange.url.replace("//", "//name:secret@")
    exchange.upgrades = [web.Response(status=429, headers={"Retry-After": "soon"}), web.Response(status=451)]
    with pytest.raises(Refused):
        await dial(secret.replace("http", "ws", 1), Bans(SystemClock(), {}))
    feed = exchange.feed(ws=secret.replace("http", "ws", 1), rest=f"http://name:secret@127.0.0.1:{unused_tcp_port}", files=secret)
    async with streaming(feed, "BTCUSDT", clock=EventClock(NOW)):
        await (await exchange.peer()).confirm()
        told = [
            str(await _fault(feed.fetch_ticks("BTCUSDT", NOW - 1000, NOW))),
            str(await _fault(_all(feed.fetch_day("BTCUSDT", 0, 1, 2)))),
        ]
    told += [record.getMessage() for record in caplog.records]
    assert [line for line in told if "secret" in line] == []
    assert all(any(f"//***@127.0.0.1:{port}" in line for line in told) for port in (unused_tcp_port, exchange.url.rsplit(":", 1)[1]))


async def _fault(work: Awaitable[object]) -> quantd.QuantdError:
    with pytest.raises(quantd.QuantdError) as fault:
        await work
    return fault.value


async def _all(batches: AsyncIterator[object]) -> list[object]:
    return [batch async for batch in batches]


def _count(caplog: pytest.LogCaptureFixture, text: str) -> int:
    return sum(text in record.getMessage() for record in caplog.records)
