"""The exchange says when it lists, delists or changes a symbol."""

from collections.abc import AsyncIterator

import pytest

import quantd
from quantd_plugins.feeds.binance.subscriptions import symbols
from tests.plugins.feeds.binance_exchange import NOW, Exchange, running, streaming, trade

INFO = {"e": "contractInfo", "E": NOW, "s": "币安人生USDT", "ct": "PERPETUAL", "dt": 4133404800000, "ot": 1, "cs": "SETTLING"}


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    async with running() as exchange:
        yield exchange


async def test_it_is_asked_for_beside_trades_and_told(exchange: Exchange) -> None:
    async with streaming(exchange.feed(listings=True), "BTCUSDT") as events:
        peer = await exchange.peer()
        assert await peer.confirm() == ["!contractInfo", "btcusdt@aggTrade"]
        await peer.say({"stream": "!contractInfo", "data": INFO | {"s": "BTCUSD_PERP", "st": 2}})
        await peer.say({"stream": "!contractInfo", "data": INFO | {"bks": [], "st": 1}})
        assert await events.next(quantd.Listing) == quantd.Listing("币安人生USDT", NOW, "SETTLING")
        await peer.send(trade(1))
        assert await events.ids(1) == [1]


def test_it_is_of_no_symbol() -> None:
    assert symbols(["!contractInfo", "btcusdt@aggTrade", "btcusdt@ticker"]) == ["BTCUSDT"]
