"""Breaks rules and limits through the official SDK; tells which of its error classes each answer became."""

import json
import sys
from collections.abc import Callable
from typing import Any

from binance_common.configuration import ConfigurationRestAPI
from binance_common.errors import Error
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import DerivativesTradingUsdsFutures

BTC = "BTCUSDT"
MOST_CALLS = 100


def main(rest: str) -> None:
    api = DerivativesTradingUsdsFutures(config_rest_api=ConfigurationRestAPI(base_path=rest, timeout=20_000)).rest_api
    wrong = {
        "unknown symbol": lambda: api.compressed_aggregate_trades_list("NOPE"),
        "empty symbol": lambda: api.order_book(""),
        "unknown interval": lambda: api.kline_candlestick_data(BTC, "7m"),
        "window of an hour": lambda: api.compressed_aggregate_trades_list(BTC, start_time=0, end_time=3_600_000),
        "depth of 7": lambda: api.order_book(BTC, limit=7),
        "id and times": lambda: api.compressed_aggregate_trades_list(BTC, from_id=1, start_time=1),
    }
    told = {name: error_of(call) for name, call in wrong.items()}
    for name in ("over the weight", "banned"):
        told[name] = pressed(api, {told[other]["class"] for other in told})
    print(json.dumps(told))


def pressed(api: Any, known: set[str]) -> dict[str, Any]:
    """The first error of a class that was not met before."""
    for _ in range(MOST_CALLS):
        error = error_of(lambda: api.compressed_aggregate_trades_list(BTC, limit=1))
        if error["class"] not in known | {""}:
            return error
    return {"class": "none"}


def error_of(call: Callable[[], Any]) -> dict[str, Any]:
    try:
        call()
    except Error as error:
        return {
            "class": type(error).__name__,
            "code": getattr(error, "status_code", None),
            "text": getattr(error, "error_message", ""),
            "retry_after": getattr(error, "retry_after", None),
        }
    return {"class": ""}


main(*sys.argv[1:])
