"""Bars that closed long ago, and their points, made anew of the recorded trades after some came in late."""

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import accumulate
from typing import NamedTuple, TypeVar

import msgspec

from quantd.flow.bars.merge import lengthen, longest_source
from quantd.flow.ingest.ledger import Span
from quantd.flow.news import supersedes
from quantd.flow.pairs import Guards, PairSeries, PairSpec
from quantd.flow.pairs.spec import worse
from quantd.flow.symbol import SymbolStage
from quantd.history.history import History
from quantd.model import DEFINITION, WHOLE, Bar, PairPoint, Tick
from quantd.timeframes import MINUTE, Timeframe, timeframe

Row = TypeVar("Row", Bar, PairPoint)


class Remade(NamedTuple):
    """Points under their next revisions, and up to when (ms) those that are not among them are right as they are."""

    points: list[PairPoint]
    upto: int


async def bars_again(stage: SymbolStage, history: History, start: int, end: int) -> list[Bar]:
    """The bars of every timeframe that hold a moment of start <= ts <= end (ms), where the recorded trades tell more of them than the
    history does. Of a time before the first recorded trade these tell nothing."""
    frames = sorted(map(timeframe, stage.every), key=lambda frame: frame.step)
    since = await asyncio.to_thread(history.trades_since, stage.symbol)
    if since is None:
        return []
    begin, until = max(frames[0].floor(start), _whole_from(frames[0], since)), frames[0].end(frames[0].floor(end))
    if begin >= until:
        return []
    spans = stage.intake.ledger.spans()  # before the trades are read: one that comes meanwhile must not make them look whole
    ticks = await asyncio.to_thread(history.recorded_ticks, stage.symbol, begin, until)
    spans += stage.intake.ledger.spans()
    return await asyncio.to_thread(_bars_of, stage, history, frames, (begin, until), ticks, spans)


def _bars_of(
    stage: SymbolStage, history: History, frames: Sequence[Timeframe], span: Span, ticks: Sequence[Tick], holes: Sequence[Span]
) -> list[Bar]:
    """The bars of these trades in begin <= ts < until (ms), where they tell more than the history does. Reads the store: for a thread."""
    begin, until = span
    close = _close_before(stage, history, begin)
    remade = stage.remade(ticks, begin, until, close, holes)
    if close is None and remade and history.bars(stage.symbol, stage.base, remade[0].ts, remade[0].ts + 1):
        del remade[0]  # it is known, and whether it was whole is not to be told from these trades
    made: list[Bar] = []
    for number, frame in enumerate(frames):
        if frame.name == stage.base:
            bars = remade
        elif source := longest_source(frame, [each.name for each in frames[:number]]):
            parts = history.bars(stage.symbol, source.name, frame.floor(begin), frame.end(frame.floor(until - 1)))
            bars = lengthen(_with(parts, [bar for bar in made if bar.every == source.name], stage.symbol), source, frame)
        else:
            bars = lengthen(remade, timeframe(stage.base), frame)
        if bars:
            known = {bar.ts: bar for bar in history.bars(stage.symbol, frame.name, bars[0].ts, bars[-1].ts + 1)}
            made += _newer([bar for bar in bars if bar.ts not in known or supersedes(bar, known[bar.ts])], known)
    return made


def _whole_from(frame: Timeframe, since: int) -> int:
    """When the first bucket opens of which no trade is from before `since`, or at it: of that moment others may be missing."""
    return frame.end(frame.floor(since))


async def points_again(series: PairSeries, history: History, legs: tuple[str, str], bars: Iterable[Bar]) -> Remade:
    """The points that these bars touch, which the history does not have yet as they are: those that differ, and those that lack.

    What a recursive regression remembers of those days is that of then: only points of these bars themselves are made, and only up to the
    bars that the series itself holds."""
    spec = series.spec
    fresh = [bar for bar in bars if bar.every == spec.every]
    if not fresh:
        return Remade([], 0)
    first, until = touched(spec, min(bar.ts for bar in fresh), max(bar.ts for bar in fresh))
    until = min(until, series.oldest) if spec.regression.recursive else until
    return await asyncio.to_thread(points_of, spec, series.guards, history, legs, (first, until), fresh)


def touched(spec: PairSpec, first: int, last: int) -> Span:
    """From when on, and up to when (ms), points change where bars of first <= ts <= last do; of a recursive regression those themselves."""
    return first, last + 1 + (0 if spec.regression.recursive else spec.memory * timeframe(spec.every).step)


