"""The header of a table of bars: maps column names of many tools to their meaning."""

import re
from collections.abc import Mapping, Sequence

PRICES = ("open", "high", "low", "close")
NEEDED = ("ts", *PRICES, "volume")
EXAMPLE = ",".join(NEEDED)
ALIASES = {
    "ts": ("ts", "timestamp", "open_time", "opentime", "unix", "time", "datetime", "date"),
    "volume": ("volume", "vol", "base_volume"),
    "symbol": ("symbol",),
    "every": ("every",),
    "revision": ("revision",),
    "trades": ("count", "number_of_trades", "tradecount"),
    "quote_volume": ("quote_volume", "quote_asset_volume"),
    "taker_buy_volume": ("taker_buy_volume", "taker_buy_base_asset_volume"),
} | {name: (name,) for name in PRICES}
"""The names of each column; the first one that occurs counts. Case is ignored; spaces and dashes count as underscores."""
KLINE = ("ts", *PRICES, "volume", "close_time", "quote_volume", "count", "taker_buy_volume", "taker_buy_quote_volume", "ignore")
"""Columns of the exchange's klines, in files and in its answers."""

Columns = Mapping[str, int]
"""Meaning of a column -> its position."""


def columns(names: Sequence[str], symbol: str) -> Columns:
    """Return the known columns. Of several volumes (`Volume BTC`, `Volume USDT`) the one in units of the base asset of `symbol` counts.

    >>> columns(["Time", "OPEN", "High", "low", "Close", "Volume USDT", "Volume BTC"], "BTCUSDT")
    {'ts': 0, 'volume': 6, 'open': 1, 'high': 2, 'low': 3, 'close': 4}
    """
    at = {re.sub(r"[\s-]+", "_", name.strip(" <>").lower()): index for index, name in reversed(list(enumerate(names)))}
    found = {what: at[known[0]] for what, aliases in ALIASES.items() if (known := [alias for alias in aliases if alias in at])}
    volumes = [name for name in sorted(at, key=at.__getitem__) if name.startswith("volume_")]
    if "volume" not in found and volumes:
        own = [name for name in volumes if symbol.lower().startswith(name.removeprefix("volume_"))]
        found["volume"] = at[(own or volumes)[0]]
    return {what: found[what] for what in ALIASES if what in found}


def lacking(found: Columns) -> list[str]:
    """Return the columns that bars need and that are missing."""
    return [name for name in NEEDED if name not in found]
