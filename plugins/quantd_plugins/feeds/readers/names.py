"""Derives symbol and timeframe from the name of a file."""

import re
from pathlib import Path

import quantd

MONEY = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USD", "EUR", "GBP", "JPY", "TRY", "BRL")
"""Quote currencies that may be separated from the base asset: BTC-USD, BTC_USDT_USDT."""
QUOTES = (*MONEY, "BTC", "ETH", "BNB")
TOO_LONG = frozenset({"3d", "1w", "1mo"})
"""Intervals of the exchange's klines that are no timeframes."""


def symbol_of(path: str) -> str:
    """Return the symbol, from the part up to the first dot or comma: the first part that ends with a quote currency, otherwise the text
    before the first dash.

    >>> [symbol_of(name) for name in ("btcusdt.csv", "BTCUSDT-1m-2026-01-01.zip", "BINANCE_BTCUSDT.P, 1.csv", "BTC-USD.csv")]
    ['BTCUSDT', 'BTCUSDT', 'BTCUSDT', 'BTCUSD']
    >>> [symbol_of(name) for name in ("BTC_USDT_USDT-1m-futures.json", "BTCUSDT_260925-1m.csv", "AAA.csv", "AAA_1m_ohlcv.csv")]
    ['BTCUSDT', 'BTCUSDT_260925', 'AAA', 'AAA']
    """
    stem = re.split(r"[.,]", Path(path).name)[0].upper()
    words = re.split(r"[-_ ]+", stem)
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if following in MONEY and word not in MONEY:
            return word + following
        if word.endswith(QUOTES) and word not in QUOTES:
            delivery = re.search(rf"{word}_\d{{6}}(?=-|$)", stem)
            return delivery[0] if delivery else word
    return re.split(r"-|_\d+[SMHD]_OHLCV", stem)[0]


def plain(symbol: str) -> str:
    """Return a symbol as the exchange writes it.

    >>> plain("btc/usdt"), plain("ETH/USDT:USDT"), plain("BINANCE:BTCUSDT"), plain("BTCUSDT_260925")
    ('BTCUSDT', 'ETHUSDT', 'BTCUSDT', 'BTCUSDT_260925')
    """
    symbol = symbol.partition(":")[0] if "/" in symbol else symbol.rpartition(":")[2]
    return re.sub(r"[/-]", "", symbol).upper()


def interval_of(path: str) -> quantd.Timeframe | None:
    """Return the timeframe if one part of the name is one. Raises QuantdError for klines longer than a day.

    >>> interval_of("BTCUSDT-15m-2026-01.zip").name
    '15m'
    """
    words = re.split(r"[-_.]", Path(path).name)
    if too_long := TOO_LONG.intersection(words):
        raise quantd.QuantdError(f"replay: {path} holds bars of {min(too_long)}, and none longer than a day are read: give those of 1d")
    found = {word for word in words if re.fullmatch(r"[1-9][0-9]?[smhd]", word)}
    try:
        return quantd.timeframe(found.pop()) if len(found) == 1 else None
    except ValueError:
        return None
