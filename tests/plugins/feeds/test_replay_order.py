"""Trades out of order: put in order within a bounded number of rows, and refused beyond; never lost without a word."""

import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import quantd
from quantd_plugins.feeds.readers.formats import read
from quantd_plugins.feeds.readers.source import Source
from tests.plugins.feeds.files import T, captured, collected, frame, replay, write

MINUTE = 60_000


def dump(*numbers: int, step: int = 1000) -> list[str]:
    return [f"{n},100,1,{n},{n},{T + n * step},true" for n in numbers]


def played(path: Path, ahead: int) -> list[quantd.Tick]:
    """The trades of a file of which so many rows are sorted at a time."""
    with closing(Source(str(path))) as source:
        return [event for _, _, event in read(source, ahead=ahead) if isinstance(event, quantd.Tick)]


def test_a_shuffled_dump_is_played_by_id(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    numbers = random.Random(1).sample(range(1, 1001), 1000)
    path = write(tmp_path / "X-aggTrades-1.csv", *dump(*numbers))
    assert [tick.id for tick in replay(path)] == list(range(1, 1001))
    (record,) = caplog.records
    assert record.message.startswith(f"{path}: rows out of order were sorted, the first at {path}:")


def test_times_that_do_not_rise_with_ids_change_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The exchange numbers trades so: their order is that of the ids."""
    lines = [f"{n},100,1,{n},{n},{T + ts},true" for n, ts in ((1, 5), (2, 9), (3, 7), (4, 8), (5, 9))]
    path = write(tmp_path / "X-aggTrades-1.csv", *lines)
    assert [[tick.id for tick in played(path, ahead)] for ahead in (1, 2, 100)] == [[1, 2, 3, 4, 5]] * 3
    assert not caplog.records


def test_a_shuffled_capture_is_played_by_receipt(tmp_path: Path) -> None:
    lines = [captured(T + n * 1000, frame(n, ts=T + n * 1000)) for n in range(1, 301)]
    random.Random(2).shuffle(lines)
    assert [tick.id for tick in replay(write(tmp_path / "c", *lines))] == list(range(1, 301))


def test_late_frames_of_a_capture_stay_as_they_came(tmp_path: Path) -> None:
    """Receipt is what live would have seen: a trade that was late then is late now."""
    lines = [captured(T + n, frame(number, ts=T + number)) for n, number in enumerate((1, 4, 2, 3))]
    assert [tick.id for tick in replay(write(tmp_path / "c", *lines))] == [1, 4, 2, 3]


def test_a_collection_in_two_parts_the_wrong_way_round(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = [collected(T + n * 1000, price=n) for n in range(1, 401)]
    path = write(tmp_path / "t", *lines[200:], *lines[:200])
    assert [tick.price for tick in replay(path)] == list(range(1, 401))
    assert f"the first at {path}:201; what stands in it twice counts twice, for its trades have no ids" in caplog.text


def test_what_cannot_be_sorted_is_refused_by_its_line(tmp_path: Path) -> None:
    path = write(tmp_path / "X-aggTrades-1.csv", "agg_trade_id,price", *dump(*range(101, 301), *range(1, 101)))
    with pytest.raises(quantd.QuantdError) as refused:
        played(path, 50)
    assert str(refused.value).startswith(f"replay: {path}:202: a trade of 2024-08-08T23:54:17.322Z comes after those of ")
    assert "`sort -t, -k1,1n -u`" in str(refused.value)
    assert [tick.id for tick in played(path, 200)] == list(range(1, 301))


@pytest.mark.parametrize(
    ("line", "sort"), [(lambda n: captured(T + n, frame(n, ts=T + n)), "sort -n"), (lambda n: collected(T + n), r"jq -cs 'sort_by\(.ts\)")]
)
def test_a_refusal_tells_how_to_sort(tmp_path: Path, line: Callable[[int], str], sort: str) -> None:
    times = [*range(2 * MINUTE, 2 * MINUTE + 50), *range(1, 51)]
    with pytest.raises(quantd.QuantdError, match=rf":51: .* Sort the unpacked file with `{sort}"):
        played(write(tmp_path / "t", *map(line, times)), 10)


def test_a_clock_that_was_put_back_while_capturing_loses_nothing(tmp_path: Path) -> None:
    """Receipt goes back by an hour; the exchange's times go on."""
    lines = [captured(T + n - (60 * MINUTE if n > 50 else 0), frame(n, ts=T + n)) for n in range(1, 101)]
    assert sorted(tick.id for tick in played(write(tmp_path / "c", *lines), 10)) == list(range(1, 101))


@settings(max_examples=60, deadline=None)
@given(
    numbers=st.lists(st.integers(1, 60), min_size=1, max_size=60, unique=True),
    ahead=st.integers(1, 80),
    step=st.sampled_from([1, 10_000]),
)
def test_all_are_played_or_the_file_is_refused(tmp_path_factory: pytest.TempPathFactory, numbers: list[int], ahead: int, step: int) -> None:
    path = write(tmp_path_factory.mktemp("order") / "X-aggTrades-1.csv", *dump(*numbers, step=step))
    try:
        ids = [tick.id for tick in played(path, ahead)]
    except quantd.QuantdError:
        assert step > 1
        assert ahead < len(numbers)
        return
    assert sorted(ids) == sorted(numbers)
    if ahead >= len(numbers):
        assert ids == sorted(numbers)


# --- rows that cannot both be right ---


@pytest.mark.parametrize("apart", [0, 30])
@pytest.mark.parametrize("wrong", ["7,77,1,7,7,{},true", "7,100,9,7,7,{},true"])
def test_trades_of_one_id_that_contradict_each_other_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, wrong: str, apart: int
) -> None:
    lines = dump(*range(1, 50))
    at = 7 + apart
    row = wrong.format(T + 7000)
    path = write(tmp_path / "X-aggTrades-1.csv", *lines[:at], row, lines[6], row, *lines[at:])
    ticks = replay(path)
    assert next(tick.price for tick in ticks if tick.id == 7) == 100
    (record,) = [record for record in caplog.records if "contradict" in record.message]
    assert record.message == (
        f"{path}: 2 trades contradict another of their id, the first at {path}:{at + 1} the one at {path}:7; "
        f"of such a pair the one played first counts: {path}:7"
    )


