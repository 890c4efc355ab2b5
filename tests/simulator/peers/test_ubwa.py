"""The UNICORN Binance WebSocket API against the simulator: its option `websocket_base_uri` is all that is set."""

from itertools import pairwise
from typing import Any

import pytest

from tests.simulator.support import Simulator

from .conftest import Peers

pytestmark = [pytest.mark.peers, pytest.mark.timeout(300)]
PER_SYMBOL = {
    "aggTrade": "aggTrade",
    "kline_1m": "kline",
    "markPrice@1s": "markPriceUpdate",
    "ticker": "24hrTicker",
    "miniTicker": "24hrMiniTicker",
}
EVENTS = {
    "market": {f"{symbol}@{channel}": event for symbol in ("btcusdt", "ethusdt") for channel, event in PER_SYMBOL.items()},
    "arrays": {"!ticker@arr": "24hrTicker", "!miniTicker@arr": "24hrMiniTicker"},
    "public": {"btcusdt@bookTicker": "bookTicker", "btcusdt@depth@100ms": "depthUpdate", "btcusdt@depth5@100ms": "depthUpdate"},
}


@pytest.fixture(scope="module")
def told(peers: Peers, exchange: Simulator) -> Any:
    return peers.run("ubwa", "ubwa", exchange.ws, exchange.ctl)


@pytest.mark.parametrize("category", EVENTS)
def test_a_connection_of_one_category_carries_its_streams(told: Any, category: str) -> None:
    seen = {stream: {row["e"] for row in rows} for stream, rows in told[category].items()}
    assert seen == {stream: {event} for stream, event in EVENTS[category].items()}


@pytest.mark.parametrize("symbol", ["btcusdt", "ethusdt"])
def test_no_trade_is_lost(told: Any, symbol: str) -> None:
    ids = [row["a"] for row in told["market"][f"{symbol}@aggTrade"]]
    assert ids == list(range(ids[0], ids[0] + len(ids)))


def test_it_refuses_to_mix_categories(told: Any) -> None:
    assert "'market', 'public'" in told["mixed"]


def test_it_subscribes_and_unsubscribes_on_a_running_connection(told: Any) -> None:
    assert sorted(told["later"]["listed"]) == ["btcusdt@aggTrade", "ethusdt@aggTrade"]
    assert told["later"]["last"] == ["ethusdt@aggTrade"]


def test_every_connection_stands_until_it_is_stopped(told: Any) -> None:
    connections = len(EVENTS) + 1
    assert {kind: told["signals"].count(kind) for kind in ("CONNECT", "FIRST_RECEIVED_DATA")} == dict.fromkeys(
        ("CONNECT", "FIRST_RECEIVED_DATA"), connections
    )


def test_it_connects_again_after_a_reset(told: Any) -> None:
    ids, signals = told["cut"]["ids"], told["cut"]["signals"]
    assert "CONNECT" in signals[signals.index("DISCONNECT") :]
    assert all(before < after for before, after in pairwise(ids))
    assert any(after - before > 1 for before, after in pairwise(ids))  # it misses what was traded while it was away
