"""The SDK that the exchange publishes cannot tell the simulator from the exchange: only its base URLs are set."""

from itertools import pairwise
from typing import Any

import pytest

from tests.simulator.support import Simulator, Start

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
    "continuousKlines": [],
    "trades": ["RecentTradesListResponse"],
    "fundingRate": ["GetFundingRateHistoryResponse"],
    "depth": ["OrderBookResponse"],
    "premiumIndex": ["MarkPriceResponse1"],
    "premiumIndex of all": ["MarkPriceResponse2"],
    "ticker/24hr": ["Ticker24hrPriceChangeStatisticsResponse1"],
    "ticker/24hr of all": ["Ticker24hrPriceChangeStatisticsResponse2"],
    "ticker/price": ["SymbolPriceTickerResponse1"],
    "ticker/price of all": ["SymbolPriceTickerResponse2"],
    "ticker/price, second version": ["SymbolPriceTickerV2Response1"],
    "ticker/bookTicker": ["SymbolOrderBookTickerResponse1"],
    "ticker/bookTicker of all": ["SymbolOrderBookTickerResponse2"],
}
STREAM_MODELS = {
    "btcusdt@aggTrade": "AggregateTradeStreams",
    "btcusdt@kline_1m": "KlineCandlestickStreams",
    "btcusdt_perpetual@continuousKline_1s": "ContinuousContractKlineCandlestickStreams",
    "btcusdt@markPrice": "MarkPriceStream",
    "btcusdt@markPrice@1s": "MarkPriceStream",
    "!markPrice@arr@1s": "MarkPriceStreamForAllMarket",
    "btcusdt@miniTicker": "IndividualSymbolMiniTickerStream",
    "!miniTicker@arr": "AllMarketMiniTickersStream",
    "btcusdt@ticker": "IndividualSymbolTickerStreams",
    "!ticker@arr": "AllMarketTickersStreams",
    "!contractInfo": "ContractInfoStream",
    "btcusdt@bookTicker": "IndividualSymbolBookTickerStreams",
    "!bookTicker": "AllBookTickersStream",
    "btcusdt@depth@100ms": "DiffBookDepthStreams",
    "btcusdt@depth": "DiffBookDepthStreams",
    "btcusdt@depth5@100ms": "PartialBookDepthStreams",
    "btcusdt@depth20": "PartialBookDepthStreams",
}
BRACKETS = {"bks"}  # only told when the brackets of a contract change
LIMITS = """
symbols:
  BTCUSDT: {level: 90000, tick: 0.1, step: 0.001, rate: 14}
limits: {weight_per_minute: 300, refusals_to_ban: 3, ban_s: 60, backend_timeout_s: 0.01}
"""
ERRORS = [
    ("unknown symbol", "BadRequestError", -1121),
    ("empty symbol", "BadRequestError", -1102),
    ("unknown interval", "BadRequestError", -1120),
    ("window of an hour", "BadRequestError", -1127),
    ("depth of 7", "BadRequestError", -4021),
    ("id and times", "ClientError", None),
]


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
    assert (rows["klines"], rows["continuousKlines"], rows["trades"], rows["fundingRate"], rows["aggTrades by id"]) == (3,) * 5
    assert rows["aggTrades by time"] == 500
    assert rest["same"]


@pytest.fixture(scope="module")
def followed(peers: Peers, exchange: Simulator) -> Any:
    return peers.run(SDK, "official_streams", exchange.ws, exchange.ctl)


@pytest.mark.parametrize("stream", STREAM_MODELS)
def test_frames_fill_the_models_and_nothing_else(followed: Any, stream: str) -> None:
    told = followed["streams"][stream]
    assert told["frames"] >= 2
    assert told["models"][0] == f"{STREAM_MODELS[stream]}Response"
    assert told["extra"] == {}
    assert set(told["unset"]) - BRACKETS == set()


def test_streams_come_without_a_complaint(followed: Any) -> None:
    assert (followed["errors"], followed["complaints"], followed["timeouts"]) == ([], [], [])
    assert followed["streams"].keys() == STREAM_MODELS.keys()
    assert len(STREAM_MODELS) + len(REST_MODELS) >= 20
    assert followed["listed"] == [name for name in STREAM_MODELS if name in followed["listed"]]  # the first connection, in order
    assert len(followed["listed"]) > 5


@pytest.fixture(scope="module")
def broken(peers: Peers, start: Start, tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("scenario") / "limits.yaml"
    path.write_text(LIMITS)
    return peers.run(SDK, "official_limits", start("--scenario", path).rest)


@pytest.mark.parametrize(("rule", "error", "code"), ERRORS)
def test_an_error_has_its_class_and_code(broken: Any, rule: str, error: str, code: int | None) -> None:
    assert (broken[rule]["class"], broken[rule]["code"]) == (error, code)
    assert broken[rule]["text"]


@pytest.mark.parametrize(("rule", "error"), [("over the weight", "TooManyRequestsError"), ("banned", "RateLimitBanError")])
def test_limits_end_in_their_own_errors_with_a_time_to_wait(broken: Any, rule: str, error: str) -> None:
    assert (broken[rule]["class"], broken[rule]["code"]) == (error, -1003)
    assert 0 < broken[rule]["retry_after"] <= 60


@pytest.fixture(scope="module")
def ended(peers: Peers, exchange: Simulator) -> Any:
    return peers.run(SDK, "official_reconnect", exchange.ws, exchange.ctl)


@pytest.mark.parametrize("end", ["planned", "shutdown"])
def test_it_replaces_a_connection_that_is_about_to_end(ended: Any, end: str) -> None:
    """As its timer of 23 hours does, and after the warning of the exchange."""
    assert ended[end]["replaced"]
    assert ended[end]["events"] == ["reconnect"]


def test_it_reports_a_connection_that_was_cut_and_starts_again(ended: Any) -> None:
    assert ended["reset"]["forgotten"]
    assert ended["reset"]["events"][-1] == "close"


def test_no_trade_comes_twice_whatever_ends(ended: Any) -> None:
    ids = [each for stage in ended.values() for each in stage["ids"]]
    assert all(before < after for before, after in pairwise(ids))