def test_trades_that_stand_twice_are_no_contradictions(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    replay(write(tmp_path / "X-aggTrades-1.csv", *dump(1, 2, 2, 3)))
    replay(write(tmp_path / "t", *[collected(T, price=n) for n in (1, 2)]))
    assert not caplog.records


@pytest.mark.parametrize("price", [1.0, 0.0])
def test_a_trade_of_a_wrong_month_is_refused_by_its_line(tmp_path: Path, price: float) -> None:
    days = [0 if n != 50 else 32 for n in range(100)]
    path = write(tmp_path / "t", *(collected(T + n * 1000 + day * 86_400_000, price=price if day else 1) for n, day in enumerate(days)))
    with pytest.raises(
        quantd.QuantdError, match=r":51: this trade of BTCUSDT, of 2024-09-.* 31 days after the one before, .*t:100\), more"
    ):
        replay(path)


# --- encodings ---


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("c", [captured(T, frame(1)), captured(T + 1, frame(2))]),
        ("t.ndjson", [collected(T), collected(T + 1)]),
        ("X-aggTrades-1.csv", dump(1, 2)),
        ("X.csv", ["ts,open,high,low,close,volume", "60000,1,1,1,1,1", "120000,1,1,1,1,1"]),
        ("X-1m.csv", [f"{ts},1,1,1,1,1,{ts + 59_999},1,1,1,1,0" for ts in (60_000, 120_000)]),
        ("X.json", ["[[60000,1,1,1,1,1],[120000,1,1,1,1,1]]"]),
    ],
)
def test_a_byte_order_mark_costs_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, lines: list[str]) -> None:
    """Neither at the beginning nor, as `cat` leaves it, in the middle."""
    marked = ["\ufeff" + lines[0], *lines[1:-1], "\ufeff" + lines[-1] if len(lines) > 1 else ""]
    assert len(replay(write(tmp_path / name, *marked))) == 2
    assert not caplog.records


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_other_encodings_are_refused_by_name(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "t.ndjson"
    path.write_bytes(collected(T).encode(encoding))
    with pytest.raises(quantd.QuantdError, match=r"t.ndjson is text in UTF-16: save it as UTF-8"):
        replay(path)
