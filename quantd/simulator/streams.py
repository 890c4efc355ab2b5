"""Stream names: which ones exist, and which route carries the data of each."""

import re

MARKET, PUBLIC, PRIVATE = "market", "public", "private"
CATEGORIES = (MARKET, PUBLIC, PRIVATE)

_KLINE = r"kline_(1m|3m|5m|15m|30m|1h|2h|4h|6h|8h|12h|1d|3d|1w|1M)"
_CONTRACT = r"(perpetual|current_quarter|next_quarter|tradifi_perpetual)"
_PER_SYMBOL = {
    MARKET: rf"aggTrade|{_KLINE}|markPrice(@1s)?|miniTicker|ticker|forceOrder|compositeIndex",
    PUBLIC: r"bookTicker|trade|depth(@100ms|@500ms)?|depth(5|10|20|50)(@100ms|@500ms)?|rpiDepth@500ms",
}
_WHOLE = {
    MARKET: r"!markPrice@arr(@1s)?|!miniTicker@arr|!ticker@arr|!forceOrder@arr|!contractInfo|!assetIndex@arr|tradingSession"
    rf"|(?P<pair>[^@!/]+)_{_CONTRACT}@continuousKline_(1s|{_KLINE.removeprefix('kline_(')}",
    PUBLIC: r"!bookTicker",
}
_NAMES = {category: re.compile(rf"(?P<symbol>[^@!/]+)@({_PER_SYMBOL[category]})|{_WHOLE[category]}") for category in _WHOLE}


def category(name: str) -> str | None:
    """Return the route that carries a stream; None if there is no such stream. Symbols of any script are valid, but not in upper case.

    >>> category("btcusdt@aggTrade"), category("btcusdt@depth5@100ms"), category("BTCUSDT@aggTrade"), category("btcusdt@tape")
    ('market', 'public', None, None)
    """
    for route, pattern in _NAMES.items():
        match = pattern.fullmatch(name)
        if match:
            symbol = match["symbol"] or ""
            return route if symbol == symbol.lower() else None
    return None


def carries(route: str | None, name: str) -> bool:
    """Return whether a route carries data of a stream. None is the legacy route without a category, which kept the public streams only."""
    return category(name) == (route or PUBLIC)
