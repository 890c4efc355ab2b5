"""Reads closed bars of the past from the exchange."""

from quantd.model import WHOLE, Bar
from quantd.plugin import answers
from quantd.plugin.base import Feed
from quantd.stats.bars import lengthen, longest_source
from quantd.timeframes import Timeframe

LOOK_BACK = 480
"""Number of past bars of each timeframe that are available for charts."""


def has_past(feed: Feed) -> bool:
    """Return whether the feed can be asked for past trades."""
    return type(feed).fetch_ticks is not Feed.fetch_ticks


async def klines(feed: Feed, symbol: str, frame: Timeframe, start: int, end: int) -> list[Bar]:
    """Return the past bars of start <= ts < end (ms), made from the longest klines that fit. A bar that the klines do not fill is left
    out."""
    source = longest_source(frame, feed.past_timeframes)
    if source is None:
        return []
    told = await answers.rows(Bar, feed.fetch_bars, symbol, source.name, start, end)
    return told if source == frame else [bar for bar in lengthen(told, source, frame) if bar.quality in WHOLE]
