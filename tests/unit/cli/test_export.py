"""`quantd export` as its user meets it: what was appended comes out, whatever the order, the doubles and the writer beside it."""

import csv
import io
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import msgspec
import pytest

from quantd.history.csv_lines import decimal
from quantd.model import Bar, PairPoint, Tick
from quantd.testing import fakes
from quantd.times import iso
from quantd_plugins.exporters.csv import CsvExporter
from quantd_plugins.stores.local import Local
from tests.conftest import ROOT
from tests.unit.cli.conftest import Run

HOUR = 3_600_000
SYMBOL = ("--symbol", "BTCUSDT")
PAIR = ("--pair", "BTCUSDT-ETHUSDT")
CONFIG = """
pairs: [BTCUSDT-ETHUSDT]
feeds: {synthetic: {}}
store: local
state: {dir: state}
sinks: {log: {}}
"""
PIPELINE = """
feed: synthetic
bars: {use: time, every: [1m]}
regression: {use: ols, window: 15}
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Local]:
    """The store of a config, which its writer has open."""
    (tmp_path / "quantd.yaml").write_text(CONFIG)
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "default.yaml").write_text(PIPELINE)
    opened = Local()
    opened.open(tmp_path / "state")
    yield opened
    opened.close()


def texts(tick: Tick) -> list[str]:
    """Prices as the exchange writes them: without an exponent and without zeros behind."""
    return [str(tick.id), str(tick.ts), decimal(tick.price), decimal(tick.qty), "true" if tick.buyer_maker else "false"]


def rows(text: str) -> list[list[str]]:
    header, *found = csv.reader(io.StringIO(text))
    assert header == ["id", "ts", "price", "qty", "buyer_maker"]
    return found


def test_points_of_an_older_definition_are_left_out(process: Run, store: Local) -> None:
    points = fakes.points(300)
    old = [msgspec.structs.replace(point, definition=1, revision=4) for point in [*points[:150], *points[250:]]]
    store.append([], [], old)
    assert "made by an older version" in process("export", "points", *PAIR).stderr
    store.append([], [], points[150:250])
    done = process("export", "points", *PAIR)
    assert [int(row["ts"]) for row in csv.DictReader(io.StringIO(done.stdout))] == [point.ts for point in points[150:250]]
    assert done.stderr.startswith("quantd: 200 points of BTCUSDT-ETHUSDT are left out: an older version made them")
    assert "quantd: 10 points" in process("export", "points", *PAIR, "--from", str(points[240].ts), "--to", str(points[260].ts)).stderr
    assert process("export", "points", *PAIR, "--from", str(points[150].ts), "--to", str(points[250].ts)).stderr == ""
    early = process("export", "points", *PAIR, "--to", str(points[140].ts))
    assert early.returncode == 2
    assert f"kept from {iso(points[0].ts)} to {iso(points[140].ts - 1)} were made by an older version" in early.stderr


# --- ticks ---------------------------------------------------------------------------------------------------------------------------


def test_ticks_are_those_of_the_exchange_to_the_byte(process: Run, store: Local, tmp_path: Path) -> None:
    store.append([
        Tick("BTCUSDT", 12, fakes.START + 5, 0, 64000.10, 0.001, True), Tick("BTCUSDT", 10, fakes.START, 0, 0.00001, 100.0, False),
        Tick("ETHUSDT", 11, fakes.START, 0, 3000.0, 1.0, False), Tick("BTCUSDT", 12, fakes.START + 5, 9, 64000.10, 0.001, True),
    ], [], [])  # fmt: skip
    done = process("export", "ticks", *SYMBOL, "--out", "F.csv")
    assert (done.returncode, done.stdout, done.stderr) == (0, "F.csv: 2 ticks of BTCUSDT\n", "")
    lines = ["id,ts,price,qty,buyer_maker", "10,1767225600000,0.00001,100,false", "12,1767225600005,64000.1,0.001,true"]
    assert (tmp_path / "F.csv").read_bytes() == "".join(f"{line}\n" for line in lines).encode()
    assert process("export", "ticks", *SYMBOL).stdout == process("export", "ticks", *SYMBOL, "--out", "-").stdout == "\n".join(lines) + "\n"


def test_times_cut_ticks(process: Run, store: Local) -> None:
    ticks = fakes.ticks(500, spacing=60_000)
    store.append(ticks, [], [])
    found = rows(process("export", "ticks", *SYMBOL, "--from", "2026-01-01T02:00", "--to", str(ticks[400].ts)).stdout)
    assert found == [texts(tick) for tick in ticks[:400] if tick.ts >= fakes.START + 2 * HOUR]
    assert 200 < len(found) < 400


def test_beside_a_writer(process: Run, store: Local) -> None:
    ticks = fakes.ticks(200_000, spacing=100)
    store.append(ticks[:20_000], [], [])
    stop = Event()

    def write() -> int:
        at = 20_000
        while not stop.is_set() and at < len(ticks):
            store.append(ticks[at - 10 : at + 100], [], [])
            at += 100
        return at

    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(write)
        try:
            done = process("export", "ticks", *SYMBOL)
        finally:
            stop.set()
        written = writing.result()
    found = rows(done.stdout)
    assert 20_000 <= len(found) <= written
    assert found == [texts(tick) for tick in ticks[: len(found)]]
    assert rows(process("export", "ticks", *SYMBOL).stdout) == [texts(tick) for tick in ticks[:written]]


@pytest.mark.skipif(not all(map(shutil.which, ("awk", "diff", "unzip"))), reason="needs what the document uses")
def test_the_comparison_of_the_document(store: Local, tmp_path: Path) -> None:
    (script,) = re.findall(r"```sh\n(quantd export .*?)```", (ROOT / "docs/operations.md").read_text("utf-8"), re.DOTALL)
    day = fakes.START + 30 * 86_400_000
    ticks = [Tick("BTCUSDT", n, day + n * 1_000, 0, round(64_000 + n * 0.05, 2), n / 1000, n % 3 == 0) for n in range(1, 3_001)]
    store.append([tick for tick in ticks if tick.id != 1_234], [], [])
    theirs = [f"{t.id},{t.price:.2f},{t.qty:.3f},{t.id},{t.id},{t.ts},{str(t.buyer_maker).lower()}\n" for t in ticks]
    with zipfile.ZipFile(tmp_path / "BTCUSDT-aggTrades-2026-01-31.zip", "w") as file:
        header = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
        file.writestr("BTCUSDT-aggTrades-2026-01-31.csv", header + "".join(theirs))
    shim = f'quantd() {{ "{sys.executable}" -m quantd "$@"; }}\n'
    done = subprocess.run(["sh", "-c", shim + script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"1233a1234\n> {','.join(texts(ticks[1_233]))}\n", "")


# --- bars and points -----------------------------------------------------------------------------------------------------------------


def written_by_the_exporter(folder: Path, bars: list[Bar], points: list[PairPoint]) -> dict[str, str]:
    exporter = CsvExporter(dir=str(folder))
    exporter.open(("adf_stat",))
    exporter.write("bars", bars)
    exporter.write("points", points)
    exporter.close()
    return {kind: (folder / f"{kind}.csv").read_text() for kind in ("bars", "points")}


def test_bars_and_points_are_those_of_the_exporter(process: Run, store: Local, tmp_path: Path) -> None:
    bars, points = fakes.bars(400), fakes.points(400)
    better = msgspec.structs.replace(bars[7], close=bars[7].open, revision=1)
    store.append([], bars[200:] + fakes.bars(9, every="1h") + fakes.bars(9, symbol="ETHUSDT"), points[:300])
    store.append([], [*bars[:200], better], points[300:] + fakes.points(9, every="5m"))
    wanted = written_by_the_exporter(tmp_path / "exports", [*bars, better], points)
    done = process("export", "bars", *SYMBOL, "--every", "1m", "--out", "bars.csv")
    assert done.stdout == "bars.csv: 400 bars of 1m of BTCUSDT\n"
    assert (tmp_path / "bars.csv").read_text() == wanted["bars"]
    assert process("export", "points", *PAIR, "--every", "1m").stdout == wanted["points"]
    assert process("export", "bars", *SYMBOL, "--to", "2026-01-01T00:03").stdout == "".join(wanted["bars"].splitlines(True)[:4])


def test_a_metric_that_only_some_points_have_is_a_column(process: Run, store: Local) -> None:
    points = fakes.points(200)
    points[150] = msgspec.structs.replace(points[150], metrics={"half_life": 7.5})
    store.append([], [], points)
    found = list(csv.DictReader(io.StringIO(process("export", "points", *PAIR).stdout)))
    assert [row["ts"] for row in found if row["half_life"]] == [str(points[150].ts)]
    assert [row["adf_stat"] for row in found[4:7]] == ["", "-3.0", "-3.0"]


# --- where to ------------------------------------------------------------------------------------------------------------------------


def test_a_file_is_whole_or_what_it_was(process: Run, store: Local, tmp_path: Path) -> None:
    store.append(fakes.ticks(3_000, spacing=10_000), [], [])
    with sqlite3.connect(tmp_path / "state/history/hot.db") as db:
        db.execute("UPDATE ticks SET ticks = x'00' WHERE rowid = (SELECT MAX(rowid) FROM ticks)")
    db.close()
    (tmp_path / "F.csv").write_text("before")
    there = sorted(path.name for path in tmp_path.iterdir())
    done = process("export", "ticks", *SYMBOL, "--out", "F.csv")
    assert (done.returncode, done.stdout) == (74, "")
    assert "hot.db holds ticks that are damaged" in done.stderr
    assert (tmp_path / "F.csv").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == there


def test_a_link_stays_one(process: Run, store: Local, tmp_path: Path) -> None:
    store.append(fakes.ticks(3), [], [])
    (tmp_path / "link.csv").symlink_to("F.csv")
    assert process("export", "ticks", *SYMBOL, "--out", "link.csv").returncode == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert len(rows((tmp_path / "F.csv").read_text())) == 3


def test_what_is_no_file_is_written_into(process: Run, store: Local, tmp_path: Path) -> None:
    """As a device must be, whose place no file may take; this is a pipe of the test's own."""
    store.append(fakes.ticks(3), [], [])
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert process("export", "ticks", *SYMBOL, "--out", "pipe").returncode == 0
        assert len(rows(os.read(reader, 10_000).decode())) == 3
    finally:
        os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


