"""Longer timeframes are merged from shorter bars."""

import math
from typing import Any

import msgspec
import pytest

from quantd.flow.bars.merge import Merger, bridge, ladder
from quantd.model import Bar, Quality
from quantd.stats.bars import lengthen
from quantd.timeframes import DAY, HOUR, MINUTE, SECOND, timeframe

DAWN = 20_000 * DAY


def second(number: int, *, close: float = 100.0, quality: Quality = "complete", revision: int = 0) -> Bar:
    volume = 1.0 + number % 3
    return Bar("S", "1s", DAWN + number * SECOND, 100.0, 101.0 + number, 99.0, close, volume, 2, 100.5, 0.5, quality, revision)


def test_a_bucket_closes_with_its_last_part_and_sums_agree() -> None:
    bars = Merger("1s", ["1s", "1m", "5m"], reopen=HOUR).add([second(n) for n in range(300)])
    by = {every: [bar for bar in bars if bar.every == every] for every in ("1s", "1m", "5m")}
    assert [len(by[every]) for every in by] == [300, 5, 1]
    assert math.fsum(bar.volume for bar in by["1m"]) == by["5m"][0].volume == math.fsum(bar.volume for bar in by["1s"])
    assert by["5m"][0] == Bar("S", "5m", DAWN, 100.0, 400.0, 99.0, 100.0, 600.0, 600, 100.5, 150.0, "complete")


