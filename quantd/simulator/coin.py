"""COIN-M's contracts: the exchange sends them in its streams of all markets too, and only `st` tells them apart."""

import re
from collections.abc import Iterable

from quantd.simulator.wire import UM

CM = 2
COINS = ("BTC", "ETH")  # of which there is a contract that is margined in the coin
_NAME = re.compile(rb'"(ps|s)":"(%s)USDT"' % "|".join(COINS).encode())


def with_coin_margined(payloads: Iterable[bytes]) -> list[bytes]:
    """The payloads of all symbols, and behind them those of COIN-M's perpetual contracts, whose numbers are made up.

    >>> with_coin_margined([b'{"s":"BTCUSDT","ps":"BTCUSDT","st":1}', b'{"s":"ADAUSDT","st":1}'])[2:]
    [b'{"s":"BTCUSD_PERP","ps":"BTCUSD","st":2}']
    """
    own = list(payloads)
    return own + [_coin_margined(each) for each in own if any(f'"s":"{coin}USDT"'.encode() in each for coin in COINS)]


def _coin_margined(payload: bytes) -> bytes:
    named = _NAME.sub(lambda found: b'"%s":"%sUSD%s"' % (found[1], found[2], b"_PERP" if found[1] == b"s" else b""), payload)
    return named.replace(b'"st":%d' % UM, b'"st":%d' % CM)
