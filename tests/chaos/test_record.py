"""Whoever judges must know right from wrong: a replay has nothing wrong but its ends, and whatever is changed in it is told of."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from quantd.model import Bar, PairPoint
from quantd.rows import COLUMNS, cells
from quantd.simulator.scenario import load
from quantd.testing.fakes import START
from tests.chaos import record
from tests.chaos.judge import told
from tests.scenarios.oracle import MINUTE

PAIR, LEGS, WINDOW = "BTCUSDT-ETHUSDT", ("BTCUSDT", "ETHUSDT"), 5
SPAN = 8 * MINUTE
EVERY = ("1s", "1m")
LATE = START + 6 * MINUTE


class Kept:
    """The bars and points of a replay of a few minutes of the demo market, and the right ones."""

    def __init__(self, folder: Path) -> None:
        book = record.Book(load("demo"), 1, None)
        self.trades = {leg: book.trades(leg, START, START + SPAN) for leg in LEGS}
        self._replayed = record.Replayed(folder / "replayed", self.trades, [PAIR], EVERY, WINDOW)
        self._store = record.stored(folder / "replayed/kept")

    def bars(self, leg: str, every: str) -> list[Bar]:
        """Those that are whole."""
        return self._store.bars(leg, every, START + MINUTE, START + SPAN - MINUTE)

    def points(self, every: str) -> list[PairPoint]:
        return list(self._replayed.points(PAIR, every).values())

    def judged(self, points: list[PairPoint], every: str, wanted: list[int]) -> str:
        legs = [self._store.bars(leg, every, 0, record.FOR_EVER) for leg in LEGS]
        return told(record.wrong_points(PAIR, points, self._replayed.points(PAIR, every), legs, wanted, WINDOW))

    def close(self) -> None:
        self._store.close()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    made = Kept(tmp_path_factory.mktemp("kept"))
    yield made
    made.close()


@pytest.mark.parametrize("every", EVERY)
def test_bars_of_a_replay_are_those_of_the_book(kept: Kept, every: str) -> None:
    for leg in LEGS:
        bars = kept.bars(leg, every)
        wanted = record.buckets(START + MINUTE, START + SPAN - MINUTE, every)
        assert len(bars) == len(wanted) > 5
        assert record.wrong_bars(leg, every, bars, record.bars(kept.trades[leg], every), wanted) == []


@pytest.mark.parametrize(
    "change", [{"open": 1.0}, {"close": 1.0}, {"volume": 1.0}, {"vwap": None}, {"trades": 1}, {"quality": "gap"}, {"quality": "partial"}]
)
def test_a_bar_that_is_wrong_is_told_of(kept: Kept, change: dict[str, Any]) -> None:
    bars = kept.bars("ETHUSDT", "1m")
    bars[2] = replace(bars[2], **change)
    (text,) = record.wrong_bars("ETHUSDT", "1m", bars, record.bars(kept.trades["ETHUSDT"], "1m"), [bar.ts for bar in bars])
    assert text.startswith(f"ETHUSDT 1m ts {bars[2].ts} ")


def test_a_bar_that_is_missing_is_told_of(kept: Kept) -> None:
    bars = kept.bars("ETHUSDT", "1s")
    gone = bars.pop(7)
    wanted = record.buckets(START + MINUTE, START + SPAN - MINUTE, "1s")
    wrong = record.wrong_bars("ETHUSDT", "1s", bars, record.bars(kept.trades["ETHUSDT"], "1s"), wanted)
    assert wrong == [f"ETHUSDT 1s ts {gone.ts}: there is no bar"]


@pytest.mark.parametrize("every", EVERY)
def test_points_of_a_replay_are_right(kept: Kept, every: str) -> None:
    assert kept.judged(kept.points(every), every, record.buckets(LATE, START + SPAN, every)) == ""


@pytest.mark.parametrize(
    "change",
    [{"y": 1.0}, {"zscore": None}, {"corr_returns": 0.5}, {"quality": "gap"}, {"coverage": 0.5}, {"spread": 1.0}, {"ts": START - 7}],
)
def test_a_point_that_is_wrong_is_told_of(kept: Kept, change: dict[str, Any]) -> None:
    points = kept.points("1s")
    at = next(number for number, point in enumerate(points) if point.ts == LATE)
    points[at] = replace(points[at], **change)
    assert f" ts {LATE}" in kept.judged(points, "1s", record.buckets(LATE, START + SPAN, "1s"))


def test_rows_that_are_not_exported_as_they_are_kept_are_told_of(kept: Kept) -> None:
    bars = kept.bars("ETHUSDT", "1m")
    columns = COLUMNS["bars"]
    rows = [dict(zip(columns, ("" if value is None else str(value) for value in cells(bar, columns)), strict=True)) for bar in bars]
    times = [bar.ts for bar in bars]
    assert record.wrong_rows("bar", rows, bars, times) == []
    assert record.wrong_rows("bar", rows[1:], bars, times) == [f"bar ts {times[0]}: it is not exported"]
    assert record.wrong_rows("bar", rows, bars[1:], times[1:]) == [f"bar ts {times[0]}: it is exported, and not kept"]
    assert record.wrong_rows("bar", [rows[1], rows[0], *rows[2:]], bars, times) == [f"bar ts {times[0]}: exported behind ts {times[1]}"]
    assert record.wrong_rows("bar", [rows[0], *rows], bars, times) == [f"bar ts {times[0]}: 2 rows are exported"]
    (text,) = record.wrong_rows("bar", [rows[0] | {"close": "1.0"}, *rows[1:]], bars, times)
    assert "close is '1.0', must be" in text


def test_ids_that_are_lost_are_in_no_bar(kept: Kept) -> None:
    trades = kept.trades["ETHUSDT"]
    first = int(trades.id[10])
    rest = trades.without([(first, first + 4)])
    assert len(rest.id) == len(trades.id) - 5
    assert sum(bar.trades for bar in record.bars(rest, "1m").values()) < sum(bar.trades for bar in record.bars(trades, "1m").values())