@pytest.mark.parametrize(("every", "opens"), [("14h", [0, 14]), ("1d", [0]), ("7h", [0, 7, 14, 21])])
def test_long_buckets_follow_the_utc_day(every: str, opens: list[int]) -> None:
    bars = Merger("1m", [every], reopen=HOUR).add(
        [Bar("S", "1m", DAWN + n * MINUTE, *(1.0,) * 5, 1, 1.0, 1.0, "complete") for n in range(1440)]
    )
    assert [(bar.ts - DAWN) // HOUR for bar in bars] == opens
    assert sum(bar.volume for bar in bars) == 1440


def test_steps_on_the_way_are_merged_but_not_handed_out() -> None:
    assert [frame.name for frame in ladder("1s", ["1d"])] == ["1m", "1h", "1d"]
    assert {bar.every for bar in Merger("1s", ["5m"], HOUR).add([second(n) for n in range(600)])} == {"5m"}


def test_a_mended_part_mends_every_closed_bucket_above_it() -> None:
    merger = Merger("1s", ["1s", "1m", "5m"], reopen=HOUR)
    merger.add([second(n) for n in range(320)])
    mended = merger.add([second(59, close=777.0, revision=1)])
    assert [(bar.every, bar.revision, bar.close) for bar in mended] == [("1s", 1, 777.0), ("1m", 1, 777.0), ("5m", 1, 100.0)]


def test_what_closes_in_the_same_batch_does_not_forget_the_bucket_that_a_part_mends() -> None:
    merger = Merger("1s", ["1m"], reopen=SECOND)
    merger.add([second(n) for n in range(60)])
    mended, *closed = merger.add([second(59, close=777.0, revision=1), *(second(n) for n in range(60, 240))])
    assert ((mended.ts - DAWN) // MINUTE, mended.revision, mended.close) == (0, 1, 777.0)
    assert [(bar.ts - DAWN) // MINUTE for bar in closed] == [1, 2, 3]


def test_a_mended_part_of_an_open_bucket_only_counts() -> None:
    merger = Merger("1s", ["1m"], reopen=HOUR)
    merger.add([second(n) for n in range(59)])
    merger.add([second(58, close=5.0, revision=1)])
    (closed,) = merger.add([second(59, close=6.0)])
    assert (closed.close, closed.revision, closed.volume) == (6.0, 0, 120.0)


def test_a_bar_before_the_first_one_mends_what_it_falls_in() -> None:
    merger = Merger("1s", ["1m"], reopen=HOUR)
    merger.add([second(n) for n in range(60, 130)])
    bars = merger.add([second(59)])
    assert [(bar.ts - DAWN, bar.revision, bar.quality) for bar in bars] == [(0, 0, "partial")]


@pytest.mark.parametrize(
    ("qualities", "merged"),
    [
        (["complete"] * 60, "complete"),
        (["partial"] + ["complete"] * 59, "partial"),
        (["gap"] + ["partial"] * 59, "gap"),
        (["imported"] * 60, "imported"),
    ],
)
def test_the_worst_part_names_the_quality(qualities: list[Quality], merged: str) -> None:
    (bar,) = Merger("1s", ["1m"], HOUR).add([second(n, quality=quality) for n, quality in enumerate(qualities)])
    assert bar.quality == merged


def test_a_bucket_that_is_not_filled_is_partial() -> None:
    merger = Merger("1s", ["1m"], HOUR)
    assert [bar.quality for bar in merger.add([second(n) for n in range(30, 60)])] == ["partial"]
    merger.add([second(60)])
    assert [(bar.quality, bar.volume) for bar in merger.flush()] == [("partial", 1.0)]


def test_quiet_parts_have_no_vwap_and_imported_ones_no_trades() -> None:
    flat = Bar("S", "1s", DAWN, *(100.0,) * 4, 0.0, 0, None, 0.0, "complete")
    merger = Merger("1s", ["1m"], HOUR)
    merger.add([flat, second(1)])
    (bar,) = merger.flush()
    assert (bar.vwap, bar.trades) == (100.5, 2)
    rows = Merger("1m", ["5m"], HOUR).add(
        [Bar("S", "1m", DAWN + n * MINUTE, *(1.0,) * 4, 9.0, None, None, None, "imported") for n in range(5)]
    )
    assert (rows[0].vwap, rows[0].trades, rows[0].taker_buy_volume, rows[0].volume) == (None, None, None, 45.0)


def priced(number: int, price: float, volume: float, **changes: Any) -> Bar:
    """A second of one price, in which so much traded."""
    bar = Bar("S", "1s", DAWN + number * SECOND, *(price,) * 4, volume, int(volume > 0), price if volume else None, 0.0, "complete")
    return msgspec.structs.replace(bar, **changes)


def prices(bar: Bar) -> tuple[float, float, float, float]:
    return bar.open, bar.high, bar.low, bar.close


QUIET_OPEN = [*(priced(n, 101.0, 0.0) for n in range(30)), priced(30, 110.0, 1.0), priced(31, 112.0, 1.0)]
QUIET_OPEN += [priced(n, 112.0, 0.0) for n in range(32, 60)]


@pytest.mark.parametrize("unknown", [{}, {"trades": None, "quality": "imported"}, {"trades": None, "taker_buy_volume": None}])
def test_prices_are_those_of_the_parts_that_traded(unknown: dict[str, Any]) -> None:
    """Quiet parts stand at the close before: not a price of this bar."""
    parts = [msgspec.structs.replace(bar, **unknown) for bar in QUIET_OPEN]
    bars = Merger("1s", ["1m", "1h"], HOUR)
    (minute,) = bars.add(parts)
    assert prices(minute) == (110.0, 112.0, 110.0, 112.0)
    assert [prices(bar) for bar in bars.flush() if bar.every == "1h"] == [(110.0, 112.0, 110.0, 112.0)]
    assert [prices(bar) for bar in lengthen(parts, timeframe("1s"), timeframe("1m"))] == [(110.0, 112.0, 110.0, 112.0)]
    forming = Merger("1s", ["1m"], HOUR)
    forming.add(parts[:30])
    assert [prices(bar) for bar in forming.forming("1m", parts[30:31])] == [(110.0, 110.0, 110.0, 110.0)]


def test_a_bar_of_which_no_part_traded_is_flat_at_the_last_close() -> None:
    (bar,) = Merger("1s", ["1m"], HOUR).add([priced(n, 101.0, 0.0) for n in range(60)])
    assert (prices(bar), bar.volume, bar.trades, bar.vwap, bar.first_id) == ((101.0,) * 4, 0.0, 0, None, None)


def test_a_source_that_tells_no_volumes_keeps_its_prices() -> None:
    """As of currencies: a bar of volume 0 and of one price may be real; those that stand for missing rows are not."""
    unknown: dict[str, Any] = {"every": "1m", "trades": None, "vwap": None, "taker_buy_volume": None, "quality": "imported"}
    told = [priced(n * 60, price, 0.0, **unknown) for n, price in ((0, 1.1), (1, 1.3), (4, 1.2))]
    parts = [*told[:2], *bridge(told[1], told[2]), told[2]]
    (bar,) = Merger("1m", ["5m"], HOUR).add(parts)
    assert (prices(bar), bar.quality) == ((1.1, 1.3, 1.1, 1.2), "gap")


def test_open_and_close_of_a_longer_bar_go_by_id_where_times_do_not() -> None:
    parts = [priced(0, 5.0, 1.0, first_id=2, last_id=2), priced(1, 4.0, 1.0, first_id=1, last_id=4)]
    parts += [priced(2, 7.0, 1.0, first_id=3, last_id=3), priced(3, 7.0, 0.0)]
    (bar,) = lengthen([*parts, priced(60, 7.0, 0.0)], timeframe("1s"), timeframe("1m"))
    assert (bar.open, bar.close, bar.first_id, bar.last_id) == (4.0, 4.0, 1, 4)


def test_sums_of_parts_are_decimal() -> None:
    (bar,) = Merger("1s", ["1m"], HOUR).add([priced(n, 0.3, 0.1, taker_buy_volume=0.1) for n in range(60)])
    assert (bar.volume, bar.taker_buy_volume, bar.vwap) == (6.0, 6.0, 0.3)


def test_more_missing_rows_than_can_be_meant_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    assert len(bridge(second(0), second(100_001))) == 100_000
    assert not caplog.records
    assert bridge(second(0), second(100_002)) == []
    assert "100001 bars of 1s are missing" in caplog.text


def test_missing_rows_between_two_bars_are_bridged_as_gaps() -> None:
    rows = bridge(second(3, close=42.0), second(6))
    assert [(bar.ts - DAWN, bar.close, bar.high, bar.volume, bar.quality) for bar in rows] == [
        (4000, 42.0, 42.0, 0.0, "gap"),
        (5000, 42.0, 42.0, 0.0, "gap"),
    ]
