"""One-second bars of ticks: event time, late trades, holes; conservation whatever the order and the batches."""

import math
import random
from collections import defaultdict
from functools import partial

import msgspec
from hypothesis import given
from hypothesis import strategies as st

import quantd
from quantd.testing import fakes
from quantd_plugins.resamplers.time import Bucket, TimeBars

DAWN = 1_700_000_000_000


tick = partial(fakes.tick, "S", start=DAWN)


def test_a_bar_closes_when_the_watermark_reaches_its_end() -> None:
    bars = TimeBars()
    bars.update([tick(1, 10, 5.0), tick(2, 20, 7.0), tick(3, 990, 6.0)])
    assert bars.advance(DAWN + 999) == []
    assert [(bar.close, bar.quality) for bar in bars.forming()] == [(6.0, "forming")]
    (bar,) = bars.advance(DAWN + 1_000)
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.trades, bar.vwap, bar.taker_buy_volume) == (
        5.0,
        7.0,
        5.0,
        6.0,
        3.0,
        3,
        6.0,
        2.0,
    )
    assert bars.forming() == []


def test_open_and_close_go_by_id_not_by_arrival() -> None:
    bars = TimeBars()
    bars.update([tick(2, 500, 2.0), tick(1, 600, 1.0), tick(4, 100, 4.0), tick(3, 700, 3.0)])
    (bar,) = bars.advance(DAWN + 1_000)
    assert (bar.open, bar.close) == (1.0, 4.0)


def test_the_first_and_the_last_bar_are_partial_and_a_quiet_second_is_flat() -> None:
    bars = TimeBars()
    bars.update([tick(1, 500, 8.0), tick(2, 2_500, 9.0)])
    made = bars.flush(DAWN + 3_200)
    assert [(bar.ts - DAWN, bar.close, bar.trades, bar.quality, bar.vwap) for bar in made] == [
        (0, 8.0, 1, "partial", 8.0),
        (1_000, 8.0, 0, "complete", None),
        (2_000, 9.0, 1, "complete", 9.0),
        (3_000, 9.0, 0, "partial", None),
    ]


def test_a_late_trade_mends_its_bar_and_the_flat_ones_after_it() -> None:
    bars = TimeBars()
    bars.update([tick(1, 0, 1.0), tick(3, 3_000, 3.0)])
    bars.advance(DAWN + 4_000)
    bars.update([tick(2, 500, 2.0)])
    assert [(bar.ts - DAWN, bar.close, bar.trades, bar.revision) for bar in bars.advance(DAWN + 4_000)] == [
        (0, 2.0, 2, 1),
        (1_000, 2.0, 0, 1),
        (2_000, 2.0, 0, 1),
    ]


def test_a_trade_before_the_first_bar_opens_an_earlier_one() -> None:
    bars = TimeBars()
    bars.update([tick(5, 3_000, 3.0)])
    assert [bar.quality for bar in bars.advance(DAWN + 4_000)] == ["partial"]
    bars.update([tick(1, 1_000, 1.0)])
    assert [(bar.ts - DAWN, bar.close, bar.revision, bar.quality) for bar in bars.advance(DAWN + 4_000)] == [
        (1_000, 1.0, 0, "partial"),
        (2_000, 1.0, 0, "complete"),
        (3_000, 3.0, 1, "complete"),
    ]


def test_a_trade_too_late_to_mend_is_counted() -> None:
    bars = TimeBars(reopen="10s")
    bars.update([tick(1, 0), tick(2, 60_000)])
    bars.advance(DAWN + 60_000)
    bars.update([tick(3, 1_000)])
    assert (bars.lost, bars.advance(DAWN + 60_000)) == (1, [])


def test_bars_over_a_hole_say_so_until_it_is_filled() -> None:
    bars = TimeBars()
    bars.update([tick(1, 0), tick(5, 2_500)])
    bars.mark_holes([(DAWN, DAWN + 2_500)])
    assert [bar.quality for bar in bars.advance(DAWN + 4_000)] == ["gap", "gap", "gap", "complete"]
    bars.mark_holes([])
    assert [(bar.quality, bar.revision) for bar in bars.advance(DAWN + 4_000)] == [("partial", 1), ("complete", 1), ("complete", 1)]


def test_a_bar_under_a_hole_is_issued_again_once_when_the_hole_has_left_it() -> None:
    """As one that is filled page by page, from its end."""
    bars = TimeBars(reopen="10m")
    bars.update([tick(1, 100), tick(10_000, 300_100)])
    bars.mark_holes([(DAWN + 100, DAWN + 300_100)])
    assert {bar.quality for bar in bars.advance(DAWN + 301_000)} == {"gap"}
    again = []
    for end in range(295_000, -1, -5_900):
        bars.mark_holes([(DAWN + 100, DAWN + end)] if end > 100 else [])
        again += bars.advance(DAWN + 301_000)
    assert len(again) == len({bar.ts for bar in again}) == 301
    assert {(bar.quality, bar.revision) for bar in again} == {("complete", 1), ("partial", 1)}


