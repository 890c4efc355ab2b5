"""The aggTrades files of data.binance.vision, with or without a header row."""

import re
from functools import partial
from pathlib import Path

import quantd
from quantd_plugins.feeds.readers.row import Parse, Row, tick
from quantd_plugins.feeds.readers.stamps import milliseconds

HEADER = b"agg_trade_id"
ROW = re.compile(rb"\d+,[\d.]+,[\d.]+,\d+,\d+,\d+,(true|false)\b", re.IGNORECASE)
_TRUTH = {b"true": True, b"false": False}


def dump_parser(path: str) -> Parse:
    """Return a parser that takes the symbol from the file's name, since the rows lack it."""
    symbol, mark, _ = Path(path).name.partition("-aggTrades")
    if not (symbol and mark):
        raise quantd.QuantdError(
            f"replay: {path} does not tell its symbol: name it as it was published, like BTCUSDT-aggTrades-2024-08-08.zip"
        )
    return partial(_parse, symbol)


def _parse(symbol: str, line: bytes) -> Row | None:
    if line.startswith(HEADER) or line.isspace():
        return None
    number, price, qty, _, _, stamp, buyer_maker = line.split(b",")[:7]
    ts = milliseconds(int(stamp))
    return tick("aggTrade", symbol, int(number), ts, ts, float(price), float(qty), _TRUTH[buyer_maker.strip().lower()])
