"""One feed's flow: when bars close, what is refused, and that the batches make no difference."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import quantd
from quantd.clock import EventClock
from quantd.errors import QuantdError
from quantd.flow.ahead import Ahead
from quantd.model import Bar, BookBar, PairPoint, Quote, Status, Tick
from quantd.plugin.base import Plugin
from quantd.plugin.guard import Guard
from quantd.testing import fakes
from quantd.testing.bench import Bench as AnyBench
from quantd.testing.bench import Venue, pair_config
from quantd.timeframes import DAY, HOUR, MINUTE
from quantd_plugins.event_bars.tick import TickBars
from quantd_plugins.event_bars.volume import VolumeBars
from quantd_plugins.regressions.ols import Ols
from quantd_plugins.resamplers.time import TimeBars

DAWN = 1_700_006_400_000
WINDOW = 3


def guard(plugin: Plugin, user: str = "") -> Guard:
    return Guard("any", user, EventClock())


class Bench(AnyBench):
    """The flow of the pair Y-X, and all that comes out of it."""

    def __init__(self, *every: str, lateness: str = "500ms", book: bool = False, events: Sequence[quantd.EventBars] = ()) -> None:
        bars, channels = TimeBars(every=every or ("1s",)), frozenset({"quotes"} if book else ())
        super().__init__(pair_config(bars, Ols(window=WINDOW), Venue(lateness=lateness), event_bars=tuple(events), channels=channels))

    def bars(self, symbol: str) -> list[tuple[int, float, str]]:
        """(ms since the beginning, close, quality)"""
        return [(bar.ts - DAWN, bar.close, bar.quality) for bar in self.kept.rows["bars"] if bar.symbol == symbol]


tick = partial(fakes.tick, start=DAWN)


def test_the_newest_trade_of_any_symbol_less_the_lateness_closes_bars() -> None:
    bench = Bench(lateness="700ms")
    bench.flow.process([tick("Y", 1, 0), tick("X", 1, 1_699)])
    assert bench.bars("Y") == []
    bench.flow.process([tick("X", 2, 1_700)])
    assert bench.bars("Y") == [(0, 100.0, "partial")]
    assert bench.bars("X") == []


def test_the_exchange_s_clock_closes_quiet_bars_while_the_feed_is_healthy() -> None:
    bench = Bench()
    bench.flow.process([tick("Y", 1, 0), Status(DAWN + 9_000, healthy=False)])
    assert bench.bars("Y") == []
    bench.flow.process([Status(DAWN + 3_600, healthy=True)])
    assert bench.bars("Y") == [(0, 100.0, "gap"), (1_000, 100.0, "gap"), (2_000, 100.0, "gap")]
    bench.flow.process([tick("Y", 2, 3_700), Status(DAWN + 4_600, healthy=True)])
    assert bench.bars("Y")[3:] == [
        (0, 100.0, "partial"),
        (1_000, 100.0, "complete"),
        (2_000, 100.0, "complete"),
        (3_000, 100.0, "complete"),
    ]


def test_a_long_outage_is_a_gap_from_end_to_end() -> None:
    bench = Bench()
    bench.flow.process([tick("Y", 1, 0), tick("X", 1, 0), Status(DAWN + 100, healthy=False)])
    bench.flow.process([tick("Y", 900, HOUR), tick("X", 900, HOUR), Status(DAWN + HOUR + 2_000, healthy=True)])
    inside = {(symbol, ts): quality for symbol in "YX" for ts, _, quality in bench.bars(symbol) if 0 < ts < HOUR}
    assert len(inside) == 2 * (HOUR // 1_000 - 1)
    assert set(inside.values()) == {"gap"}


def test_a_leap_in_time_is_doubted_without_a_word_of_the_feed() -> None:
    bench = Bench()
    bench.flow.process([tick("Y", 1, 0), tick("X", 1, 0), tick("Y", 2, HOUR), tick("X", 900, HOUR)])
    assert {quality for ts, _, quality in bench.bars("X") if 0 < ts < HOUR} == {"gap"}


@pytest.mark.parametrize("wrong", [-DAY - 1, DAY + 1, -DAWN + 1])
def test_a_trade_a_day_from_its_receipt_is_refused(wrong: int) -> None:
    bench = Bench()
    bench.flow.process([tick("Y", 1, 0), Tick("X", 1, DAWN + wrong, DAWN, 1.0, 1.0, False), tick("X", 2, 2_000), tick("Y", 2, 2_000)])
    bench.flow.finish()
    assert bench.flow.refused == 1
    assert [ts for ts, *_ in bench.bars("Y")] == [0, 1_000, 2_000]
    assert [ts for ts, *_ in bench.bars("X")] == [2_000]


def test_no_trade_of_a_strange_symbol_and_no_nonsense_price_goes_on() -> None:
    bench = Bench()
    bench.flow.process([tick("Y", 1, 0), tick("Z", 1, 10), tick("Y", 2, 20, float("nan")), tick("Y", 3, 30, -1.0)])
    assert [row.id for row in bench.kept.rows["ticks"]] == [1]
    assert bench.flow.stages[0].intake.refused == 2


def test_the_second_of_a_refused_trade_without_an_id_is_not_whole() -> None:
    bench = Bench()
    bench.flow.process([tick("Y", 0, 0), tick("Y", 0, 1_500), tick("Y", 0, 3_500, float("nan")), tick("Y", 0, 5_500), tick("Y", 0, 7_500)])
    bench.flow.finish()
    assert [(ts, quality) for ts, _, quality in bench.bars("Y")] == [
        (0, "partial"), (1_000, "complete"), (2_000, "complete"), (3_000, "gap"),
        (4_000, "complete"), (5_000, "complete"), (6_000, "complete"), (7_000, "partial"),
    ]  # fmt: skip


def test_a_doubt_of_one_symbol_is_not_of_the_other() -> None:
    bench = Bench()
    bench.flow.process([tick("Y", 0, 0), tick("X", 0, 0), tick("Y", 0, 1_100), tick("X", 0, 1_100)])
    bench.flow.process([Status(DAWN + 1_100, healthy=False, symbols=("Y", "Z"))])
    assert bench.flow.state == "live"
    bench.flow.process([tick("Y", 0, 3_100), tick("X", 0, 3_100), tick("Y", 0, 9_000), tick("X", 0, 9_000)])
    qualities = {symbol: [quality for ts, _, quality in bench.bars(symbol) if 0 < ts < 6_000] for symbol in "YX"}
    assert qualities == {"Y": ["gap"] * 3 + ["complete"] * 2, "X": ["complete"] * 5}


def test_a_long_silence_is_closed_in_order() -> None:
    bench = Bench("1s", "1m")
    bench.flow.process([tick("Y", 1, 0), tick("Y", 2, 3 * MINUTE)])
    seconds = [bar.ts for bar in bench.kept.rows["bars"] if bar.every == "1s"]
    assert seconds == [DAWN + n * 1_000 for n in range(179)]
    assert [bar.ts - DAWN for bar in bench.kept.rows["bars"] if bar.every == "1m"] == [0, MINUTE]


def test_imported_bars_are_bridged_merged_and_paired() -> None:
    bench = Bench("1m", "5m")
    rows = [
        Bar(symbol, "1m", DAWN + n * MINUTE, *(10.0 + n * n,) * 4, 1.0, None, None, None, "imported")
        for n in (0, 1, 3, 4)
        for symbol in "YX"
    ]
    bench.flow.process(rows)
    bench.flow.finish()
    ones = [(ts, close, quality) for ts, close, quality in bench.bars("Y")]
    assert ones[:3] == [(0, 10.0, "imported"), (MINUTE, 11.0, "imported"), (2 * MINUTE, 11.0, "gap")]
    assert (0, 26.0, "gap") in ones, "the five minutes hold a gap"
    assert [(point.hedge.beta, point.spread) for point in bench.kept.rows["points"]] == [(1.0, 0.0)] * 3


def test_bars_that_cannot_make_the_timeframes_are_the_operator_s_to_mend() -> None:
    bench = Bench("1s")
    bench.flow.process([Bar("Y", "1m", DAWN, *(1.0,) * 4, 1.0, None, None, None, "imported")])
    with pytest.raises(QuantdError, match="Y: the feed brings bars of 1m, of which 1s cannot be made"):
        bench.flow.finish()


def test_now_casts_follow_the_last_prices_if_somebody_listens() -> None:
    bench = Bench()
    seen: list[PairPoint] = []
    bench.hub.listen("nowcasts", lambda points: seen.extend(points))
    for second in range(8):
        bench.flow.process(
            [tick("X", second + 1, second * 1_000, 100.0 + second**2), tick("Y", second + 1, second * 1_000, 200.0 + second**2)]
        )
    last = seen[-1]
    assert (last.provisional, last.ts, last.y, last.x) == (True, DAWN + 7_000, 249.0, 149.0)
    assert last.spread == pytest.approx(249.0 - last.hedge.beta * 149.0)


def quote(symbol: str, identity: int, ts: int, bid: float, ask: float) -> Quote:
    return Quote(symbol, DAWN + ts, DAWN + ts, identity, bid, 3.0, ask, 1.0)


def test_quotes_make_bars_of_the_book_which_an_outage_marks() -> None:
    bench = Bench("1s", book=True)
    told: list[BookBar] = []
    bench.hub.listen("books", told.extend)
    bench.flow.process([Status(DAWN + 100, healthy=True), tick("Y", 1, 150), quote("Y", 1, 0, 99.0, 101.0), quote("Z", 1, 0, 1.0, 2.0)])
    bench.flow.process([quote("Y", 2, 500, 99.0, 103.0), Status(DAWN + 1_600, healthy=True)])
    (bar,) = told
    assert (bar.symbol, bar.ts, bar.spread, bar.imbalance, bar.quotes, bar.quality) == ("Y", DAWN, 3.0, 0.5, 2, "complete")
    assert bar.microprice == 99.0 + 4.0 * 0.75
    bench.flow.process([Status(DAWN + 1_700, healthy=False, channels_only=True), tick("Y", 2, 1_800), Status(DAWN + 3_600, healthy=True)])
    assert [quality for _, _, quality in bench.bars("Y")] == ["partial", "complete", "complete"], "no trade is missing"
    assert [(each.ts - DAWN, each.quality) for each in told[1:] if each.symbol == "Y"] == [(1_000, "gap"), (2_000, "gap")]
    assert bench.flow._outputs.history.books("Y", "1s") == [each for each in told if each.symbol == "Y"]


trades = st.lists(st.tuples(st.sampled_from("YX"), st.integers(1, 40), st.integers(0, 9_000), st.integers(1, 50)), min_size=1, max_size=60)


@example([("X", 4, 0, 1), ("Y", 1, 1_501, 1), ("X", 5, 0, 1), ("X", 1, 0, 1)], 1)
@given(trades, st.integers(1, 9))
def test_the_batches_make_no_difference(rows: list[tuple[str, int, int, int]], size: int) -> None:
    events = [tick(symbol, identity, ts, float(price)) for symbol, identity, ts, price in rows]
    rules = TickBars(count=2), VolumeBars(size=3)
    whole, pieces = Bench("1s", "5s", events=rules), Bench("1s", "5s", events=rules)
    whole.flow.process(events)
    for start in range(0, len(events), size):
        pieces.flow.process(events[start : start + size])
    whole.flow.finish()
    pieces.flow.finish()
    assert pieces.kept.rows["bars"] == whole.kept.rows["bars"]
    assert pieces.kept.rows["points"] == whole.kept.rows["points"]
    assert sorted(map(str, pieces.kept.rows["ticks"])) == sorted(map(str, whole.kept.rows["ticks"]))


def test_event_bars_without_ids_are_whole_but_over_a_lost_connection() -> None:
    bench = Bench(events=[TickBars(count=2)])
    bench.flow.process([tick("Y", 0, ts) for ts in (0, 700, 700, 1_100, 1_200)])
    bench.flow.process([Status(DAWN + 1_300, healthy=False), Status(DAWN + 2_700, healthy=True)])
    bench.flow.process([*(tick("Y", 0, ts) for ts in (3_200, 90_000, 90_001)), Status(DAWN + 95_600, healthy=True)])
    bars = [(bar.ts - DAWN, bar.quality) for bar in bench.kept.rows["bars"] if bar.every == "tick-2"]
    assert bars == [(0, "complete"), (700, "complete"), (1_200, "gap"), (90_000, "complete")]


def test_an_event_bar_lacks_a_trade_without_an_id_that_comes_after_it_closed() -> None:
    bench = Bench(events=[TickBars(count=2)])
    bench.flow.process([tick("Y", 0, ts) for ts in (0, 200, 400, 300, 100, 500)])
    bench.flow.finish()
    bars = [(bar.ts - DAWN, bar.revision, bar.trades, bar.quality, _span(bar)) for bar in bench.kept.rows["bars"] if bar.every == "tick-2"]
    assert bars == [
        (0, 0, 2, "complete", (0, 200)),
        (400, 0, 2, "complete", (300, 400)),
        (0, 1, 2, "gap", (0, 200)),
        (500, 0, 1, "partial", (500, 500)),
    ]
    assert bench.flow.stages[0].events[0].lost == 1


def _span(bar: Bar) -> tuple[int, int]:
    """From which to which trade (ms since the beginning)."""
    assert bar.first_id is not None
    assert bar.last_id is not None
    return bar.first_id // 1_000 - DAWN, bar.last_id // 1_000 - DAWN


def test_trades_that_come_in_another_order_are_in_event_bars_by_id() -> None:
    bench = Bench(events=[TickBars(count=3)])
    bench.flow.process([tick("Y", identity, identity * 100) for identity in (3, 1, 2, 6, 5, 4, 7, 9)])
    bench.flow.process([tick("Y", identity, identity * 100) for identity in (10, 11, 8, 30, 31, 60)])
    bench.flow.finish()
    bars = [(bar.first_id, bar.last_id, bar.trades, bar.quality) for bar in bench.kept.rows["bars"] if bar.every == "tick-3"]
    assert bars == [(1, 3, 3, "complete"), (4, 6, 3, "complete"), (7, 9, 3, "complete"), (10, 30, 3, "gap"), (31, 60, 2, "gap")]
    assert bench.flow.stages[0].events[0].lost == 0


def test_without_ids_a_lost_connection_stays_a_gap() -> None:
    bench = Bench()
    bench.flow.process([tick("Y", 0, 0), tick("Y", 0, 1_100), tick("Y", 0, 1_100), Status(DAWN + 1_200, healthy=False)])
    bench.flow.process([Status(DAWN + 2_700, healthy=True), tick("Y", 0, 3_200), Status(DAWN + 5_600, healthy=True)])
    told = {ts: quality for ts, _, quality in bench.bars("Y")}
    assert told == {0: "partial", 1_000: "gap", 2_000: "gap", 3_000: "gap", 4_000: "complete"}
    assert [row.id - DAWN * 1_000 for row in bench.kept.rows["ticks"]] == [0, 1_100_000, 1_100_001, 3_200_000]


async def test_a_feed_that_ends_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "quantd.flow")
    bench = Bench()
    (venue,) = bench.config.feeds.values()
    assert isinstance(venue, Venue)
    venue.events.put_nowait([])
    await bench.flow.run()
    assert (bench.flow.state, caplog.messages) == ("down", ["feed venue has come to its end"])


def test_rows_that_are_told_again_are_noted_before_they_are_recorded(tmp_path: Path) -> None:
    bench = Bench()
    bench.flow._outputs.ahead = Ahead(tmp_path / "told")
    bench.flow.process([tick(symbol, second, 1_000 * second, price=100 + second**2 % 7) for second in range(8) for symbol in "YX"])
    assert Ahead(tmp_path / "told").left == []
    bench.flow.process([tick("Y", 8, 5_500, price=99.0), tick("Y", 9, 9_000)])
    noted = {(note.kind, note.name, note.first - DAWN) for note in Ahead(tmp_path / "told").left}
    assert noted == {("bars", "Y", 5_000), ("points", "Y-X", 5_000)}
