"""Bars of what was bid and asked, against a reckoning in fractions from the plain definitions."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from math import isclose
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantd.flow.bars.books import BookStage
from quantd.model import BookBar, Depth, Mark, Quote
from quantd.timeframes import DAY, MINUTE, SECOND, timeframe

DAWN = 20_000 * DAY
LEVELS = 2
MEANS = ("spread", "spread_bps", "imbalance", "microprice", "depth_imbalance")


def quote(ms: int, number: int, bid: float = 99.0, bid_qty: float = 3.0, ask: float = 101.0, ask_qty: float = 1.0) -> Quote:
    return Quote("S", DAWN + ms, DAWN + ms + 5, number, bid, bid_qty, ask, ask_qty)


def depth(ms: int, number: int, *sizes: float) -> Depth:
    """Bids of the first half of the sizes, asks of the second."""
    half = len(sizes) // 2
    bids = tuple((99.0 - i, size) for i, size in enumerate(sizes[:half]))
    asks = tuple((101.0 + i, size) for i, size in enumerate(sizes[half:]))
    return Depth("S", DAWN + ms, DAWN + ms + 5, number, bids, asks)


def mark(ms: int, price: float = 100.0) -> Mark:
    return Mark("S", DAWN + ms, DAWN + ms + 5, price, price - 1, 0.0001, None)


def test_a_second_of_two_quotes() -> None:
    stage = BookStage("S", ["1s"])
    stage.append([quote(0, 1), quote(250, 2, ask=103.0, ask_qty=9.0), depth(500, 2, 1, 2, 1), mark(900)])  # an odd size is an ask
    assert stage.close(DAWN + 999) == []
    assert stage.close(DAWN + 1_000) == [
        BookBar(
            symbol="S",
            every="1s",
            ts=DAWN,
            spread=(2 * 250 + 4 * 750) / 1_000,
            spread_bps=(200.0 * 250 + 4 / 101 * 1e4 * 750) / 1_000,
            imbalance=(0.5 * 250 - 0.5 * 750) / 1_000,
            microprice=99 + 4 * 0.25,
            depth_imbalance=-0.5,
            quotes=2,
            depths=1,
            mark=100.0,
            index=99.0,
            funding_rate=0.0001,
            coverage=1.0,
            quality="complete",
        )
    ]


def test_a_quote_holds_until_the_next_one() -> None:
    stage = BookStage("S", ["1s", "1m"])
    stage.append([quote(0, 1), mark(10)])
    *seconds, minute = stage.close(DAWN + MINUTE)
    assert [(bar.spread, bar.quotes, bar.mark) for bar in seconds] == [(2.0, 1, 100.0)] + [(2.0, 0, None)] * 59
    assert (minute.every, minute.spread, minute.quotes, minute.mark, minute.microprice) == ("1m", 2.0, 1, 100.0, 100.5)
    assert {bar.quality for bar in [*seconds, minute]} == {"complete"}


def test_a_bucket_that_begins_unknown_is_partial() -> None:
    stage = BookStage("S", ["1s", "1m"])
    stage.append([quote(30_400, 1)])
    first, *others, minute = stage.close(DAWN + MINUTE)
    assert (first.ts, first.quality, first.coverage, first.spread) == (DAWN + 30_000, "partial", 0.6, 2.0)
    assert {bar.quality for bar in others} == {"complete"}
    assert (minute.quality, minute.coverage) == ("partial", 29.6 / 60)


def test_nothing_holds_while_the_feed_is_down() -> None:
    stage = BookStage("S", ["1s"])
    stage.append([quote(0, 7), depth(0, 7, 1, 1)])
    stage.doubt(DAWN + 1_500)
    down = stage.close(DAWN + 4_000)
    assert [(bar.quality, bar.coverage, bar.microprice) for bar in down] == [
        ("complete", 1.0, 100.5),
        ("gap", 0.5, None),
        ("gap", 0.0, None),
        ("gap", 0.0, None),
    ]
    assert (down[2].spread, down[2].imbalance, down[2].depth_imbalance, down[2].spread_bps) == (None,) * 4
    stage.append([quote(4_250, 3)])  # ids may begin anew
    back, whole = stage.close(DAWN + 6_000)
    assert (back.quality, back.coverage, back.spread, back.microprice) == ("gap", 0.75, 2.0, 100.5)
    assert (whole.quality, whole.depth_imbalance) == ("complete", None)


def test_what_is_not_news_is_dropped_and_counted() -> None:
    stage = BookStage("S", ["1s"])
    stage.append([quote(0, 5), quote(100, 5, ask=150.0), quote(200, 4, ask=150.0)])
    stage.append([depth(0, 5, 1, 1), depth(300, 2, 9, 1), mark(5), mark(5)])
    stage.close(DAWN + 1_000)
    stage.append([mark(990)])
    assert stage.dropped == 5


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "event",
    [
        *(quote(0, 9, bid=102.0), quote(0, 9, bid=NAN), quote(0, 9, ask=INF), quote(0, 9, bid=0.0), quote(0, 9, ask=1e300)),
        *(quote(0, 9, ask_qty=-1.0), quote(0, 9, bid_qty=NAN), quote(0, 9, bid_qty=INF)),
        *(depth(0, 9, NAN, 1), depth(0, 9, 1, INF), depth(0, 9, -1, 1)),
        Depth("S", DAWN, DAWN, 9, ((100.0, 1.0),), ((99.0, 1.0),)),
        *(mark(0, NAN), mark(0, INF), mark(0, 0.5)),
        Quote("S", DAWN + 2 * DAY, DAWN, 9, 1.0, 1.0, 2.0, 1.0),
    ],
)
def test_what_cannot_be_true_is_refused(event: Any) -> None:
    stage = BookStage("S", ["1s"])
    stage.append([event])
    assert stage.refused == 1
    assert stage.close(DAWN + MINUTE) == []


def test_sizes_of_zero_have_no_imbalance() -> None:
    stage = BookStage("S", ["1s"])
    stage.append([quote(0, 1, bid_qty=0.0, ask_qty=0.0), depth(0, 1)])
    (bar,) = stage.close(DAWN + SECOND)
    assert (bar.spread, bar.imbalance, bar.microprice, bar.depth_imbalance) == (2.0, None, None, None)


def test_the_end_of_the_stream_cuts_what_is_open() -> None:
    stage = BookStage("S", ["1s", "1m"])
    stage.append([quote(0, 1)])
    bars = stage.flush(DAWN + 1_250)
    assert [(bar.every, bar.ts - DAWN, bar.quality, bar.coverage) for bar in bars] == [
        ("1s", 0, "complete", 1.0),
        ("1s", 1_000, "partial", 0.25),
        ("1m", 0, "partial", 1_250 / 60_000),
    ]
    assert BookStage("S", ["1s"]).flush(DAWN) == []


# --- the oracle -----------------------------------------------------------------------------------------------------------------------


@dataclass
class Line:
    """What was known, from when on; None: nothing."""

    changes: list[tuple[int, Any]] = field(default_factory=list)
    last_id: int = -1

    def put(self, ts: int, closed: int, value: Any) -> int:
        ts = max(ts, closed, self.changes[-1][0] if self.changes else closed)
        self.changes.append((ts, value))
        return ts

    def spans(self, begin: int, end: int) -> Iterator[tuple[int, Any]]:
        """What held within [begin, end), and for how long."""
        ends = [ts for ts, _ in self.changes[1:]] + [end]
        for (ts, value), until in zip(self.changes, ends, strict=False):
            ms = min(until, end) - max(ts, begin)
            if ms > 0:
                yield ms, value

    def at(self, ts: int) -> Any:
        known = [value for at, value in self.changes if at <= ts]
        return known[-1] if known else None


class Oracle:
    """Keeps all that it is told; the bars are reckoned at the end, each from the definitions."""

    def __init__(self) -> None:
        self.quotes, self.depths = Line(), Line()
        self.counted: list[tuple[str, int]] = []
        self.doubts: list[int] = []
        self.marks: list[Mark] = []
        self.began: int | None = None
        self.closed = 0

    def append(self, event: Quote | Depth | Mark) -> None:
        if isinstance(event, Mark):
            if event.ts >= self.closed and all(event.ts > other.ts for other in self.marks):
                self._begin(event.ts)
                self.marks.append(event)
            return
        line, kind = (self.quotes, "quotes") if isinstance(event, Quote) else (self.depths, "depths")
        if event.id > line.last_id:
            self._begin(event.ts)
            line.last_id = event.id
            self.counted.append((kind, line.put(event.ts, self.closed, event)))

    def _begin(self, ts: int) -> None:
        if self.began is None:
            self.began = self.closed = ts // SECOND * SECOND

    def doubt(self, since: int) -> None:
        if self.began is not None:
            self.doubts.append(self.quotes.put(since, self.closed, None))
            self.depths.put(since, self.closed, None)
            self.quotes.last_id = self.depths.last_id = -1

    def close(self, watermark: int) -> None:
        if self.began is not None:
            self.closed = max(self.closed, watermark // SECOND * SECOND)

    def bars(self, every: str, until: int) -> Iterator[BookBar]:
        frame = timeframe(every)
        lasts = [line.changes[-1][0] for line in (self.quotes, self.depths) if line.changes] + [each.ts for each in self.marks]
        until = max(until, self.closed, *lasts)
        if self.began is None:
            return
        events = {ts // SECOND * SECOND for ts in [ts for _, ts in self.counted] + self.doubts + [each.ts for each in self.marks]}
        start = frame.floor(self.began)
        while start < until or start in events:
            yield self._bar(every, start, min(frame.end(start), until), until)
            start = frame.end(start)

    def _bar(self, every: str, start: int, end: int, until: int) -> BookBar:
        frame = timeframe(every)
        tops = [(ms, top) for ms, top in self.quotes.spans(start, end) if top]
        sized = [(ms, top) for ms, top in tops if top.bid_qty + top.ask_qty]
        deeps = [(ms, ratio) for ms, each in self.depths.spans(start, end) if each and (ratio := deep(each)) is not None]
        marks = [each for each in self.marks if start <= each.ts < frame.end(start)]
        held = sum(ms for ms, _ in tops)
        last = self.quotes.at(end - 1 if end < until or end == frame.end(start) else end)
        whole = held == frame.end(start) - start
        return BookBar(
            symbol="S",
            every=every,
            ts=start,
            spread=mean((ms, Fraction(top.ask) - Fraction(top.bid)) for ms, top in tops),
            spread_bps=mean(
                (ms, 20_000 * (Fraction(top.ask) - Fraction(top.bid)) / (Fraction(top.ask) + Fraction(top.bid))) for ms, top in tops
            ),
            imbalance=mean((ms, ratio_of(top.bid_qty, top.ask_qty)) for ms, top in sized),
            microprice=float(weighted(last)) if last and last.bid_qty + last.ask_qty else None,
            depth_imbalance=mean(deeps),
            quotes=sum(kind == "quotes" and start <= ts < frame.end(start) for kind, ts in self.counted),
            depths=sum(kind == "depths" and start <= ts < frame.end(start) for kind, ts in self.counted),
            mark=marks[-1].mark if marks else None,
            index=marks[-1].index if marks else None,
            funding_rate=marks[-1].funding_rate if marks else None,
            coverage=held / (frame.end(start) - start),
            quality="gap" if self._doubted(start, end, frame.end(start)) else "complete" if whole else "partial",
        )

    def _doubted(self, start: int, end: int, stop: int) -> bool:
        """Whether a doubt began in the bucket, or one from before went on into it."""
        known = [top for ts, top in self.quotes.changes if ts <= start]
        return any(start <= ts < stop for ts in self.doubts) or (bool(known) and known[-1] is None and end > start)


def mean(parts: Any) -> float | None:
    parts = list(parts)
    weight = sum(ms for ms, _ in parts)
    return float(sum(ms * value for ms, value in parts) / weight) if weight else None


def ratio_of(bids: float, asks: float) -> Fraction:
    return (Fraction(bids) - Fraction(asks)) / (Fraction(bids) + Fraction(asks))


def deep(each: Depth) -> Fraction | None:
    bids, asks = (sum((Fraction(size) for _, size in side[:LEVELS]), Fraction()) for side in (each.bids, each.asks))
    return (bids - asks) / (bids + asks) if bids + asks else None


def weighted(top: Quote) -> Fraction:
    bid, bid_qty, ask, ask_qty = map(Fraction, (top.bid, top.bid_qty, top.ask, top.ask_qty))
    return (ask * bid_qty + bid * ask_qty) / (bid_qty + ask_qty)


times = st.integers(0, 6_000) | st.sampled_from([0, 1_000, 2_000, 3_000, 4_000])
sizes = st.sampled_from([0.0, 0.1, 1.0, 2.5, 7.0])
prices = st.integers(900, 1_000).map(lambda tenth: tenth / 10)
quotes = st.builds(
    lambda ms, number, bid, wide, bid_qty, ask_qty: quote(ms, number, bid, bid_qty, bid + wide / 10, ask_qty),
    times, st.integers(1, 40), prices, st.integers(0, 20), sizes, sizes,
)  # fmt: skip
depths = st.builds(lambda ms, number, held: depth(ms, number, *held), times, st.integers(1, 40), st.lists(sizes, max_size=8))
marks = st.builds(mark, times, prices)
steps = st.tuples(st.sampled_from(["close", "doubt"]), times)


@settings(max_examples=150)
@given(st.lists(quotes | depths | marks | steps, max_size=25), st.integers(0, 9_000), st.booleans())
def test_the_bars_are_those_of_the_definitions(script: list[Any], until: int, in_order: bool) -> None:
    if in_order:
        script = sorted(script, key=lambda step: step[1] + DAWN if isinstance(step, tuple) else step.ts)
    every = ["1s", "2s", "1m"]
    stage, oracle, bars = BookStage("S", every, LEVELS), Oracle(), list[BookBar]()
    for step in script:
        if not isinstance(step, tuple):
            stage.append([step])
            oracle.append(step)
        elif step[0] == "doubt":
            stage.doubt(DAWN + step[1])
            oracle.doubt(DAWN + step[1])
        else:
            bars += stage.close(DAWN + step[1])
            oracle.close(DAWN + step[1])
    bars += stage.flush(DAWN + until)
    for name in every:
        made, true = [bar for bar in bars if bar.every == name], list(oracle.bars(name, DAWN + until))
        assert [(bar.ts, bar.quality) for bar in made] == [(bar.ts, bar.quality) for bar in true]
        for one, other in zip(made, true, strict=True):
            assert one == msgspec.structs.replace(other, **rounded(one, other))


def rounded(made: BookBar, true: BookBar) -> dict[str, float]:
    """The made bar's numbers, where they are the true ones but for the last digits."""
    pairs = {name: (getattr(made, name), getattr(true, name)) for name in MEANS}
    return {
        name: one for name, (one, other) in pairs.items() if None not in (one, other) and isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)
    }


@given(st.lists(quotes, min_size=1, max_size=25))
def test_complete_means_covered_and_batches_do_not_matter(events: list[Quote]) -> None:
    one, many = BookStage("S", ["1s", "2s"]), BookStage("S", ["1s", "2s"])
    one.append(events)
    for event in events:
        many.append([event])
    bars = one.flush(DAWN + 10_000)
    assert bars == many.flush(DAWN + 10_000)
    assert all((bar.coverage == 1.0) == (bar.quality == "complete") for bar in bars)
    assert all(bar.coverage <= 1.0 and abs(bar.imbalance or 0.0) <= 1.0 for bar in bars)
