"""The checks of resamplers."""

import math
import random
from collections.abc import Sequence
from itertools import groupby, pairwise
from operator import attrgetter
from typing import get_args

import msgspec

from quantd.model import Bar, Quality, Tick
from quantd.plugin.base import Resampler
from quantd.testing import fakes
from quantd.timeframes import duration, timeframe

LATENESS = 1_500
"""Greatest lateness (ms) of trades in the out-of-order stream."""


def settings_are_times(resampler: Resampler) -> None:
    base = timeframe(resampler.base)
    duration(resampler.reopen)
    odd = [every for every in resampler.every if not timeframe(every).holds(base)]
    assert not odd, f"every: {', '.join(odd)} cannot be made of bars of {resampler.base}"


def makes_nothing_of_nothing(resampler: Resampler) -> None:
    bars = resampler.advance(fakes.START) + resampler.flush(fakes.START)
    assert not bars, f"makes {bars[:1]} without a trade"
    assert resampler.forming() == [], "has a forming bar without a trade"


def conserves_trades(resampler: Resampler) -> None:
    ticks = _ticks()
    _assert_conserved(ticks, _play(resampler, ticks, 100), resampler.lost)


def conserves_late_trades(resampler: Resampler) -> None:
    ticks = _disordered()
    _assert_conserved(ticks, _play(resampler, ticks, 10), resampler.lost)


def revisions_count_up(resampler: Resampler) -> None:
    issued = sorted(_play(resampler, _disordered(), 10), key=attrgetter("ts"))
    for ts, bars in groupby(issued, attrgetter("ts")):
        revisions = [bar.revision for bar in bars]
        assert revisions == list(range(len(revisions))), f"the bar of {ts} was issued with revisions {revisions}"


def bars_are_ordered(resampler: Resampler) -> None:
    for bar in _play(resampler, _disordered(), 10):
        assert 0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high, f"low, open, close, high: {bar}"
        assert bar.vwap is None or bar.low <= bar.vwap <= bar.high, f"vwap outside of the range: {bar}"
        assert (bar.vwap is None) == (bar.volume == 0), f"vwap stands for no volume: {bar}"
        assert bar.taker_buy_volume is None or 0 <= bar.taker_buy_volume <= bar.volume, f"taker_buy_volume: {bar}"
        assert bar.quality in get_args(Quality), f"quality {bar.quality!r}: {bar}"
        assert bar.quality != "forming", f"a closed bar that is forming: {bar}"


def bars_are_contiguous(resampler: Resampler) -> None:
    ticks = _ticks(spacing=2_000)
    bars = list(_last(_play(resampler, ticks, 10)).values())
    frame = timeframe(resampler.base)
    assert {(bar.symbol, bar.every) for bar in bars} == {(ticks[0].symbol, resampler.base)}, "bars of another symbol or timeframe"
    assert bars[0].ts == frame.floor(ticks[0].ts), f"the first trade is of {ticks[0].ts}, the first bar of {bars[0].ts}"
    assert bars[-1].ts == frame.floor(ticks[-1].ts), f"the last trade is of {ticks[-1].ts}, the last bar of {bars[-1].ts}"
    for bar, following in pairwise(bars):
        assert following.ts == frame.end(bar.ts), f"after the bar of {bar.ts} comes that of {following.ts}"
        if not following.volume:
            assert {following.open, following.high, following.low, following.close} == {bar.close}, f"not flat: {following} after {bar}"


def batches_make_no_difference(resampler: Resampler) -> None:
    ticks = _ticks()
    whole, *others = (_last(_play(msgspec.structs.replace(resampler), ticks, size)) for size in (len(ticks), 1, 7, 100))
    for bars in others:
        differing = [bar for bar in whole.values() if bars.get(bar.ts) != bar]
        assert bars.keys() == whole.keys(), "other batches make other bars"
        assert not differing, f"{differing[0]} in one batch is {bars[differing[0].ts]} in smaller ones"


def looking_at_the_forming_bar_changes_nothing(resampler: Resampler) -> None:
    ticks = _ticks()
    looked_at = msgspec.structs.replace(resampler)
    for tick in ticks:
        looked_at.update([tick])
        forming = looked_at.forming()
        assert forming, "no forming bar after a trade"
        assert {bar.quality for bar in forming} == {"forming"}, f"{forming} after {tick}"
        assert forming[-1].close == tick.price, f"{forming[-1]} after {tick}"
    resampler.update(ticks)
    end = ticks[-1].ts
    assert looked_at.flush(end) == resampler.flush(end), "bars change when one looks at the forming bar"


def _ticks(spacing: int = 200) -> list[Tick]:
    return fakes.ticks(1_500, spacing=spacing)


def _disordered() -> list[Tick]:
    rng = random.Random(0)
    return sorted(_ticks(), key=lambda tick: tick.ts + rng.randrange(LATENESS))


def _play(resampler: Resampler, ticks: Sequence[Tick], size: int) -> list[Bar]:
    """Return all bars as issued. Ticks come in batches of `size`; after each batch the watermark is at the newest tick."""
    issued = []
    newest = 0
    for begin in range(0, len(ticks), size):
        batch = ticks[begin : begin + size]
        newest = max(newest, *(tick.ts for tick in batch))
        resampler.update(batch)
        issued += resampler.advance(newest)
    return issued + resampler.flush(newest)


def _last(bars: Sequence[Bar]) -> dict[int, Bar]:
    """Return the last revision of each bar, by time."""
    return {bar.ts: bar for bar in sorted(bars, key=attrgetter("ts", "revision"))}


def _assert_conserved(ticks: Sequence[Tick], issued: Sequence[Bar], lost: int) -> None:
    bars = list(_last(issued).values())
    counts = [bar.trades for bar in bars if bar.trades is not None]
    assert sum(counts) + lost == len(ticks), f"{len(ticks)} trades in, {sum(counts)} in bars, {lost} lost"
    if not lost:
        _assert_sum("volume", [bar.volume for bar in bars], [tick.qty for tick in ticks])
        buys = [tick.qty for tick in ticks if not tick.buyer_maker]
        _assert_sum("taker_buy_volume", [bar.taker_buy_volume or 0.0 for bar in bars], buys)
        _assert_sum("notional", [(bar.vwap or 0.0) * bar.volume for bar in bars], [tick.price * tick.qty for tick in ticks])


def _assert_sum(name: str, made: Sequence[float], given: Sequence[float]) -> None:
    assert math.isclose(sum(made), sum(given), rel_tol=1e-9), f"{name}: {sum(given)} in, {sum(made)} in bars"


CHECKS = (
    settings_are_times,
    makes_nothing_of_nothing,
    conserves_trades,
    conserves_late_trades,
    revisions_count_up,
    bars_are_ordered,
    bars_are_contiguous,
    batches_make_no_difference,
    looking_at_the_forming_bar_changes_nothing,
)
