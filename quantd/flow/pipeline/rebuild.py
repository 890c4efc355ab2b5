"""Bars that closed long ago, and their points, made anew of the recorded trades after some came in late."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from quantd.flow.bars import lengthen, longest_source
from quantd.flow.history import History
from quantd.flow.pairs import PairSeries, analyse
from quantd.flow.pipeline.symbol import SymbolStage
from quantd.model import Bar, PairPoint
from quantd.timeframes import MINUTE, timeframe

Row = TypeVar("Row", Bar, PairPoint)


async def bars_again(stage: SymbolStage, history: History, start: int, end: int) -> list[Bar]:
    """The bars of every timeframe that hold a moment of start <= ts <= end (ms), where they differ from what the history has."""
    frames = sorted(map(timeframe, stage.every), key=lambda frame: frame.step)
    begin, until = frames[0].floor(start), frames[0].end(frames[0].floor(end))
    spans = stage.intake.ledger.spans()  # before the trades are read: one that comes meanwhile must not make them look whole
    ticks = await asyncio.to_thread(history.recorded_ticks, stage.symbol, begin, until)
    spans += stage.intake.ledger.spans()
    close = _close_before(stage, history, begin)
    remade = stage.remade(ticks, begin, until, close, spans)
    if close is None and remade and history.bars(stage.symbol, stage.base, remade[0].ts, remade[0].ts + 1):
        del remade[0]  # it is known, and whether it was whole is not to be told from these trades
    made: list[Bar] = []
    for number, frame in enumerate(frames):
        if frame.name == stage.base:
            bars = remade
        elif source := longest_source(frame, [each.name for each in frames[:number]]):
            known = history.bars(stage.symbol, source.name, frame.floor(begin), frame.end(frame.floor(until - 1)))
            fresh = {bar.ts: bar for bar in made if bar.every == source.name}
            bars = lengthen(sorted(({bar.ts: bar for bar in known} | fresh).values(), key=lambda bar: bar.ts), source, frame)
        else:
            bars = lengthen(remade, timeframe(stage.base), frame)
        if bars:
            made += _newer(bars, {bar.ts: bar for bar in history.bars(stage.symbol, frame.name, bars[0].ts, bars[-1].ts + 1)})
    return made


async def points_again(series: PairSeries, history: History, legs: tuple[str, str], bars: Iterable[Bar]) -> list[PairPoint]:
    """The points that these bars touch and that the series itself holds no more, where they differ from the history's, or are none of the
    current definition.

    A recursive regression has none: what it remembers of those days is that of then."""
    spec, frame = series.spec, timeframe(series.spec.every)
    touched = [bar.ts for bar in bars if bar.every == frame.name and bar.ts < series.oldest]
    if not touched or spec.regression.recursive:
        return []
    first, last = min(touched), min(max(touched) + spec.memory * frame.step, series.oldest)
    return await asyncio.to_thread(_points_of, series, history, legs, first, last)


def _points_of(series: PairSeries, history: History, legs: tuple[str, str], first: int, last: int) -> list[PairPoint]:
    """The points of first <= ts < last (ms) that differ from the history's. Reads the store: for a thread."""
    spec = series.spec
    reach = spec.memory * timeframe(spec.every).step
    y, x = (history.bars(leg, spec.every, first - reach, last) for leg in legs)
    known = {point.ts: point for point in history.known_points(spec.pair, spec.every, first, last)}
    return _newer([point for point in analyse(y, x, spec, series.guards) if point.ts in known], known)


def _newer(rows: Sequence[Row], known: dict[int, Row]) -> list[Row]:
    """Those that differ from what is known, under the next revision."""
    fresh = []
    for row in rows:
        old = known.get(row.ts)
        revision = 0 if old is None else old.revision
        if old is None or msgspec.structs.replace(row, revision=revision) != old:
            fresh.append(msgspec.structs.replace(row, revision=revision + (old is not None)))
    return fresh


def _close_before(stage: SymbolStage, history: History, begin: int) -> float | None:
    """The close of the last bar before, from which a quiet one goes on."""
    before = history.bars(stage.symbol, min(stage.every, key=lambda name: timeframe(name).step), begin - 10 * MINUTE, begin)
    return before[-1].close if before else None
