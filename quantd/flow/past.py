"""Reads the past of a symbol from its record and its feed, so that windows are full within seconds of the start.

    |--- closed bars of each timeframe ---|--- every trade ------------------------|
    since                              begins        the newest recorded         now
                                                     trade: those after it
                                                     are fetched

A recorded bar that is whole is taken as it is. Other bars, and those of the time in which the daemon was not running, are replaced by
klines of the longest timeframe that they can be made of.
"""

import asyncio
import logging
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext

from msgspec import Struct

from quantd.clock import Clock
from quantd.flow.ingest.ledger import Numbering
from quantd.history.history import History
from quantd.history.klines import LOOK_BACK, klines
from quantd.model import WHOLE, Bar, Tick
from quantd.plugin import answers
from quantd.plugin.base import Feed
from quantd.timeframes import DAY, MINUTE, SECOND, Timeframe, timeframe
from quantd.times import FOR_EVER

LONGEST_MS = 14 * DAY
MINUTES_AWAY = 1_500
"""Number of minutes of a daemon's absence that klines fill for bars of up to 1m; `LONGEST_MS` for longer bars."""
LATE_MS = 2 * SECOND
"""How long (ms) after its end a bar is asked for, so that the venue has closed it."""
_MOST_TRADES_MS = 15 * MINUTE
_CHEAP_BARS = 499
"""Number of bars that a venue with Binance's limits returns for the weight of two requests for a few bars."""
_PAUSES_S = (1.0, 3.0, 10.0)
_log = logging.getLogger("quantd.flow")


class Demand(Struct, frozen=True):
    """The needs of one symbol: the number of bars behind a point, by timeframe; and a function that returns, for a moment (ms), which bars
    are parts of the buckets open then, and from which time (ms) on."""

    symbol: str
    base: str
    needed: Mapping[str, int]
    parts: Callable[[int], Mapping[str, int]]


class Past(Struct, frozen=True):
    """Closed bars by timeframe, oldest first, that end by `begins` (ms), and every trade from then on: the recorded ones, then the others.
    `begins` is 0 if nothing is known of the past; `told` says whether the feed has delivered the unrecorded trades."""

    begins: int = 0
    bars: Mapping[str, Sequence[Bar]] = {}
    recorded: Sequence[Tick] = ()
    ticks: Sequence[Tick] = ()
    told: bool = False


class Known(Struct, frozen=True):
    """The trades of a symbol that need not be fetched: the newest recorded one is of the time `newest` (ms), and those from `streamed` (ms)
    on come from the stream, except where ids are missing. If `streamed` is None, trades up to now are fetched."""

    newest: int | None
    streamed: int | None = None


Turn = Callable[[], AbstractAsyncContextManager[None]]
"""Returns a context in which the symbol may ask the feed."""


async def read_past(feed: Feed, demand: Demand, known: Known, clock: Clock, history: History, turn: Turn = nullcontext) -> Past:
    """Return the past of a symbol. Each attempt to ask the feed waits for its turn. If the feed does not answer a few attempts, return what
    is recorded."""
    for pause in _PAUSES_S:
        try:
            async with turn():
                return await _Reader(feed, demand, known, clock.now(), history).read()
        except Exception as error:
            _log.info("the past of %s is not to be had, asking again in %.0f s: %s", demand.symbol, pause, error)
        await asyncio.sleep(pause)
    try:
        async with turn():
            return await _Reader(feed, demand, known, clock.now(), history).read()
    except Exception as error:
        _log.warning("%s begins without its past but what is recorded: %s", demand.symbol, error)
    return await _Reader(None, demand, known, clock.now(), history).read()


def first_opening(feed: Feed, demand: Demand, streamed: int) -> int:
    """Return the first time (ms) at or after `streamed` at which a bar opens that the feed has closed bars before."""
    opening = _opening(feed, demand)
    start = opening.floor(streamed)
    return start if start == streamed else opening.end(start)


def _opening(feed: Feed | None, demand: Demand) -> Timeframe:
    """Return the shortest timeframe of the feed's past bars that consists of whole base bars of the symbol."""
    base = timeframe(demand.base)
    told = [each for each in map(timeframe, feed.past_timeframes if feed else ()) if each.holds(base)]
    return min(told, key=lambda frame: frame.step, default=timeframe("1m") if timeframe("1m").holds(base) else base)


