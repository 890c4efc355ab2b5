"""CSV files: columns, empty cells, last revisions, days."""

import csv
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

import quantd
from quantd_plugins.exporters.csv import CsvExporter

DAY = 86_400_000


def bar(ts: int, close: float = 1.5, revision: int = 0) -> quantd.Bar:
    return quantd.Bar("S", "1s", ts, 1.0, 2.0, 0.5, close, 0.1, 3, None, 0.1, "complete", revision)


def point(ts: int, revision: int = 0, **changes: object) -> quantd.PairPoint:
    made = quantd.PairPoint("Y-X", "1s", ts, 9.0, 4.0, quantd.Hedge(1.0, 2.0, 60, 0.25, None), 1.0, None, 0.5, 1.0, "complete", revision)
    return msgspec.structs.replace(made, **changes)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_cell_is_empty_where_there_is_no_value(tmp_path: Path) -> None:
    exporter = CsvExporter(dir=str(tmp_path / "out"))
    exporter.open(["adf_stat"])
    exporter.write("bars", [bar(1_000)])
    exporter.write("points", [point(1_000, metrics={"adf_stat": -3.5}), point(2_000, reason="warming")])
    exporter.close()
    (row,) = read(tmp_path / "out" / "bars.csv")
    assert (row["symbol"], row["every"], row["ts"], row["close"], row["vwap"], row["trades"]) == ("S", "1s", "1000", "1.5", "", "3")
    first, second = read(tmp_path / "out" / "points.csv")
    assert list(first)[:7] == ["pair", "every", "ts", "beta", "spread", "zscore", "corr"]
    assert (first["beta"], first["zscore"], first["r2"], first["stderr"], first["adf_stat"]) == ("2.0", "", "", "0.25", "-3.5")
    assert (second["adf_stat"], second["reason"]) == ("", "warming")


def test_a_re_issued_row_takes_the_place_of_the_first(tmp_path: Path) -> None:
    exporter = CsvExporter(dir=str(tmp_path))
    exporter.open([])
    exporter.write("bars", [bar(1_000), bar(2_000), bar(3_000)])
    exporter.write("bars", [bar(2_000, 7.0, 1), bar(2_000, 8.0, 2)])
    exporter.close()
    assert [(row["ts"], row["close"], row["revision"]) for row in read(tmp_path / "bars.csv")] == [
        ("1000", "1.5", "0"),
        ("2000", "8.0", "2"),
        ("3000", "1.5", "0"),
    ]


def test_a_day_has_its_file_and_a_restart_goes_on_with_it(tmp_path: Path) -> None:
    for rows in ([bar(0), bar(DAY - 1_000)], [bar(DAY), bar(DAY - 1_000, 9.0, 1)]):
        exporter = CsvExporter(dir=str(tmp_path), roll="1d", kinds=("bars",))
        exporter.open([])
        exporter.write("bars", rows)
        exporter.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bars-1970-01-01.csv", "bars-1970-01-02.csv"]
    assert [(row["ts"], row["close"]) for row in read(tmp_path / "bars-1970-01-01.csv")] == [("0", "1.5"), (str(DAY - 1_000), "9.0")]


