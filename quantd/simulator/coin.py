"""COIN-M contracts. The exchange sends them in its all-market streams too, where only `st` distinguishes them."""

import re
from collections.abc import Iterable

from quantd.simulator.wire import UM

CM = 2
COINS = ("BTC", "ETH")  # coins with a contract that is margined in the coin
_NAME = re.compile(rb'"(ps|s)":"(%s)USDT"' % "|".join(COINS).encode())


def with_coin_margined(payloads: Iterable[bytes]) -> list[bytes]:
    """Return the payloads of all symbols, followed by those of COIN-M's perpetual contracts, whose numbers are invented.

    >>> with_coin_margined([b'{"s":"BTCUSDT","ps":"BTCUSDT","st":1}', b'{"s":"ADAUSDT","st":1}'])[2:]
    [b'{"s":"BTCUSD_PERP","ps":"BTCUSD","st":2}']
    """
    own = list(payloads)
    return own + [_coin_margined(each) for each in own if any(f'"s":"{coin}USDT"'.encode() in each for coin in COINS)]


def _coin_margined(payload: bytes) -> bytes:
    named = _NAME.sub(lambda found: b'"%s":"%sUSD%s"' % (found[1], found[2], b"_PERP" if found[1] == b"s" else b""), payload)
    return named.replace(b'"st":%d' % UM, b'"st":%d' % CM)
