"""The past of a symbol, fetched from its feed, so that windows are full within seconds of the start."""

import asyncio
import logging
from collections.abc import Sequence

from msgspec import Struct

from quantd.clock import Clock
from quantd.flow.history import History
from quantd.flow.ingest.ledger import FOR_EVER
from quantd.flow.record import Recorder
from quantd.model import Bar, Tick
from quantd.plugin.base import Feed
from quantd.timeframes import MINUTE, SECOND, timeframe

_BARS = 1_500
_MOST_SECONDS = 15 * 60
_PAUSES_S = (1.0, 3.0, 10.0)
_log = logging.getLogger("quantd.flow")


class Past(Struct, frozen=True):
    """Closed 1m bars up to a moment, and every trade from then on: those that are recorded, then those that are not."""

    bars: Sequence[Bar] = ()
    recorded: Sequence[Tick] = ()
    ticks: Sequence[Tick] = ()


def has_past(feed: Feed) -> bool:
    """Whether the feed can be asked for past trades."""
    return type(feed).fetch_ticks is not Feed.fetch_ticks


async def fetch_past(feed: Feed, symbol: str, every: Sequence[str], seconds: int, clock: Clock, history: History) -> Past:
    """The trades of at least the last `seconds`, from a full minute on, and the minutes before that if a longer timeframe asks for them.

    What is recorded is not asked for again. Tried a few times; empty where the feed does not answer."""
    for pause in (*_PAUSES_S, None):
        try:
            return await _fetch(feed, symbol, every, seconds, clock.now(), history)
        except Exception as error:
            if pause is None:
                _log.warning("%s begins without its past: %s", symbol, error)
                break
            _log.info("the past of %s is not to be had, asking again in %.0f s: %s", symbol, pause, error)
            await asyncio.sleep(pause)
    return Past()


def recorded_bars(recorder: Recorder | None, symbol: str, every: Sequence[str], begins: int) -> list[Bar]:
    """What is recorded of the bars that hold a moment from `begins` (ms) on. Reads the store."""
    if recorder is None or not begins:
        return []
    return [bar for name in every for bar in recorder.store.bars(symbol, name, timeframe(name).floor(begins), FOR_EVER)]


async def _fetch(feed: Feed, symbol: str, every: Sequence[str], seconds: int, now: int, history: History) -> Past:
    """Trades begin where the last closed bar ends: that is the exchange's word, our clock may be off."""
    minute = timeframe("1m")
    begin = minute.floor(now - min(seconds, _MOST_SECONDS) * SECOND)
    longer = any(timeframe(name).step >= MINUTE for name in every)
    bars = await feed.fetch_bars(symbol, "1m", begin - (_BARS if longer else 1) * MINUTE, begin)
    start = minute.end(bars[-1].ts) if bars else begin
    recorded = await asyncio.to_thread(history.recorded_ticks, symbol, start, now + MINUTE)
    last = recorded[-1] if recorded else None
    fresh = await feed.fetch_ticks(symbol, last.ts if last else start, now + MINUTE)
    return Past(bars, recorded, [tick for tick in fresh if last is None or tick.id > last.id])
