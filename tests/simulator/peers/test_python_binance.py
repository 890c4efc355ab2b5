"""python-binance against the simulator. Its futures hosts are class constants without an option, so the script sets those two URLs."""

from itertools import pairwise
from typing import Any

import pytest

from tests.simulator.support import Simulator

from .conftest import Peers

pytestmark = [pytest.mark.peers, pytest.mark.timeout(300)]
EVENTS = {
    "btcusdt@aggTrade": "aggTrade",
    "ethusdt@aggTrade": "aggTrade",
    "btcusdt@kline_1m": "kline",
    "btcusdt@markPrice@1s": "markPriceUpdate",
    "!miniTicker@arr": "24hrMiniTicker",
    "btcusdt@bookTicker": "bookTicker",
    "btcusdt@depth@100ms": "depthUpdate",
    "btcusdt@depth5@100ms": "depthUpdate",
}


@pytest.fixture(scope="module")
def told(peers: Peers, exchange: Simulator) -> Any:
    return peers.run("python-binance", "python_binance", exchange.ws, exchange.rest, exchange.ctl)


def test_its_futures_methods_are_answered(told: Any) -> None:
    rest = told["rest"]
    assert rest["ping"] == {}
    assert rest["info"] == ["BTCUSDT", "ETHUSDT"]
    assert len(rest["depth"]["bids"]) == 5
    assert {len(rest[name]) for name in ("aggregates", "klines", "continuous", "trades", "funding")} == {3}
    assert {rest[name]["symbol"] for name in ("mark", "day", "quote", "price")} == {"BTCUSDT"}


def test_its_kline_generator_pages_without_a_gap(told: Any) -> None:
    opens = told["rest"]["generated"]
    assert opens == list(range(opens[0], opens[0] + 60_000 * len(opens), 60_000))
    assert len(opens) == 700
    assert 0 <= told["rest"]["now"] - opens[-1] < 60_000


def test_its_error_carries_the_code(told: Any) -> None:
    assert told["errors"] == [-1121, -1100, -1102]


@pytest.mark.parametrize("stream", EVENTS)
def test_the_multiplex_socket_hands_on_each_stream(told: Any, stream: str) -> None:
    frames = [row for data in told["streams"][stream] for row in (data if isinstance(data, list) else [data])]
    assert {row["e"] for row in frames} == {EVENTS[stream]}


def test_the_multiplex_socket_loses_no_trade(told: Any) -> None:
    ids = [trade["a"] for trade in told["streams"]["btcusdt@aggTrade"]]
    assert len(ids) > 10
    assert ids == list(range(ids[0], ids[0] + len(ids)))


def test_it_connects_again_after_a_reset(told: Any) -> None:
    ids = told["cut"]["ids"]
    assert "ConnectionClosedError" in told["cut"]["errors"]
    assert len(ids) > 50
    assert all(before < after for before, after in pairwise(ids))
