"""Files of bars as people have them: names, headers, units of time, numbers, order; and what a refusal says."""

import random
from contextlib import closing
from pathlib import Path

import pytest

import quantd
from quantd_plugins.feeds.readers.formats import read
from quantd_plugins.feeds.readers.source import Source
from tests.plugins.feeds.files import replay, write, zipped

DAY = 1_767_225_600_000
"""2026-01-01T00:00Z."""
HEADER = "ts,open,high,low,close,volume"
PRICES = [("1.5", "3", "1", "2", "10"), ("2", "2.5", "2", "2.25", "0.5"), ("2.25", "4", "2", "3", "7.125")]
BARS = [
    quantd.Bar(
        "BTCUSDT", "1m", DAY + 60_000 * n, float(first), float(high), float(low), float(last), float(volume), None, None, None, "imported"
    )
    for n, (first, high, low, last, volume) in enumerate(PRICES)
]


def rows(*times: object, sep: str = ",") -> list[str]:
    return [sep.join([str(ts), *prices]) for ts, prices in zip(times, PRICES, strict=True)]


def minutes(unit: float = 1) -> list[str]:
    """The times of the three bars, which count `unit` ms."""
    return [str(int((DAY + 60_000 * n) / unit)) for n in range(3)]


KLINES = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"


def klines(unit: float = 1) -> list[str]:
    return [f"{row},{int((DAY + 60_000 * n + 59_999) / unit)},15.5,17,{n}.5,8.5,0" for n, row in enumerate(rows(*minutes(unit)))]


@pytest.mark.parametrize("header", [[], [KLINES]])
@pytest.mark.parametrize("unit", [1, 0.001])
def test_klines_of_the_exchange(tmp_path: Path, header: list[str], unit: float) -> None:
    """Spot files count microseconds since 2025."""
    text = "\n".join([*header, *klines(unit)])
    (tmp_path / "BTCUSDT-1m-2026-01-01.csv").write_text(text)
    bars = replay(tmp_path / "BTCUSDT-1m-2026-01-01.csv")
    assert bars == replay(zipped(tmp_path / "BTCUSDT-1m-2026-01-01.zip", **{"BTCUSDT-1m-2026-01-01": text.encode()}))
    assert [(bar.symbol, bar.every, bar.ts, bar.close, bar.volume) for bar in bars] == [
        (bar.symbol, bar.every, bar.ts, bar.close, bar.volume) for bar in BARS
    ]
    assert [(bar.trades, bar.taker_buy_volume, bar.vwap) for bar in bars] == [(17, 0.5, 1.55), (17, 1.5, 2.5), (17, 2.5, 15.5 / 7.125)]


def test_a_kline_alone_is_of_the_interval_in_its_name(tmp_path: Path) -> None:
    (bar,) = replay(write(tmp_path / "BTCUSDT-1d-2026-01-01.csv", klines()[0]))
    assert (bar.symbol, bar.every, bar.ts) == ("BTCUSDT", "1d", DAY)


@pytest.mark.parametrize("interval", ["3d", "1w", "1mo"])
def test_klines_longer_than_a_day_are_refused(tmp_path: Path, interval: str) -> None:
    with pytest.raises(quantd.QuantdError, match=rf"holds bars of {interval}, and none longer than a day are read: give those of 1d"):
        replay(write(tmp_path / f"BTCUSDT-{interval}-2026-01.csv", KLINES, *klines()))


def iso(zone: str, hours: int = 0, sep: str = " ") -> list[str]:
    return [f"2026-01-01{sep}{hours:02}:0{n}:00{zone}" for n in range(3)]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("BINANCE_BTCUSDT, 1.csv", ["time,open,high,low,close,Volume", *rows(*minutes(1000))]),
        ("BINANCE_BTCUSDT.P, 1.csv", ["time,open,high,low,close,Volume", *rows(*iso("Z", sep="T"))]),
        ("yfinance_BTCUSDT.csv", ["Datetime,Open,High,Low,Close,Volume", *rows(*iso("+00:00"))]),
        ("BTC-USDT.csv", ["Date,Open,High,Low,Close,Volume", *rows(*iso("+02:00", 2))]),
        (
            "Binance_BTCUSDT_minute.csv",
            [
                "https://www.example.com/data",
                "Unix,Date,Symbol,Open,High,Low,Close,Volume USDT,Volume BTC,tradecount",
                *[
                    f"{ts},x,BTC/USDT,{','.join(prices[:4])},9,{prices[4]},"
                    for ts, prices in list(zip(minutes(), PRICES, strict=True))[::-1]
                ],
            ],
        ),
        ("BTC_USDT-1m.json", [str([[float(cell) for cell in row.split(",")] for row in rows(*minutes())])]),
        ("BTC_USDT_USDT-1m-futures.json", ["[", *(f"[{row}]," for row in rows(*minutes())[:2]), f"[{rows(*minutes())[2]}]", "]"]),
        ("BTCUSDT.csv", [HEADER.replace(",", ";"), *(row.replace(".", ",") for row in rows(*minutes(), sep=";"))]),
        ("BTCUSDT.tsv", [HEADER.replace(",", "\t"), *rows(*minutes(), sep="\t")]),
        ("btcusdt.csv", [HEADER.upper(), *rows(*minutes(1e-6))]),
        ("BTCUSDT.csv", [HEADER, "", *rows(*minutes()), HEADER, ""]),
    ],
)
def test_files_of_other_tools(tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, lines: list[str]) -> None:
    assert replay(write(tmp_path / name, *lines)) == BARS
    assert not caplog.records


