"""Rebuilds closed bars from the recorded trades.

    trades in the record   . ..  .   .. .     ...   . .
    bars of the base       |  1s  |  1s  |  1s  |  1s  |      made by a fresh resampler, starting from the close of the bar before
    longer bars            |        1m from 1s         |      merged from the rebuilt parts and the known ones around them

A rebuilt bar is issued under the next revision if it holds more than the known one: see `news.supersedes`.
"""

import asyncio
from collections.abc import Iterable, Sequence

from msgspec import Struct

from quantd.flow.ingest.ledger import Span
from quantd.flow.news import supersedes
from quantd.flow.repair.revisions import next_revisions
from quantd.flow.symbol import SymbolStage
from quantd.history.history import History
from quantd.model import Bar, Tick
from quantd.stats.bars import lengthen, longest_source
from quantd.timeframes import MINUTE, Timeframe, timeframe


class RecordedTrades(Struct, frozen=True):
    """All recorded trades of begin <= ts < until (ms), which are whole buckets, and the times in which some are missing."""

    begin: int
    until: int
    ticks: Sequence[Tick]
    holes: Sequence[Span]


async def rebuild_bars(stage: SymbolStage, history: History, start: int, end: int) -> list[Bar]:
    """Return the bars of every timeframe that hold a moment of start <= ts <= end (ms), where the recorded trades hold more than the
    history does. Bars before the first recorded trade cannot be rebuilt."""
    frames = sorted(map(timeframe, stage.every), key=lambda frame: frame.step)
    since = await asyncio.to_thread(history.trades_since, stage.symbol)
    if since is None:
        return []
    begin, until = max(frames[0].floor(start), _whole_from(frames[0], since)), frames[0].end(frames[0].floor(end))
    if begin >= until:
        return []
    holes = stage.intake.ledger.spans()  # before the trades are read: a trade that arrives meanwhile must not make them look complete
    ticks = await asyncio.to_thread(history.recorded_ticks, stage.symbol, begin, until)
    trades = RecordedTrades(begin, until, ticks, holes + stage.intake.ledger.spans())
    return await asyncio.to_thread(_bars_of, stage, history, frames, trades)


def _bars_of(stage: SymbolStage, history: History, frames: Sequence[Timeframe], trades: RecordedTrades) -> list[Bar]:
    """Return the bars of these trades that hold more than the history does, the shortest first. Reads the store: call it in a thread."""
    base = _base_bars(stage, history, trades)
    made: list[Bar] = []
    for number, frame in enumerate(frames):
        if frame.name == stage.base:
            bars = base
        elif source := longest_source(frame, [each.name for each in frames[:number]]):
            parts = history.bars(stage.symbol, source.name, frame.floor(trades.begin), frame.end(frame.floor(trades.until - 1)))
            bars = lengthen(_replaced(parts, [bar for bar in made if bar.every == source.name]), source, frame)
        else:
            bars = lengthen(base, timeframe(stage.base), frame)
        if bars:
            known = {bar.ts: bar for bar in history.bars(stage.symbol, frame.name, bars[0].ts, bars[-1].ts + 1)}
            made += next_revisions([bar for bar in bars if bar.ts not in known or supersedes(bar, known[bar.ts])], known)
    return made


def _base_bars(stage: SymbolStage, history: History, trades: RecordedTrades) -> list[Bar]:
    close = _close_before(stage, history, trades.begin)
    bars = stage.rebuilt(trades.ticks, trades.begin, trades.until, close, trades.holes)
    if close is None and bars and history.bars(stage.symbol, stage.base, bars[0].ts, bars[0].ts + 1):
        del bars[0]  # it is known, and these trades do not show whether it was whole
    return bars


def _whole_from(frame: Timeframe, since: int) -> int:
    """Return when the first bucket opens whose trades are all after `since` (ms): of that moment, others may be missing."""
    return frame.end(frame.floor(since))


def _close_before(stage: SymbolStage, history: History, begin: int) -> float | None:
    """Return the close of the last bar before, which a bar without trades repeats."""
    before = history.bars(stage.symbol, min(stage.every, key=lambda name: timeframe(name).step), begin - 10 * MINUTE, begin)
    return before[-1].close if before else None


def _replaced(known: Iterable[Bar], rebuilt: Iterable[Bar]) -> list[Bar]:
    """Return the known bars of one series with the rebuilt ones in their places, ascending."""
    bars = {bar.ts: bar for bar in known} | {bar.ts: bar for bar in rebuilt}
    return [bars[ts] for ts in sorted(bars)]
