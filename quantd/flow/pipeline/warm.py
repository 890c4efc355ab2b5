"""The past of a symbol, fetched from its feed, so that windows are full within seconds of the start."""

import asyncio
from collections.abc import Sequence

from msgspec import Struct

from quantd.model import Bar, Tick
from quantd.plugin.base import Feed
from quantd.timeframes import MINUTE, SECOND, timeframe

_BARS = 1_500
_MOST_SECONDS = 15 * 60


class Past(Struct, frozen=True):
    """Closed 1m bars up to a moment, and every trade from then on."""

    bars: Sequence[Bar] = ()
    ticks: Sequence[Tick] = ()


async def fetch_past(feed: Feed, symbol: str, every: Sequence[str], seconds: int, now: int) -> Past:
    """The trades of at least the last `seconds`, from a full minute on, and the minutes before that if a longer timeframe asks for them."""
    minute = timeframe("1m")
    begin = minute.floor(now - min(seconds, _MOST_SECONDS) * SECOND)
    longer = any(timeframe(name).step >= MINUTE for name in every)
    bars, ticks = await asyncio.gather(
        feed.fetch_bars(symbol, "1m", begin - (_BARS if longer else 1) * MINUTE, begin),
        feed.fetch_ticks(symbol, begin, now + MINUTE),
    )
    return Past(bars, ticks)