def test_klines_as_the_exchange_answers_them(tmp_path: Path) -> None:
    cells = [row.split(",") for row in klines()]
    text = str([[int(row[0]), *row[1:6], int(row[6]), row[7], int(row[8]), *row[9:]] for row in cells]).replace("'", '"')
    bars = replay(write(tmp_path / "BTCUSDT.json", text))
    assert [(bar.ts, bar.close, bar.trades, bar.taker_buy_volume) for bar in bars] == [
        (bar.ts, bar.close, 17, n + 0.5) for n, bar in enumerate(BARS)
    ]


# --- times ---


@pytest.mark.parametrize(
    ("times", "every", "opened"),
    [
        ([0, 60, 120], "1m", [0, 60_000, 120_000]),
        ([0, 60_000, 120_000], "1m", [0, 60_000, 120_000]),
        ([0, 1000, 2000], "1s", [0, 1000, 2000]),
        ([0, 86_400, 172_800], "1d", [0, 86_400_000, 172_800_000]),
        ([0, 3_600_000, 7_200_000], "1h", [0, 3_600_000, 7_200_000]),
        (["1970-01-01", "1970-01-01 00:01", "1970-01-01 00:02"], "1m", [0, 60_000, 120_000]),
        ([DAY // 1000, DAY // 1000 + 3600, DAY // 1000 + 7200], "1h", [DAY, DAY + 3_600_000, DAY + 7_200_000]),
        ([DAY, (DAY + 60_000) * 1000, (DAY + 120_000) * 1000], "1m", [DAY, DAY + 60_000, DAY + 120_000]),
    ],
)
def test_the_unit_of_times_is_told_by_all_rows(tmp_path: Path, times: list[object], every: str, opened: list[int]) -> None:
    bars = replay(write(tmp_path / "X.csv", HEADER, *rows(*times)))
    assert [(bar.every, bar.ts) for bar in bars] == [(every, ts) for ts in opened]


@pytest.mark.parametrize(("shift", "nearest"), [(137, "137 ms after"), (-137, "137 ms before")])
def test_bars_off_the_grid_are_refused_by_that_cause(tmp_path: Path, shift: int, nearest: str) -> None:
    with pytest.raises(
        quantd.QuantdError,
        match=rf"X.csv:2: bars of 1m open off the UTC grid: this one at 202.*, {nearest} 2026-01-01T00:00:00.000Z, where",
    ):
        replay(write(tmp_path / "X.csv", HEADER, *rows(*(DAY + shift + n * 60_000 for n in range(3)))))


def test_days_of_another_zone_are_off_the_grid(tmp_path: Path) -> None:
    times = [f"2026-01-0{day} 00:00:00-05:00" for day in (1, 2, 3)]
    with pytest.raises(quantd.QuantdError, match=r"X.csv:2: bars of 1d open off the UTC grid: this one at 2026-01-01T05:00:00.000Z"):
        replay(write(tmp_path / "X.csv", HEADER, *rows(*times)))


# --- order ---


def test_rows_in_any_order_are_played_by_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = [f"{symbol},{DAY + n * 60_000},1,1,1,{1},{n}" for n in range(300) for symbol in ("A", "B")]
    ordered = replay(write(tmp_path / "all.csv", f"symbol,{HEADER}", *lines))
    random.Random(3).shuffle(lines)
    shuffled = replay(write(tmp_path / "all.csv", f"symbol,{HEADER}", *lines))
    assert [bar for bar in shuffled if bar.symbol == "A"] == [bar for bar in ordered if bar.symbol == "A"]
    assert [bar.ts for bar in shuffled] == [bar.ts for bar in ordered]
    assert not caplog.records


def test_rows_that_stand_twice_count_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Two downloads that overlap, one after the other."""
    path = write(tmp_path / "BTCUSDT.csv", HEADER, *rows(*minutes()), *rows(*minutes())[1:])
    assert replay(path) == BARS
    assert [record.message for record in caplog.records] == [f"{path}: dropped 2 rows that stand in it twice"]


def test_rows_that_contradict_each_other_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The last bar of the first download was still open."""
    forming = f"{minutes()[2]},2.25,2.25,2.25,2.25,1"
    path = write(tmp_path / "BTCUSDT.csv", HEADER, *rows(*minutes())[:2], forming, *rows(*minutes())[1:])
    assert replay(path) == BARS
    assert f"{path}: 1 rows contradict another of their time, the first at {path}:6 the one at {path}:4" in caplog.text


def test_revisions_are_no_contradictions(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = f"{minutes()[2]},2.25,2.25,2.25,2.25,1,0"
    path = write(tmp_path / "BTCUSDT.csv", f"{HEADER},revision", first, *(f"{row},1" for row in rows(*minutes())))
    assert replay(path) == BARS
    assert not caplog.records


def test_too_many_rows_to_sort_are_refused_by_the_line(tmp_path: Path) -> None:
    path = write(tmp_path / "BTCUSDT.csv", HEADER, *reversed(rows(*minutes())))
    with closing(Source(str(path))) as source:
        assert [bar for _, _, bar in read(source, most=3)] == BARS
        with pytest.raises(quantd.QuantdError, match=r"csv:3: this row is earlier than one before, and no more than 2 are sorted"):
            list(read(source.again(), most=2))


# --- times that are wrong ---

YEAR = 365 * 86_400_000


@pytest.mark.parametrize(
    ("wrong", "second", "first", "missing"),
    [(0, 2, 52, "29,453,759"), (DAY + YEAR, 52, 201, "525,400"), (DAY + 60_000 * 100_200, 52, 201, "100,000")],
)
def test_a_leap_in_time_is_refused_by_its_lines(tmp_path: Path, wrong: int, second: int, first: int, missing: str) -> None:
    times = [DAY + 60_000 * n for n in range(200)]
    times[50] = wrong
    path = write(tmp_path / "X.csv", HEADER, *(f"{ts},1,1,1,1,{n}" for n, ts in enumerate(times)))
    if missing == "100,000":
        assert len(replay(path)) == 200
        return
    with closing(Source(str(path))) as source, pytest.raises(quantd.QuantdError) as refused:
        next(read(source))
    assert str(refused.value).startswith(f"replay: {path}:{second}: between this bar of X at ")
    assert f"({path}:{first}), {missing} bars of 1m are missing, more than 100,000: mend or cut the row" in str(refused.value)


def test_what_cannot_be_read_is_no_leap(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "BTCUSDT.csv", HEADER, *rows(*minutes()), "0,,,,,")
    with closing(Source(str(path))) as source:
        assert [bar for _, _, bar in read(source)] == BARS
    assert "skipped 1 bad lines, the first at" in caplog.text


def test_each_symbol_has_leaps_of_its_own(tmp_path: Path) -> None:
    lines = [f"{symbol},{start + n * 60_000},1,1,1,1,1" for symbol, start in (("A", DAY), ("B", DAY + YEAR)) for n in range(3)]
    assert len(replay(write(tmp_path / "all.csv", f"symbol,{HEADER}", *lines))) == 6


# --- refusals ---


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (
            ["date,price,vol", "2026-01-01,1,2"],
            "its columns are `date`, `price`, `vol`; it lacks `open`, `high`, `low`, `close`: a header",
        ),
        (
            ["Open;High;Low;Close;Volume", "1;1;1;1;1"],
            "`Close`, `Volume`; it lacks a time: a header of bars is `ts,open,high,",
        ),
        (rows(*minutes()), "no line names its columns: put `ts,open,high,low,close,volume`, as they stand, above its rows"),
        (
            [HEADER, *(f"0{n}/01/2026 00:00,1,1,1,1,1" for n in range(3))],
            r"skipped 3 bad lines, .*:2: '00/01/2026 00:00' is no time",
        ),
        ([HEADER.replace(",", ";"), "0;1,500;2,500;1,500;2,000;7", "60;1,500;2,500;1,500;2,000;7"], "not clear what the comma means"),
        ([HEADER.replace(",", ";"), "0;1,5;2.5;1,5;2;7", "60;1,5;2,5;1,5;2;7"], r":2: '1,5' beside '2.5': it is not clear what the comma"),
        (['[{"open": 1}]'], "it is a JSON array, and not of arrays: give one object a line"),
        (["[]"], "is an empty JSON array and holds no rows"),
        (["[", "", "]"], "is an empty JSON array and holds no rows"),
        (['[["1","2"]]'], r"is a JSON array, and not of rows like \[ts, open, high, low, close, volume\]"),
        (["[[60000,1,1,1,1,1],[120000"], "is no JSON: .*; fetch it again"),
    ],
)
def test_a_refusal_names_what_was_found_and_what_lacks(tmp_path: Path, lines: list[str], text: str) -> None:
    with pytest.raises(quantd.QuantdError, match=text):
        replay(write(tmp_path / "X.csv", *lines))