class _Reader:
    """One attempt to read the past. `feed` is None if only the record is to be read."""

    def __init__(self, feed: Feed | None, demand: Demand, known: Known, now: int, history: History) -> None:
        self._feed = feed
        self._demand = demand
        self._newest = known.newest
        self._streamed = known.streamed if feed else None
        self._now = now
        self._history = history
        self._opening = _opening(feed, demand)

    async def read(self) -> Past:
        """Read the past. Trades begin at the end of the last closed bar of the shortest timeframe: the exchange determines it, since our
        clock may be off."""
        opening = self._opening
        begin = self._trades_from() if self._streamed is None else opening.floor(self._now - LATE_MS)
        since = min(self._since(opening), opening.floor(begin - opening.step))
        closed = await self._bars(opening, since, begin)
        if self._feed is None and not closed and not self._history.span("bars", self._demand.symbol, self._demand.base):
            return Past()
        begins = opening.end(closed[-1].ts) if closed and self._feed else begin
        parts = self._demand.parts(begins)
        bars = {opening.name: closed}
        for frame in map(timeframe, dict.fromkeys((*self._demand.needed, *parts))):
            if frame != opening:
                bars[frame.name] = await self._bars(frame, min(self._since(frame), parts.get(frame.name, FOR_EVER)), begins)
        return Past(begins, bars, *await self._trades(begins), told=self._feed is not None)

    def _trades_from(self) -> int:
        """Return the time (ms) from which on trades are needed: for bars shorter than those of the feed, and for missed trades, within
        bounds."""
        shorter = [count * frame.step for frame, count in self._wanted() if frame.step < self._opening.step]
        oldest = self._now - min(max(shorter, default=0) + LATE_MS, _MOST_TRADES_MS)
        if self._newest is not None:
            oldest = min(oldest, max(self._newest, self._now - _MOST_TRADES_MS))
        return self._opening.floor(oldest)

    def _wanted(self) -> Iterator[tuple[Timeframe, int]]:
        return ((timeframe(name), count) for name, count in self._demand.needed.items())

    def _since(self, frame: Timeframe) -> int:
        """Return the time (ms) from which on bars of a timeframe are needed: for windows, for charts, and for those that closed while the
        daemon was not running."""
        needed = self._demand.needed.get(frame.name)
        if needed is None:
            return FOR_EVER
        since = self._now - max(needed * frame.step, min(LOOK_BACK * frame.step, LONGEST_MS))
        if recorded := self._history.span("bars", self._demand.symbol, frame.name):
            farthest = self._now - (LONGEST_MS if frame.step > MINUTE else MINUTES_AWAY * frame.step)
            since = min(since, max(recorded[1], farthest) - needed * frame.step)
        return frame.floor(since)

    async def _bars(self, frame: Timeframe, since: int, until: int) -> list[Bar]:
        """Return the bars that end by `until` (ms). For a timeframe shorter than those of the feed, only recorded bars are read."""
        known: dict[int, Bar] = {}
        if frame.name in self._demand.needed:
            recorded = await asyncio.to_thread(self._history.recorded_bars, self._demand.symbol, frame.name, since, FOR_EVER)
            self._history.restore_bars(recorded, since)
            known = {bar.ts: bar for bar in recorded if frame.end(bar.ts) <= until}
        if self._feed and frame.step >= self._opening.step:
            whole = {ts for ts, bar in known.items() if bar.quality in WHOLE}
            for first, last in missing_runs(frame, self._asked_from(frame, since, known), until, whole):
                told = await klines(self._feed, self._demand.symbol, frame, first, frame.end(last))
                known |= {bar.ts: bar for bar in told if bar.ts not in whole}
        return [known[ts] for ts in sorted(known)]

    def _asked_from(self, frame: Timeframe, since: int, known: Mapping[int, Bar]) -> int:
        """Return the time (ms) from which on bars are to be asked for. If the first recorded bar is one of the feed's, an earlier start
        that asked for older ones got none, so only the window is asked for again."""
        first = known[min(known)] if known else None
        if first is None or first.quality != "imported":
            return since
        window = frame.floor(self._now - self._demand.needed[frame.name] * frame.step)
        return max(since, min(first.ts, window))

    async def _trades(self, begins: int) -> tuple[list[Tick], list[Tick]]:
        """Return the recorded trades from `begins` (ms) on, and the trades of the feed after those that the stream does not bring. If the
        record begins later, since its beginning was deleted, the trades before it come from the feed, and stay out of the record."""
        symbol = self._demand.symbol
        recorded = await asyncio.to_thread(self._history.recorded_ticks, symbol, begins, FOR_EVER)
        if self._feed is None or (self._streamed is not None and self._streamed <= begins):
            return recorded, []
        since = await asyncio.to_thread(self._history.trades_since, symbol)
        is_whole = recorded and since is not None and since <= begins
        fresh = await answers.rows(Tick, self._feed.fetch_ticks, symbol, recorded[-1].ts if is_whole else begins, self._now + DAY)
        numbering = Numbering()
        numbered = [(tick.id or numbering.number(tick.ts), tick) for tick in fresh]
        first, last = (recorded[0].id, recorded[-1].id) if recorded else (0, -1)
        older = [tick for number, tick in numbered if number < first]
        return older + recorded, [tick for number, tick in numbered if number > last]


def missing_runs(frame: Timeframe, since: int, until: int, known: Container[int]) -> list[tuple[int, int]]:
    """Return the first and last open time of each run of buckets that are not known, of those that open from `since` on and end by `until`.
    Runs that fit into one cheap request are one, since that costs no more than two."""
    runs: list[tuple[int, int]] = []
    start, begun, index, last = frame.floor(since), 0, 0, -2
    while (end := frame.end(start)) <= until:
        if start not in known:
            if runs and (last == index - 1 or index - begun < _CHEAP_BARS):
                runs[-1] = runs[-1][0], start
            else:
                runs.append((start, start))
                begun = index
            last = index
        start, index = end, index + 1
    return runs