def disagreeing(spec: PairSpec, history: History, legs: tuple[str, str], span: Span) -> Span | None:
    """The times of the first and the last bar of start <= ts < end (ms) of which the point is of other prices, of another quality or
    coverage, or lacks. Reads the store: for a thread."""
    y, x = ({bar.ts: bar for bar in bars} for bars in _legs_before(spec, history, legs, span, ()))
    known = {point.ts: point for point in history.known_points(spec.pair, spec.every, *span)}
    shared = sorted(y.keys() & x.keys())
    rows = zip(shared, _coverages([(y[ts], x[ts]) for ts in shared], spec.reach), strict=True)
    wrong = [ts for ts, coverage in rows if ts >= span[0] and not _fits(spec, known.get(ts), y[ts], x[ts], coverage)]
    return (wrong[0], wrong[-1]) if wrong else None


def _coverages(rows: Sequence[tuple[Bar, Bar]], reach: int) -> list[float]:
    """Of each row, the share of the bars behind it that hold every trade."""
    whole = [(y.quality in WHOLE) + (x.quality in WHOLE) for y, x in rows]
    sums = [0, *accumulate(whole)]
    return [(sums[end] - sums[max(0, end - reach)]) / (2 * min(end, reach)) for end in range(1, len(sums))]


def _fits(spec: PairSpec, point: PairPoint | None, y: Bar, x: Bar, coverage: float) -> bool:
    """Whether a point is of these bars. Those of an older definition are made anew anyway."""
    if point is None or point.definition < DEFINITION:
        return point is not None
    told = (point.y, point.x, point.quality, point.coverage)
    return told == (spec.price(y.close), spec.price(x.close), worse(y.quality, x.quality), coverage)


def points_of(spec: PairSpec, guards: Guards, history: History, legs: tuple[str, str], span: Span, fresh: Sequence[Bar] = ()) -> Remade:
    """The points of first <= ts < until (ms) that differ from the history's, or are not in it. `fresh` are bars that it does not have yet.
    Reads the store: for a thread."""
    first, until = span
    y, x = _legs_before(spec, history, legs, span, fresh)
    known = {point.ts: point for point in history.known_points(spec.pair, spec.every, first, until)}
    recall = partial(history.points, spec.pair, spec.every)
    quick = msgspec.structs.replace(spec, jobs=tuple(job for job in spec.jobs if not job.background))
    points = PairSeries(quick, guards, reopen=0, recall=recall).add(y, x, measure_from=first)
    made = [_with_findings(point, known.get(point.ts)) for point in points if point.ts >= first]
    if spec.regression.recursive:
        made = [point for point in made if point.ts not in known or not _of_same_bars(point, known[point.ts])]
    ends = [bars[-1].ts + 1 for bars in (y, x) if bars]
    return Remade(_newer(made, known), min(ends, default=first))


def _legs_before(spec: PairSpec, history: History, legs: tuple[str, str], span: Span, fresh: Sequence[Bar]) -> tuple[list[Bar], list[Bar]]:
    """The bars of both legs up to the end of a span, and as many before it as a point depends on."""
    first, until = span
    reach = spec.memory * timeframe(spec.every).step
    shared = -1
    while True:
        y, x = (_with(history.bars(leg, spec.every, first - reach, until), fresh, leg) for leg in legs)
        before = sum(ts < first for ts in {bar.ts for bar in y} & {bar.ts for bar in x})
        if before >= spec.memory or before == shared or reach > first:
            return y, x
        shared, reach = before, 4 * reach


def _with(known: Iterable[Bar], fresh: Iterable[Bar], symbol: str) -> list[Bar]:
    bars = {bar.ts: bar for bar in known} | {bar.ts: bar for bar in fresh if bar.symbol == symbol}
    return [bars[ts] for ts in sorted(bars)]


def _with_findings(point: PairPoint, known: PairPoint | None) -> PairPoint:
    """What slow jobs had found of it stays: they run at few bars, and do not run again."""
    return point if known is None else msgspec.structs.replace(point, metrics={**known.metrics, **point.metrics})


def _of_same_bars(point: PairPoint, other: PairPoint) -> bool:
    return (point.y, point.x, point.quality, point.coverage) == (other.y, other.x, other.quality, other.coverage)


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