def test_a_broken_pipe_is_no_matter(store: Local, tmp_path: Path) -> None:
    store.append(fakes.ticks(50_000, spacing=10), [], [])
    command = [sys.executable, "-m", "quantd", "export", "ticks", *SYMBOL]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "id,ts,price,qty,buyer_maker\n"
        process.stdout.close()
        assert process.stderr.read() == ""


# --- what is wrong -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["ticks", "--symbol", "BTC"], "--symbol: no ticks of 'BTC' are kept; there is BTCUSDT"),
        (
            ["bars", "--symbol", "BTC"],
            "--symbol: no bars of 'BTC' are kept; there is " + ", ".join(f"S{n:02}" for n in range(20)) + " and 6 more",
        ),
        (["bars", "--symbol", "S07", "--every", "7x"], "--every: no bars of S07 are kept at '7x'; there is 1h, 1m"),
        (["points", *PAIR], "no points are kept yet: let the daemon run"),
        (["ticks", *SYMBOL, "--from", "then"], "--from: 'then' is no time: write it like 2026-01-31T08:00 or in ms, UTC"),
        (["ticks", *SYMBOL, "--from", "2026-01-02", "--to", "2026-01-01"], "--to: 2026-01-01 is not after --from 2026-01-02"),
        (
            ["ticks", *SYMBOL, "--from", "2027-01-01"],
            "no ticks of BTCUSDT in that time: kept are those from 2026-01-01T00:00:00.000Z to 2026-01-01T00:00:00.001Z",
        ),
        (["ticks", *SYMBOL, "--out", "no/where.csv"], "cannot write no/where.csv: there is no folder no"),
        (["ticks", *SYMBOL, "--out", "state"], "cannot write state: Is a directory"),
        (["ticks", *SYMBOL, "--config", "gone.yaml"], "gone.yaml: no such file"),
    ],
)
def test_what_is_wrong_is_a_line(process: Run, store: Local, args: list[str], text: str) -> None:
    bars = [bar for n in range(26) for every in ("1m", "1h") for bar in fakes.bars(1, symbol=f"S{n:02}", every=every)]
    store.append([Tick("BTCUSDT", n, fakes.START + n, 0, 1.0, 1.0, True) for n in range(2)], bars, [])
    done = process("export", *args)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("quantd: ")
    assert line.endswith(text)


def test_without_history_there_is_nothing_to_write(process: Run, store: Local, tmp_path: Path) -> None:
    done = process("export", "ticks", *SYMBOL, "--out", "F.csv", QUANTD__STATE__DIR=str(tmp_path / "elsewhere"))
    assert done.returncode == 2
    assert "store local: nothing is kept yet: there is no " in done.stderr
    (tmp_path / "quantd.yaml").write_text(CONFIG.replace("store: local\n", ""))
    done = process("export", "ticks", *SYMBOL, "--out", "F.csv")
    assert done.returncode == 2
    assert "has no store, so there is no history: set `store: local`" in done.stderr
    assert not (tmp_path / "F.csv").exists()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("args", [["tocks"], ["ticks"], ["points", "--symbol", "BTCUSDT"], ["ticks", "--pair", "A-B"]])
def test_wrong_usage_is_told(quantd: Run, args: list[str]) -> None:
    done = quantd("export", *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: quantd export" in done.stderr