spans = st.lists(st.tuples(st.integers(-3_000, 33_000), st.integers(0, 9_000)).map(lambda span: (span[0], sum(span))), max_size=5)


@given(st.lists(st.tuples(spans, st.integers(0, 4)), max_size=8))
def test_a_closed_bar_is_issued_again_for_holes_just_when_its_quality_changes(course: list[tuple[list[tuple[int, int]], int]]) -> None:
    """Whatever the holes are, in whatever order they are told, while time goes on."""
    bars, seconds = TimeBars(reopen="20s"), 20
    bars.begin("S", DAWN, 100.0)
    told = {bar.ts: bar.quality for bar in bars.advance(DAWN + seconds * 1000)}
    for holes, more in course:
        bars.mark_holes([(DAWN + first, DAWN + last) for first, last in holes])
        mendable = range(max(0, seconds - 20), seconds)
        seconds += more
        touched = {second for second in range(seconds) if any(a < second * 1000 + 1000 and b >= second * 1000 for a, b in holes)}
        expected = {
            DAWN + second * 1000: "gap" if second in touched else "complete" for second in (*mendable, *range(mendable.stop, seconds))
        }
        made = {bar.ts: bar.quality for bar in bars.advance(DAWN + seconds * 1000) if bar.ts >= DAWN + mendable.start * 1000}
        assert made == {ts: quality for ts, quality in expected.items() if told.get(ts) != quality}
        told |= made


Trades = list[tuple[int, int, int]]
trades = st.lists(st.tuples(st.integers(0, 20_000), st.integers(1, 50), st.integers(1, 9)), min_size=1, max_size=60)


@given(trades, st.randoms(use_true_random=False), st.integers(1, 7))
def test_every_trade_is_in_exactly_one_bar_in_any_order(rows: Trades, chance: random.Random, size: int) -> None:
    ticks = [tick(number, ts, float(price), float(qty)) for number, (ts, price, qty) in enumerate(rows, 1)]
    chance.shuffle(ticks)
    bars = TimeBars(reopen="1h")
    last: dict[int, quantd.Bar] = {}
    top = 0
    for start in range(0, len(ticks), size):
        batch = ticks[start : start + size]
        bars.update(batch)
        top = max(top, *(each.ts for each in batch))
        for bar in bars.advance(top - 500):
            assert bar.revision == (last[bar.ts].revision + 1 if bar.ts in last else 0)
            last[bar.ts] = bar
    last |= {bar.ts: bar for bar in bars.flush(top)}
    _matches_the_definition(ticks, last)


def _matches_the_definition(ticks: list[quantd.Tick], bars: dict[int, quantd.Bar]) -> None:
    by_second = defaultdict(list)
    for each in sorted(ticks, key=lambda each: each.id):
        by_second[each.ts // 1000 * 1000].append(each)
    assert sorted(bars) == list(range(min(by_second), max(by_second) + 1, 1000))
    close = None
    for ts in sorted(bars):
        bar, inside = bars[ts], by_second[ts]
        prices = [each.price for each in inside] or [close]
        assert (bar.open, bar.high, bar.low, bar.close) == (prices[0], max(prices), min(prices), prices[-1])
        assert (bar.volume, bar.trades) == (sum(each.qty for each in inside), len(inside))
        assert bar.taker_buy_volume == sum(each.qty for each in inside if not each.buyer_maker)
        close = bar.close


def test_prices_and_quantities_out_of_range_make_a_bar_without_vwap() -> None:
    bars = TimeBars()
    bars.update([tick(identity, identity, 1e200, 1e200) for identity in range(1, 101)])
    (forming,) = bars.forming()
    (closed,) = bars.advance(DAWN + 1_000)
    bars.update([tick(101, 500, 1e200, 1.7e308), tick(102, 501, 1e200, 1.7e308)])
    (mended,) = bars.advance(DAWN + 1_000)
    assert (forming.vwap, closed.vwap, mended.vwap) == (None, None, None)
    assert (forming.volume, closed.volume, mended.volume, mended.trades) == (1e202, 1e202, math.inf, 102)


def test_a_second_of_many_trades_keeps_few_numbers_open_or_closed() -> None:
    bucket, ticks = Bucket.at(DAWN, 0.1), [tick(identity, 0, 0.1, 0.7) for identity in range(1, 10_001)]
    for begin in range(0, len(ticks), 1_000):
        bucket.add(ticks[: begin + 1_000], begin)
        assert len(bucket.sums) < 8_200
    bars = TimeBars()
    bars.update(ticks[:100])
    (first,) = bars.advance(DAWN + 1_000)
    assert len(bars._buckets[DAWN].sums) == 6
    bars.update(ticks[100:101])
    (again,) = bars.advance(DAWN + 1_000)
    assert (first.volume, again.volume, first.vwap, again.vwap) == (70.0, 70.7, 0.1, 0.1)


def test_a_copy_begins_afresh() -> None:
    bars = TimeBars(reopen="7s")
    bars.update([tick(1, 0)])
    copy = msgspec.structs.replace(bars)
    assert (copy, copy.forming()) == (bars, [])
