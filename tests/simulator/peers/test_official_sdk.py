"""The SDK that the exchange publishes cannot tell the simulator from the exchange: only its base URLs are set."""

from typing import Any

import pytest

from tests.simulator.support import Simulator

from .conftest import Peers

pytestmark = [pytest.mark.peers, pytest.mark.timeout(300)]
SDK = "official-sdk"
# A filter has the fields of its own kind only, though they share a model.
FILTERS = {"symbols.filters.limit"} | {f"symbols.filters.multiplier_{each}" for each in ("up", "down", "decimal")}
FILTERS |= {f"symbols.filters.{each}" for each in ("max_price", "min_price", "tick_size", "max_qty", "min_qty", "step_size", "notional")}
REST_MODELS = {
    "ping": [],
    "time": ["CheckServerTimeResponse"],
    "exchangeInfo": ["ExchangeInformationResponse"],
    "klines": [],
    "aggTrades by id": ["CompressedAggregateTradesListResponse"],
    "aggTrades by time": ["CompressedAggregateTradesListResponse"],
    "depth": ["OrderBookResponse"],
    "premiumIndex": ["MarkPriceResponse1"],
    "premiumIndex of all": ["MarkPriceResponse2"],
    "ticker/24hr": ["Ticker24hrPriceChangeStatisticsResponse1"],
    "ticker/24hr of all": ["Ticker24hrPriceChangeStatisticsResponse2"],
    "ticker/bookTicker": ["SymbolOrderBookTickerResponse1"],
    "ticker/bookTicker of all": ["SymbolOrderBookTickerResponse2"],
}


@pytest.fixture(scope="module")
def rest(peers: Peers, exchange: Simulator) -> Any:
    return peers.run(SDK, "official_rest", exchange.rest)


@pytest.mark.parametrize("call", REST_MODELS)
def test_answers_fill_the_models_and_nothing_else(rest: Any, call: str) -> None:
    told = rest["calls"][call]
    assert told["status"] == 200
    assert told["models"][:1] == REST_MODELS[call]
    assert told["extra"] == {}
    assert set(told["unset"]) - FILTERS == set()
    assert told["used"][0] > 0


def test_the_types_are_those_of_the_models(rest: Any) -> None:
    """It takes what has other types too, but not without a warning."""
    assert rest["complaints"] == []
    assert [type(cell) for cell in rest["kline"]] == [int, str, str, str, str, str, int, str, int, str, str, str]
    assert rest["calls"].keys() == REST_MODELS.keys()


def test_pages(rest: Any) -> None:
    rows = {call: told["rows"] for call, told in rest["calls"].items()}
    assert (rows["klines"], rows["aggTrades by id"], rows["aggTrades by time"]) == (3, 3, 500)
    assert rest["same"]