def test_an_unrolled_file_is_written_anew_and_exists_without_rows(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_text("old")
    exporter = CsvExporter(dir=str(tmp_path))
    exporter.open([])
    exporter.close()
    assert (tmp_path / "bars.csv").read_text().startswith("symbol,every,ts,open,high,low,close,volume,trades,")
    assert read(tmp_path / "points.csv") == []


def test_old_days_are_closed(tmp_path: Path) -> None:
    exporter = CsvExporter(dir=str(tmp_path), roll="1d", kinds=("bars",))
    exporter.open([])
    exporter.write("bars", [bar(n * DAY) for n in range(30)])
    assert len(exporter._sheets) == 2
    exporter.close()
    assert len(list(tmp_path.iterdir())) == 30


@pytest.mark.parametrize("kind", ["ticks"])
def test_ticks(tmp_path: Path, kind: quantd.RowKind) -> None:
    exporter = CsvExporter(dir=str(tmp_path), kinds=(kind,))
    exporter.open([])
    exporter.write(kind, [quantd.Tick("S", 7, 1, 2, 0.1, 3.0, True)])
    exporter.close()
    assert (tmp_path / "ticks.csv").read_text() == "symbol,id,ts,recv,price,qty,buyer_maker\nS,7,1,2,0.1,3.0,true\n"


def test_a_day_that_was_begun_with_other_columns_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "points-1970-01-01.csv"
    for metrics in ([], ["adf_stat"], ["adf_stat"], ["half_life"]):
        exporter = CsvExporter(dir=str(tmp_path), roll="1d", kinds=("points",))
        exporter.open(metrics)
        exporter.write("points", [point(1_000, metrics=dict.fromkeys(metrics, 7.0))])
        exporter.close()
    found = [path, path.with_suffix(".1.csv"), path.with_suffix(".2.csv")]
    assert sorted(tmp_path.glob("*")) == sorted(found)
    assert [list(read(each)[0])[-1] for each in found] == ["half_life", "weight", "adf_stat"]
    assert all(row[name] == "7.0" for each, name in ((found[0], "half_life"), (found[2], "adf_stat")) for row in read(each))


def test_its_places_are_its_files(tmp_path: Path) -> None:
    folder = str(tmp_path / "a" / ".." / "out")
    (tmp_path / "a").mkdir()
    assert CsvExporter(dir=folder).places() == {f"{tmp_path}/out/bars.csv", f"{tmp_path}/out/points.csv"}
    assert CsvExporter(dir=folder, roll="1d", kinds=("ticks",)).places() == {f"{tmp_path}/out/ticks-*.csv"}


@pytest.mark.parametrize("torn", ["", "S,1s,3000,1.5,1."])
def test_what_follows_a_kill_takes_the_place_of_what_stands_in_the_file(tmp_path: Path, torn: str) -> None:
    """Files get rows at once, the record a second later: who was killed makes the last ones again, or finds them cut in two."""
    path = tmp_path / "bars-1970-01-01.csv"
    killed = CsvExporter(dir=str(tmp_path), roll="1d", kinds=("bars",))
    killed.open([])
    killed.write("bars", [bar(0), bar(1_000), bar(2_000)])
    with path.open("a") as file:
        file.write(torn)
    exporter = CsvExporter(dir=str(tmp_path), roll="1d", kinds=("bars",))
    exporter.open([])
    exporter.write("bars", [bar(1_000), bar(2_000, 7.0), bar(3_000)])
    exporter.close()
    assert [(row["ts"], row["close"]) for row in read(path)] == [("0", "1.5"), ("1000", "1.5"), ("2000", "7.0"), ("3000", "1.5")]


def test_a_trade_that_is_written_again_after_a_kill_stands_there_once(tmp_path: Path) -> None:
    killed = CsvExporter(dir=str(tmp_path), roll="1d", kinds=("ticks",))
    for exporter in (killed, CsvExporter(dir=str(tmp_path), roll="1d", kinds=("ticks",))):
        exporter.open([])
        exporter.write("ticks", [quantd.Tick("S", number, 5, 5, 0.1, 3.0, True) for number in (7, 8)])
    exporter.write("ticks", [quantd.Tick("S", 9, 6, 6, 0.1, 3.0, True)])
    exporter.close()
    assert [row["id"] for row in read(tmp_path / "ticks-1970-01-01.csv")] == ["7", "8", "9"]


def test_a_day_that_one_run_has_written_without_re_issues_is_not_read_again(tmp_path: Path) -> None:
    """That takes seconds and hundreds of megabytes for a day's trades, while the daemon waits."""
    unsettled = []
    for revision in (0, 0, 1):
        exporter = CsvExporter(dir=str(tmp_path), roll="1d", kinds=("bars",))
        exporter.open([])
        exporter.write("bars", [bar(1_000, revision=revision)])
        unsettled += [sheet.unsettled for sheet in exporter._sheets.values()]
        exporter.close()
    exporter = CsvExporter(dir=str(tmp_path), roll="1d", kinds=("bars",))
    exporter.open([])
    exporter.write("bars", [bar(DAY, revision=1)])
    unsettled += [sheet.unsettled for sheet in exporter._sheets.values()]
    exporter.close()
    assert unsettled == [False, True, True, True]


@contextmanager
def full(path: Path, more: int) -> Iterator[None]:
    """No file may grow to more bytes than this one has, and so many more."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("continued", [False, True])
def test_a_full_disk_takes_all_rows_of_a_call_or_none(tmp_path: Path, continued: bool) -> None:
    exporter = CsvExporter(dir=str(tmp_path), roll="1d", kinds=("bars",))
    exporter.open([])
    exporter.write("bars", [bar(0)])
    if continued:
        exporter.close()
    with full(tmp_path / "bars-1970-01-01.csv", 20), pytest.raises(OSError, match="File too large"):
        exporter.write("bars", [bar(1_000), bar(2_000)])
    assert [row["ts"] for row in read(tmp_path / "bars-1970-01-01.csv")] == ["0"]
    exporter.write("bars", [bar(1_000), bar(2_000)])
    exporter.close()
    assert [(row["symbol"], row["ts"]) for row in read(tmp_path / "bars-1970-01-01.csv")] == [("S", "0"), ("S", "1000"), ("S", "2000")]


def test_a_file_that_cannot_be_closed_costs_no_row_of_another(tmp_path: Path) -> None:
    exporter = CsvExporter(dir=str(tmp_path), kinds=("bars", "points"))
    exporter.open([])
    exporter.write("bars", [bar(0)])
    exporter.write("points", [point(1_000 * second) for second in range(100)])
    with full(tmp_path / "bars.csv", 1_000), pytest.raises(OSError, match="File too large"):
        exporter.close()
    assert len(read(tmp_path / "bars.csv")) == 1


def test_rows_of_two_days_that_come_again_stand_once(tmp_path: Path) -> None:
    exporter, rows = CsvExporter(dir=str(tmp_path), roll="1d", kinds=("bars",)), [bar(DAY - 1_000), bar(DAY)]
    exporter.open([])
    (tmp_path / "bars-1970-01-02.csv").mkdir()
    with pytest.raises(IsADirectoryError):
        exporter.write("bars", rows)
    (tmp_path / "bars-1970-01-02.csv").rmdir()
    exporter.write("bars", rows)
    exporter.close()
    assert [[row["ts"] for row in read(tmp_path / f"bars-1970-01-0{day}.csv")] for day in (1, 2)] == [[str(DAY - 1_000)], [str(DAY)]]


def test_a_day_that_is_settled_beside_the_flow_takes_late_rows_behind_it(tmp_path: Path) -> None:
    exporter = CsvExporter(dir=str(tmp_path), roll="1d", kinds=("bars",))
    exporter.open([])
    exporter.write("bars", [bar(0), bar(1_000), bar(0, 9.0, 1)])
    for day in (1, 2):
        exporter.write("bars", [bar(day * DAY)])
    exporter.write("bars", [bar(1_000, 8.0, 1)])
    exporter.close()
    assert [(row["ts"], row["close"]) for row in read(tmp_path / "bars-1970-01-01.csv")] == [("0", "9.0"), ("1000", "8.0")]
    assert [len(read(tmp_path / f"bars-1970-01-0{day}.csv")) for day in (2, 3)] == [1, 1]
    assert not list(tmp_path.glob("*.tmp"))
