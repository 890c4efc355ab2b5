"""Trades that a feed yields as columns come out of the flow as if it had yielded structs."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from quantd.columns.ticks import TickBatch
from quantd.model import Event, Status, Tick
from quantd.testing import fakes
from quantd.testing.bench import Bench, Venue, pair_config
from quantd.timeframes import DAY
from quantd_plugins.event_bars.tick import TickBars
from quantd_plugins.regressions.ols import Ols
from quantd_plugins.resamplers.time import TimeBars

DAWN = 1_700_006_400_000
tick = partial(fakes.tick, start=DAWN)


def outcome(events: Sequence[Event], size: int, *, as_columns: bool) -> dict[str, Any]:
    """All that comes out of a flow that gets events in batches of a size."""
    bars = TimeBars(every=("1s", "5s"), reopen="3s")
    bench = Bench(pair_config(bars, Ols(window=3), Venue(lateness="500ms"), event_bars=(TickBars(count=3),)))
    told: list[Tick] = []
    bench.hub.listen("ticks", told.extend)
    for start in range(0, len(events), size):
        batch = events[start : start + size]
        trades = [event for event in batch if isinstance(event, Tick)]
        bench.flow.process(TickBatch.of(trades) if as_columns and len(trades) == len(batch) else batch)
    bench.flow.finish()
    ledgers = [stage.intake.ledger for stage in bench.flow.stages]
    intakes = [(stage.intake.accepted, stage.intake.refused, stage.lost, stage.last, list(stage.lags)) for stage in bench.flow.stages]
    return {
        "rows": bench.kept.rows,
        "told": told,
        "holes": [(ledger.holes, ledger.duplicates, ledger.last_id, ledger.spans()) for ledger in ledgers],
        "intakes": intakes,
        "refused": bench.flow.refused,
        "kept": [list(bench.runtime.outputs.history.ticks(symbol)) for symbol in "YX"],
    }


def in_order(gaps: list[tuple[str, int]]) -> list[Event]:
    """Trades of two symbols whose ids count up, each some ms after the one before, with prices that repeat."""
    counts, ts, events = {"Y": 0, "X": 0, "Z": 0}, 0, list[Event]()
    for symbol, gap in gaps:
        counts[symbol] += 1
        ts += gap
        events.append(tick(symbol, counts[symbol], ts, 100.0 + ts % 7 * 0.1, 0.1 + ts % 3, delay=ts % 5))
    return events


STEADY = st.lists(st.tuples(st.sampled_from("YYXXZ"), st.integers(0, 400)), min_size=1, max_size=60).map(in_order)
ROUGH = st.lists(
    st.builds(tick, st.sampled_from("YX"), st.integers(0, 12), st.integers(0, 9_000), st.sampled_from([1.0, 2.5, -1.0])),
    min_size=1,
    max_size=30,
)


@given(STEADY, st.integers(1, 30), st.lists(st.integers(0, 59), max_size=4))
def test_trades_in_order_with_some_that_are_missing_late_or_doubled(events: list[Event], size: int, moved: list[int]) -> None:
    for at in moved:
        if at < len(events):
            events.append(events.pop(at))
            events.insert(at // 2, events[-1])
    assert outcome(events, size, as_columns=True) == outcome(events, size, as_columns=False)


@example([tick("Y", 1, 0), tick("Y", 2, 2_000), tick("Y", 3, 1_900)], 3)
@given(ROUGH, st.integers(1, 30))
def test_any_trades(events: list[Event], size: int) -> None:
    assert outcome(events, size, as_columns=True) == outcome(events, size, as_columns=False)


def test_a_lost_connection_and_a_time_that_cannot_be_true() -> None:
    events = in_order([("Y", 100), ("X", 100)] * 30)
    wrong = [replace(event, recv=DAWN + 2 * DAY) if at == 31 and isinstance(event, Tick) else event for at, event in enumerate(events)]
    lost = [*events[:20], Status(DAWN + 2_000, healthy=False), *events[24:]]
    for each in (wrong, lost):
        assert outcome(each, 10, as_columns=True) == outcome(each, 10, as_columns=False)
    assert outcome(wrong, 10, as_columns=True)["refused"] == 1


def test_a_steady_stream_stays_columns_up_to_the_listeners() -> None:
    bench = Bench(pair_config(TimeBars(every=("1s",)), Ols(window=3)))
    kinds: list[str] = []
    bench.hub.listen("ticks", lambda trades: kinds.append(type(trades).__name__))
    batches = [
        TickBatch.of([tick(symbol, number, number) for number in range(first, first + 10) for symbol in "YX"]) for first in (1, 11, 21)
    ]
    bench.flow.process(batches[0])
    kinds.clear()
    for batch in batches[1:]:
        bench.flow.process(batch)
    assert kinds == ["TickRun"] * 4
