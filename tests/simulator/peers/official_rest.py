"""Calls the market data endpoints through the official SDK; tells what its models made of each answer."""

import json
import sys

from binance_common.configuration import ConfigurationRestAPI
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import DerivativesTradingUsdsFutures
from official_models import Complaints, findings

BTC = "BTCUSDT"
MINUTE_MS = 60_000


def main(rest: str) -> None:
    complaints = Complaints()
    api = DerivativesTradingUsdsFutures(config_rest_api=ConfigurationRestAPI(base_path=rest, timeout=20_000)).rest_api
    now = api.check_server_time().data().server_time
    newest = api.compressed_aggregate_trades_list(BTC, limit=3).data()
    calls = {
        "ping": api.test_connectivity,
        "time": api.check_server_time,
        "exchangeInfo": api.exchange_information,
        "klines": lambda: api.kline_candlestick_data(BTC, "1m", limit=3),
        "aggTrades by id": lambda: api.compressed_aggregate_trades_list(BTC, from_id=newest[0].a, limit=3),
        "aggTrades by time": lambda: api.compressed_aggregate_trades_list(BTC, start_time=now - 2 * MINUTE_MS, end_time=now - MINUTE_MS),
        "continuousKlines": lambda: api.continuous_contract_kline_candlestick_data(BTC, "PERPETUAL", "1m", limit=3),
        "trades": lambda: api.recent_trades_list(BTC, limit=3),
        "fundingRate": lambda: api.get_funding_rate_history(BTC, limit=3),
        "depth": lambda: api.order_book(BTC, limit=5),
        "premiumIndex": lambda: api.mark_price(BTC),
        "premiumIndex of all": api.mark_price,
        "ticker/24hr": lambda: api.ticker24hr_price_change_statistics(BTC),
        "ticker/24hr of all": api.ticker24hr_price_change_statistics,
        "ticker/price": lambda: api.symbol_price_ticker(BTC),
        "ticker/price of all": api.symbol_price_ticker,
        "ticker/price, second version": lambda: api.symbol_price_ticker_v2(BTC),
        "ticker/bookTicker": lambda: api.symbol_order_book_ticker(BTC),
        "ticker/bookTicker of all": api.symbol_order_book_ticker,
    }
    told = {}
    for name, call in calls.items():
        answer = call()
        data = answer.data()
        rows = data if isinstance(data, list) else getattr(data, "actual_instance", None) or data
        told[name] = findings(data) | {
            "status": answer.status,
            "used": [limit.count for limit in answer.rate_limits],
            "rows": len(rows) if isinstance(rows, list) else None,
        }
    again = api.compressed_aggregate_trades_list(BTC, from_id=newest[0].a, limit=3).data()
    kline = api.kline_candlestick_data(BTC, "1m", limit=1).data()[0]
    same = [each.to_dict() for each in again] == [each.to_dict() for each in newest]
    print(json.dumps({"calls": told, "complaints": complaints.texts, "same": same, "kline": kline}))


main(*sys.argv[1:])
