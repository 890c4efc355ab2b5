"""Bars that a source provides as bars: klines of the exchange, and files."""

import quantd
from quantd.stats.decimals import mean_price


def imported(
    symbol: str,
    every: str,
    ts: int,
    prices: tuple[float, float, float, float],
    volume: float,
    *,
    quote_volume: float | None = None,
    trades: float | None = None,
    taker_buy_volume: float | None = None,
) -> quantd.Bar:
    """Return one bar of open, high, low and close; values that the source lacks are None. `trades` of a kline counts single trades,
    several of which may form one tick.
    """
    vwap = None if quote_volume is None else mean_price(quote_volume, volume, prices[2], prices[1])
    return quantd.Bar(symbol, every, ts, *prices, volume, None if trades is None else int(trades), vwap, taker_buy_volume, "imported")
