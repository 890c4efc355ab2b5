"""Merges bars of a shorter timeframe into bars of a longer one, so that the sums of all timeframes of a symbol agree."""

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise

from quantd.model import Bar, Quality
from quantd.stats.decimals import decimal_sum, mean_price
from quantd.timeframes import Timeframe, timeframe


def lengthen(bars: Sequence[Bar], source: Timeframe, frame: Timeframe) -> list[Bar]:
    """Return the closed bars of `frame` that these bars of `source`, oldest first, make up."""
    groups = {ts: list(parts) for ts, parts in groupby(bars, lambda bar: frame.floor(bar.ts))}
    if groups and source.end(bars[-1].ts) < frame.end(frame.floor(bars[-1].ts)):
        groups.popitem()  # the open one
    return [merge(parts, frame.name, ts, whole=fills(parts, ts, source, frame)) for ts, parts in groups.items()]


def longest_source(frame: Timeframe, names: Iterable[str]) -> Timeframe | None:
    """Return the longest of these timeframes from which `frame` can be merged."""
    return max((each for each in map(timeframe, names) if frame.holds(each)), key=lambda each: each.step, default=None)


def fills(parts: Sequence[Bar], start: int, source: Timeframe, frame: Timeframe) -> bool:
    """Return whether these bars of `source`, oldest first, cover the whole bucket of `frame` that opens at `start`."""
    joined = all(source.end(before.ts) == after.ts for before, after in pairwise(parts))
    return joined and parts[0].ts == start and source.end(parts[-1].ts) >= frame.end(start)


def merge(parts: Sequence[Bar], every: str, ts: int, *, whole: bool, revision: int = 0) -> Bar:
    """Merge the parts, bars of one symbol, oldest first, into one bar. Its prices come from the parts in which trades occurred. `whole`
    says whether the parts cover the whole bucket that opens at `ts`."""
    traded = _traded(parts)
    first, last = _ends(traded)
    low, high = min(part.low for part in traded), max(part.high for part in traded)
    volume = decimal_sum(part.volume for part in parts)
    return Bar(
        symbol=parts[0].symbol,
        every=every,
        ts=ts,
        open=first.open,
        high=high,
        low=low,
        close=last.close,
        volume=volume,
        trades=_total(part.trades for part in parts),
        vwap=_vwap(traded, volume, low, high),
        taker_buy_volume=_sum(part.taker_buy_volume for part in parts),
        quality=_worst(parts, whole),
        revision=revision,
        first_id=first.first_id,
        last_id=last.last_id,
    )


def _traded(parts: Sequence[Bar]) -> Sequence[Bar]:
    """Return the parts whose prices come from trades. If the source reports no volumes, these are all parts except those that stand in for
    missing ones. If there are none, return the last part, which is flat at the last close."""
    if any(part.trades or part.volume for part in parts):
        return [part for part in parts if part.trades or part.volume or part.low < part.high]
    return [part for part in parts if part.quality != "gap" or part.low < part.high] or parts[-1:]


def _ends(traded: Sequence[Bar]) -> tuple[Bar, Bar]:
    """Return the parts that hold the first and the last trade: by trade id, because times do not always follow the ids, or by time if there
    are no ids."""
    ids = [(part.first_id, part.last_id) for part in traded if part.first_id is not None and part.last_id is not None]
    if len(ids) < len(traded):
        return traded[0], traded[-1]
    firsts, lasts = zip(*ids, strict=True)
    return traded[firsts.index(min(firsts))], traded[lasts.index(max(lasts))]


def _worst(parts: Sequence[Bar], whole: bool) -> Quality:
    found = {part.quality for part in parts}
    if "gap" in found:
        return "gap"
    if not whole or "partial" in found:
        return "partial"
    return "imported" if "imported" in found else "complete"


def _vwap(traded: Sequence[Bar], volume: float, low: float, high: float) -> float | None:
    turnover = _sum(None if part.vwap is None else part.vwap * part.volume for part in traded if part.volume)
    return None if turnover is None else mean_price(turnover, volume, low, high)


def _total(values: Iterable[int | None]) -> int | None:
    known = list(values)
    return None if None in known else sum(value for value in known if value is not None)


def _sum(values: Iterable[float | None]) -> float | None:
    known = list(values)
    return None if None in known else decimal_sum(value for value in known if value is not None)
