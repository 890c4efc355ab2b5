"""Pages that follow one another have each row once, while rows are added and recorded, whatever their number and their gaps."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from quantd.columns.ticks import SIZE, TICK, TickRun
from quantd.history.history import History
from quantd.history.pages import Pages, Want
from quantd.model import Bar, PairPoint
from quantd.plugin.base import Store
from quantd.plugin.loader import load
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.timeframes import DAY, HOUR, MINUTE, SECOND

SYMBOL, PAIR = "BTCUSDT", "BTCUSDT-ETHUSDT"


@contextmanager
def store() -> Iterator[Store]:
    """The bundled store, in a directory of its own."""
    entry = load([], []).get("store", "local")
    assert entry
    with tempfile.TemporaryDirectory() as folder:
        made = entry.plugin()
        assert isinstance(made, Store)
        made.open(Path(folder))
        yield made
        made.close()


def trades(count: int, holes: list[int], seed: int) -> TickRun:
    """Trades of which several share a millisecond and some have an earlier time than the ones before; ids are missing at `holes`."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(count, TICK)
    gaps = np.ones(count, np.int64)
    gaps[[hole % count for hole in holes]] = 5
    rows["id"] = 1_000 + np.cumsum(gaps)
    rows["ts"] = START + np.cumsum(rng.choice([0, 0, 1, 30, 400], count)) - rng.choice([0, 0, 0, 0, 2_500], count)
    rows["recv"], rows["price"], rows["qty"] = rows["ts"] + 9, 100.0, 1.0
    return TickRun(SYMBOL, rows.tobytes())


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.sampled_from(["put", "record", "record", "page", "clear"]), st.integers(1, 9_000)), max_size=16),
    st.lists(st.integers(0, 40_000), max_size=6),
    st.integers(1, 9),
    st.booleans(),
)
def test_each_trade_is_told_once_by_id(steps: list[tuple[str, int]], holes: list[int], seed: int, bare: bool) -> None:
    """Memory holds 10,000 trades, so that many give way, some before they are recorded."""
    every = trades(40_000, holes, seed)
    with store() as kept:
        history = History(kept)
        pages, put, done, next_id = Pages(history), 0, 0, 0
        found: list[int] = []

        def turn(limit: int) -> None:
            nonlocal next_id
            if not done and (SYMBOL, "") not in history.recent_series("ticks"):
                return  # nothing has been put, or what has been is cleared and not recorded
            page = pages.ticks(SYMBOL, Want(limit, 0 if bare else START - DAY), next_id)
            ids = page.rows.rows["id"].tolist()
            found.extend(ids)
            next_id = ids[-1] + 1 if ids else next_id
            assert len(ids) == limit or not page.more

        for kind, count in [*steps, ("record", 40_000)]:
            if kind == "put":
                history.put_ticks(SYMBOL, every[put : put + count])
                put = min(put + count, len(every))
            elif kind == "record":
                kept.append(every[done : min(done + count, put)], [], [])
                done = min(done + count, put)
            elif kind == "clear":
                history.clear_ticks(SYMBOL)
            elif kind == "page":
                turn(count)
        for _ in range(-(-put // 5_000) + 1):
            turn(5_000)
        assert found == every.rows["id"][:put].tolist()


@settings(max_examples=30)
@given(
    st.lists(st.integers(0, 8_000), max_size=4), st.integers(1, 9), st.integers(0, 8_999), st.integers(0, 8_999), st.integers(300, 3_000)
)
def test_a_range_of_trades_has_those_of_its_time(holes: list[int], seed: int, since: int, until: int, limit: int) -> None:
    every = trades(9_000, holes, seed)
    history, rows = History(None), every.rows
    history.put_ticks(SYMBOL, every)
    begin, end = int(rows["ts"][since]), int(rows["ts"][until])
    found, next_id, more = b"", 0, True
    while more:
        page = Pages(history).ticks(SYMBOL, Want(limit, begin, end), next_id)
        found, more = found + page.rows.packed, page.more
        next_id = page.rows[-1].id + 1 if more else 0
    assert len(found) % SIZE == 0
    assert np.frombuffer(found, TICK)["id"].tolist() == rows["id"][(rows["ts"] >= begin) & (rows["ts"] < end)].tolist()


Series = st.lists(
    st.tuples(st.sampled_from([SECOND, SECOND, 2 * SECOND, 700 * SECOND, 3 * HOUR]), st.integers(1, 90)), min_size=1, max_size=8
)


@settings(max_examples=40)
@given(Series, st.lists(st.tuples(st.sampled_from(["put", "put", "record", "page", "forget"]), st.integers(1, 120)), max_size=16))
def test_each_bar_and_each_point_is_told_once(parts: list[tuple[int, int]], steps: list[tuple[str, int]]) -> None:
    times = [START]
    for gap, count in parts:
        times += [times[-1] + gap + SECOND * number for number in range(count)]
    bars = [replace(bar, ts=ts) for bar, ts in zip(fakes.bars(len(times), every="1s"), times, strict=True)]
    points = [replace(point, ts=ts) for point, ts in zip(fakes.points(len(times), every="1s"), times, strict=True)]
    with store() as kept:
        history = History(kept, recent=50)
        history.look_up()
        pages, put, done = Pages(history), 0, 0
        told: tuple[list[Bar], list[PairPoint]] = ([], [])

        def turn(limit: int) -> None:
            since = [found[-1].ts + 1 if found else 0 for found in told]
            of_bars = pages.bars(SYMBOL, "1s", Want(limit, since[0]))
            of_points = pages.points(PAIR, "1s", Want(limit, since[1]))
            told[0].extend(of_bars.rows)
            told[1].extend(of_points.rows)
            assert all(len(page.rows) == limit or not page.more for page in (of_bars, of_points))

        for kind, count in [*steps, ("put", 1), ("record", len(times))]:
            if kind == "put":
                fresh = slice(put, put + count)
                history.put_bars(bars[fresh])
                history.put_points(points[fresh])
                put = min(put + count, len(times))
            elif kind == "record" or kind == "forget":
                fresh = slice(done, min(done + count, put))
                kept.append([], bars[fresh], points[fresh])
                history.recorded(bars[fresh], [points[fresh]])
                done = fresh.stop
            if kind == "forget" and done == put:
                history.forget(SYMBOL)
                history.forget(PAIR)
            elif kind == "page" and (put or done):
                turn(count)
        for _ in range(-(-put // 37) + 1):
            turn(37)
        assert told == (bars[:put], points[:put])


def test_a_gap_of_years_is_passed_quickly() -> None:
    with store() as kept:
        far = [replace(bar, ts=START + at) for bar, at in zip(fakes.bars(3, every="1s"), (0, 900 * DAY, 900 * DAY + MINUTE), strict=True)]
        kept.append([], far, [])
        assert list(Pages(History(kept)).bars(SYMBOL, "1s", Want(1, START + SECOND)).rows) == far[1:2]
