"""`quantd backtest` as its user meets it: files and history, the same numbers everywhere, and what is wrong in a line."""

import csv
import json
import random
import re
import shlex
import sqlite3
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from quantd.model import Bar
from quantd_plugins.stores.local import Local
from tests.conftest import ROOT
from tests.unit.cli.conftest import Run

START, MINUTE = 1_767_225_600_000, 60_000
PAIR = ("--pair", "AAA-BBB")
CHOICE = (*PAIR, "--window", "15", "--entry", "1.5", "--stop", "3")
CONFIG = """
pairs: [AAA-BBB]
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


def market() -> tuple[list[float], list[float]]:
    noise = random.Random(3)
    y, x, spread = [], [], 0.0
    level = 100.0
    for _ in range(400):
        level += noise.gauss(0, 0.05)
        spread = 0.8 * spread + noise.gauss(0, 0.2)
        x.append(round(level, 4))
        y.append(round(20 + 1.5 * level + spread, 4))
    return y, x


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """OHLC files of 1m bars of two symbols; each bar opens at the close before."""
    for symbol, prices in zip(("AAA", "BBB"), market(), strict=True):
        rows = []
        for minute, (before, price) in enumerate(zip([prices[0], *prices], prices, strict=False)):
            rows.append(f"{START + MINUTE * minute},{before},{max(before, price)},{min(before, price)},{price},5")
        (tmp_path / f"{symbol}.csv").write_text("ts,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    return ["AAA.csv", "BBB.csv"]


@pytest.fixture
def history(tmp_path: Path) -> Local:
    """The same bars in the store of a config, which its writer has open."""
    (tmp_path / "quantd.yaml").write_text(CONFIG)
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "default.yaml").write_text(PIPELINE)
    store = Local()
    store.open(tmp_path / "state")
    for symbol, prices in zip(("AAA", "BBB"), market(), strict=True):
        pairs = enumerate(zip([prices[0], *prices], prices, strict=False))
        bars = [Bar(symbol, "1m", START + MINUTE * k, o, max(o, c), min(o, c), c, 5.0, 1, c, 1.0, "complete") for k, (o, c) in pairs]
        store.append([], bars, [])
    return store


def told(process: Run, *args: str) -> dict[str, Any]:
    done = process("backtest", *args, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_the_table_the_csv_the_json_and_the_report_agree(process: Run, files: list[str], tmp_path: Path) -> None:
    done = process("backtest", *files, *CHOICE, "--html", "r.html", "--trades", "t.csv")
    assert (done.returncode, done.stderr.strip()) == (0, "")
    found = told(process, *files, *CHOICE)
    rows = list(csv.DictReader((tmp_path / "t.csv").open()))
    made, trades = found["summary"], found["trades"]
    assert isinstance(made, dict)
    assert isinstance(trades, list)
    assert len(trades) == len(rows) == made["trades"] > 20
    assert [float(row["net"]) for row in rows] == [trade["net"] for trade in trades]
    assert [row["entered"] for row in rows] == [trade["entered"] for trade in trades]
    assert f"trades         {made['trades']}: {made['targets']} at target, {made['stops']} stopped" in done.stdout
    assert f"the last 20 of {len(rows)}: --trades writes all" in done.stdout
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["AAA.csv", "BBB.csv", "r.html", "t.csv"]


@pytest.mark.parametrize("of_history", [False, True])
def test_a_fixed_hedge_is_told(process: Run, files: list[str], history: Local, of_history: bool) -> None:
    history.close()
    found = told(process, *([] if of_history else files), *PAIR, "--window", "15", "--beta", "1.5")
    assert isinstance(found["settings"], dict)
    assert isinstance(found["trades"], list)
    assert [found["settings"][name] for name in ("regression", "beta", "alpha")] == ["fixed", 1.5, 0.0]
    assert {trade["beta"] for trade in found["trades"]} == {1.5}


@pytest.mark.parametrize("of_history", [False, True])
@pytest.mark.parametrize(
    ("args", "text"),
    [
        (
            ("--beta", "1.5", "--regression", "ols"),
            "--regression: ols finds a hedge of its own: leave out --beta and --alpha, or take fixed",
        ),
        (("--alpha", "3"), "--alpha: is that of a fixed hedge: add --beta"),
    ],
)
def test_a_hedge_is_fixed_or_found(
    quantd: Run, files: list[str], history: Local, of_history: bool, args: tuple[str, ...], text: str
) -> None:
    history.close()
    done = quantd("backtest", *([] if of_history else files), *PAIR, *args)
    assert (done.returncode, done.stderr.strip()) == (2, f"quantd: {text}")


@pytest.mark.parametrize("of_history", [False, True])
def test_the_options_override_what_the_pipeline_says(
    process: Run, files: list[str], history: Local, tmp_path: Path, of_history: bool
) -> None:
    history.close()
    pipeline = PIPELINE + "zscore: {method: ew, window: 30, halflife: 7}\n"
    (tmp_path / "pipelines" / "default.yaml").write_text(pipeline)
    source = [] if of_history else [*files, "--pipeline", "default"]
    for args, regression, zscore in (
        ((), ("ols", 15), ("ew", 30, 7.0)),
        (("--zscore", "ew", "--against", "before"), ("ols", 15), ("ew", 30, 7.0)),
        (("--zscore", "robust"), ("ols", 15), ("robust", 30, None)),
        (("--window", "20", "--regression", "huber"), ("huber", 20), ("ew", None, 7.0)),
    ):
        settings = told(process, *source, *PAIR, *args)["settings"]
        assert isinstance(settings, dict)
        assert (settings["regression"], settings["window"]) == regression
        assert tuple(settings["zscore"][name] for name in ("method", "window", "halflife")) == zscore


def test_exits_by_what_is_held(process: Run, files: list[str]) -> None:
    """Their stop may be beyond what the z-score of now can reach."""
    now, held = (told(process, *files, *PAIR, "--window", "15", "--entry", "1.5", *more) for more in ([], ["--hold", "--stop", "9"]))
    assert isinstance(now["settings"], dict)
    assert isinstance(held["settings"], dict)
    assert [found["rules"]["hold"] for found in (now["settings"], held["settings"])] == [False, True]
    assert now["trades"] != held["trades"]
    assert isinstance(held["trades"], list)
    sold = [trade for trade in held["trades"] if trade["side"] == "short" and trade["reason"] == "target"]
    assert max(trade["zscore_held"] for trade in sold) <= 0.0
    done = process("backtest", *files, *CHOICE, "--hold")
    assert "exits by       the beta, mean and std of the entry (hold)" in done.stdout


def test_a_split_tells_both_parts(process: Run, files: list[str]) -> None:
    whole, found = told(process, *files, *CHOICE), told(process, *files, *CHOICE, "--split", "0.7")
    assert [whole[name] for name in ("split_at", "in_sample", "out_of_sample")] == [None, None, None]
    assert found["split_at"] == "2026-01-01T04:44:00.000Z"
    assert found["summary"] == whole["summary"]
    for name, option in (("in_sample", "--to"), ("out_of_sample", "--from")):
        assert found[name] == told(process, *files, *CHOICE, option, "2026-01-01T04:44Z")["summary"]
    done = process("backtest", *files, *CHOICE, "--split", "0.7")
    assert re.search(r"^ +in-sample +out-of-sample *$", done.stdout, re.MULTILINE)
    assert "split at 2026-01-01 04:44 UTC: each part is traded for itself" in done.stdout


def test_dollar_sizing(process: Run, files: list[str]) -> None:
    found = told(process, *files, *CHOICE, "--sizing", "dollar")
    assert isinstance(found["trades"], list)
    assert isinstance(found["settings"], dict)
    assert found["settings"]["rules"]["sizing"] == "dollar"
    for trade in found["trades"]:
        other = -1.0 if trade["beta"] > 0 else 1.0
        assert trade["x_units"] * trade["x_entry"] == pytest.approx(other * trade["y_units"] * trade["y_entry"])
    assert isinstance(found["summary"], dict)
    assert found["summary"]["same_side"] == sum(trade["beta"] < 0 for trade in found["trades"]) > 0
    assert "sizing         the same value in both legs (dollar)" in process("backtest", *files, *CHOICE, "--sizing", "dollar").stdout


def funding(folder: Path) -> list[str]:
    """Rates of every ten minutes: of AAA as the venue publishes them, zipped in two files, of BBB as it answers; some ms late."""
    times = [START + 10 * MINUTE * each + 4 for each in range(40)]
    head = "calc_time,funding_interval_hours,last_funding_rate\n"
    with zipfile.ZipFile(folder / "AAA-fundingRate-2026-01.zip", "w") as archive:
        for number, part in enumerate((times[:20], times[20:])):
            archive.writestr(f"{number}.csv", head + "".join(f"{ts},8,0.00100000\n" for ts in part))
    rows = [
        {"symbol": "BBB", "fundingTime": ts, "fundingRate": "-0.00200000", "markPrice": "120.0" if ts > times[0] else ""} for ts in times
    ]
    (folder / "funding.json").write_text(json.dumps([*rows, rows[-1] | {"symbol": "CCC"}]))
    return ["--funding", "AAA-fundingRate-2026-01.zip", "--funding", "funding.json"]


def test_funding_is_read_and_paid(process: Run, files: list[str], tmp_path: Path) -> None:
    options = funding(tmp_path)
    free, found = told(process, *files, *CHOICE), told(process, *files, *CHOICE, *options)
    assert isinstance(free["summary"], dict)
    assert isinstance(found["summary"], dict)
    assert isinstance(found["trades"], list)
    closes = dict(zip(range(400), market()[0], strict=True))
    for trade in found["trades"]:
        entered, left = ((milliseconds(trade[name]) - START) // MINUTE for name in ("entered", "exited"))
        due = [minute for minute in range(0, 400, 10) if entered < minute <= left]
        paid = sum(0.001 * trade["y_units"] * closes[minute - 1] - 0.002 * trade["x_units"] * 120.0 for minute in due)
        assert trade["funding"] == pytest.approx(-paid, abs=1e-12)
    assert found["summary"]["net"] == pytest.approx(free["summary"]["net"] + found["summary"]["funding"])
    assert (found["summary"]["funding_missing"], free["summary"]["funding"]) == (0, None)
    assert free["summary"]["reasons"]["funding"] == "no rates of AAA and BBB"
    half = told(process, *files, *CHOICE, *options[:2])["summary"]
    assert isinstance(half, dict)
    assert (half["funding"], half["reasons"]["funding"]) == (None, "no rates of BBB")


HEAD = "calc_time,funding_interval_hours,last_funding_rate"


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("gone.csv", None, "cannot read gone.csv: No such file or directory"),
        ("rates.csv", f"{HEAD}\n", "rates.csv: the name does not tell the symbol: name it as it was published, like BTCUSDT-fundingRate-"),
        ("CCC-fundingRate-1.csv", f"{HEAD}\n{START},8,0.1\n", "CCC-fundingRate-1.csv has rates of CCC, and of none of AAA, BBB"),
        ("AAA-fundingRate-1.csv", f"{HEAD}\n", "AAA-fundingRate-1.csv has rates of nothing, and of none of AAA, BBB"),
        (
            "AAA-fundingRate-1.csv",
            "time,rate\n1,2\n",
            "expected the columns calc_time,funding_interval_hours,last_funding_rate: calc_time and",
        ),
        ("AAA-fundingRate-1.csv", f"{HEAD}\n{START},8,much\n", "row 2: no time, rate or mark price: 1767225600000, much, nan"),
        ("AAA-fundingRate-1.csv", f"{HEAD}\n{START},8,nan\n", "row 2: cannot be true: a rate of nan"),
        ("AAA-fundingRate-1.csv", f"{HEAD}\n{START},8,1.5\n", "row 2: cannot be true: a rate of 1.5"),
        ("AAA-fundingRate-1.csv", f"{HEAD}\n17672256,8,0.1\n", "row 2: 17672256 is no time in ms"),
        ("AAA-fundingRate-1.zip", "no zip", "AAA-fundingRate-1.zip is neither text nor a zip file of it"),
        ("AAA-fundingRate-1.csv", f"{HEAD}\n{'1' * 200_000},8,0.1\n", "AAA-fundingRate-1.csv: field larger than field limit"),
        ("a.json", '{"code": -1121, "msg": "Invalid symbol."}', "a.json: expected a list of rates, found {"),
        ("a.json", '[{"symbol": "AAA"}]', "a.json: row 1: expected an object with symbol, fundingTime, fundingRate"),
        ("a.json", "[1", "a.json: "),
        ("a.json", json.dumps([{"symbol": "AAA", "fundingTime": START, "fundingRate": 0.1, "markPrice": -1}]), "a mark price of -1"),
    ],
)
def test_funding_that_cannot_be_read_is_a_line(
    quantd: Run, files: list[str], tmp_path: Path, name: str, text: str | None, wrong: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    done = quantd("backtest", *files, *PAIR, "--funding", name)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("quantd: --funding: ")
    assert wrong in line


@pytest.mark.parametrize(("at", "value"), [(60, 0xFF), (6, 1), (8, 99)], ids=["damaged", "encrypted", "packed otherwise"])
def test_an_archive_that_cannot_be_unpacked_is_a_line(quantd: Run, files: list[str], tmp_path: Path, at: int, value: int) -> None:
    path = tmp_path / "AAA-fundingRate-1.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", HEAD + "".join(f"\n{START + n},8,0.1" for n in range(100)))
    data = bytearray(path.read_bytes())
    for place in (at,) if at > 30 else (at, data.index(b"PK\x01\x02") + at + 2):  # beside the data, both heads tell it
        data[place] = value
    path.write_bytes(data)
    done = quantd("backtest", *files, *PAIR, "--funding", path.name)
    assert (done.returncode, done.stderr) == (2, "quantd: --funding: AAA-fundingRate-1.zip is neither text nor a zip file of it\n")


def milliseconds(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def test_batches_of_any_size_give_the_same_bytes(process: Run, files: list[str], tmp_path: Path) -> None:
    made = []
    for chunk in ("1", "1000"):
        done = process("backtest", *files, *CHOICE, "--chunk", chunk, "--html", "r.html", "--trades", "t.csv", "--json")
        made.append((done.stdout, (tmp_path / "r.html").read_bytes(), (tmp_path / "t.csv").read_bytes()))
    assert made[0] == made[1]


def test_history_gives_what_files_give_while_it_is_being_written(process: Run, files: list[str], history: Local, tmp_path: Path) -> None:
    of_files, of_history = told(process, *files, *CHOICE), told(process, *CHOICE)
    history.close()
    assert of_files["trades"] == of_history["trades"] != []
    assert of_files["equity"] == of_history["equity"]
    assert of_files["settings"] == of_history["settings"]


def test_history_is_merged_and_cut(process: Run, history: Local) -> None:
    history.close()
    found = told(
        process, *PAIR, "--every", "5m", "--window", "5", "--entry", "1.5", "--from", "2026-01-01T02:00", "--to", "2026-01-01T04:00Z"
    )
    assert found["quality"] == {
        "start": "2026-01-01T02:00:00.000Z", "end": "2026-01-01T04:00:00.000Z",
        "gap": 0, "partial": 0, "holes": 0, "missing": 0, "unusable": 0, "without_zscore": {}, "lapsed": 0,
    }  # fmt: skip


def test_reading_history_changes_nothing(process: Run, history: Local, tmp_path: Path) -> None:
    history.close()
    file = tmp_path / "state" / "history" / "hot.db"
    before = file.read_bytes()
    told(process, *CHOICE)
    assert file.read_bytes() == before
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["history"]


def test_no_history_makes_none(process: Run, history: Local, tmp_path: Path) -> None:
    history.close()
    done = process("backtest", *PAIR, QUANTD__STATE__DIR=str(tmp_path / "elsewhere"))
    assert done.returncode == 2
    assert "store local: nothing is kept yet: there is no " in done.stderr
    assert not (tmp_path / "elsewhere").exists()


def test_a_store_of_something_else_is_a_line(process: Run, history: Local, tmp_path: Path) -> None:
    history.close()
    file = tmp_path / "state" / "history" / "hot.db"
    file.unlink()
    sqlite3.connect(file).close()
    file.touch()
    done = process("backtest", *PAIR)
    assert done.returncode == 74
    assert "store local: cannot read" in done.stderr


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ([], "which pair? Name one with --pair BTCUSDT-ETHUSDT"),
        (["--pair", "AAA"], "--pair: 'AAA' is not a pair: write it like BTCUSDT-ETHUSDT"),
        (["--pair", "AAA-AAA"], "--pair: 'AAA-AAA' pairs a symbol with itself"),
        ([*PAIR, "--every", "7x"], "--every: '7x' is not a timeframe"),
        ([*PAIR, "--window", "1"], "--window: expected a whole number of 2 or more, found 1"),
        ([*PAIR, "--window", "200000"], "200000"),
        ([*PAIR, "--regression", "olss"], "no regression 'olss'; there is "),
        ([*PAIR, "--entry", "0"], "--entry: expected a number above 0, found 0"),
        ([*PAIR, "--exit", "2"], "--exit: expected a number between -2 and 2 (entry), found 2"),
        ([*PAIR, "--stop", "1"], "--stop: expected a number above 2 (entry), found 1"),
        ([*PAIR, "--fee-bps", "-1"], "--fee-bps: expected a number from 0 to 9999, found -1"),
        ([*PAIR, "--slippage-bps", "nan"], "--slippage-bps: expected"),
        ([*PAIR, "--notional", "0"], "--notional: expected"),
        ([*PAIR, "--sizing", "wild"], "--sizing: expected one of beta, dollar, found 'wild'"),
        ([*PAIR, "--split", "1"], "--split: expected a number between 0 and 1, found 1"),
        ([*PAIR, "--split", "70"], "--split: expected a number between 0 and 1, found 70"),
        ([*PAIR, "--split", "nan"], "--split: expected a number between 0 and 1, found nan"),
        ([*PAIR, "--from", "then"], "--from: 'then' is no time"),
        ([*PAIR, "--from", "2026-01-02", "--to", "2026-01-01"], "--to: 2026-01-01 is not after --from 2026-01-02"),
        ([*PAIR, "--pipeline", "replya"], "no pipeline 'replya'"),
        ([*PAIR, "--html", "no/where.html"], "cannot write no/where.html: there is no folder no"),
    ],
)
def test_what_is_wrong_with_files_is_a_line(quantd: Run, files: list[str], args: list[str], text: str) -> None:
    done = quantd("backtest", *files, *args)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("quantd: ")
    assert text in line


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["--window", "200000"], "--window: "),
        (["--regression", "olss"], "--regression: no regression 'olss'; there is fixed, huber, "),
        (["--pipeline", "other"], "--pipeline: no pair goes through 'other'; there is default"),
        (["--config", "gone.yaml"], "gone.yaml: no such file"),
    ],
)
def test_what_is_wrong_with_history_is_a_line(quantd: Run, history: Local, args: list[str], text: str) -> None:
    history.close()
    done = quantd("backtest", *PAIR, *args)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.strip().splitlines()
    assert text in line


def test_an_option_of_the_wrong_type_is_named(quantd: Run, files: list[str]) -> None:
    done = quantd("backtest", *files, *PAIR, "--entry", "much")
    assert done.returncode == 2
    assert "--entry" in done.stderr


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["AAA.csv", "BBB.csv", "--html", "state"], "cannot write state: Is a directory"),
        (["--every", "1s"], "--every: bars of 1s cannot be made of those recorded: 1m"),
    ],
)
def test_what_is_wrong_later_is_a_line(process: Run, files: list[str], history: Local, args: list[str], text: str) -> None:
    history.close()
    done = process("backtest", *PAIR, *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip() == f"quantd: {text}"


def test_without_a_store_there_is_no_history(quantd: Run, history: Local, tmp_path: Path) -> None:
    history.close()
    (tmp_path / "quantd.yaml").write_text(CONFIG.replace("store: local\n", ""))
    done = quantd("backtest", *PAIR)
    assert done.returncode == 2
    assert "quantd.yaml has no store, so there is no history" in done.stderr


def test_the_command_of_the_readme(process: Run, files: list[str], tmp_path: Path) -> None:
    (line,) = re.findall(r"^quantd (backtest .*)$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    for given, named in zip(files, ("BTCUSDT.csv", "ETHUSDT.csv"), strict=True):
        (tmp_path / given).rename(tmp_path / named)
    done = process(*shlex.split(line))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.html").exists()


def test_too_little_data_is_told(process: Run, files: list[str]) -> None:
    done = process("backtest", *files, *PAIR, "--window", "500")
    assert done.returncode == 1
    assert "no z-score of AAA-BBB on 1m bars to trade: there are 400 of AAA and 400 of BBB in that time, which do not fill" in done.stderr


def test_a_time_without_bars_is_told(process: Run, files: list[str]) -> None:
    done = process("backtest", *files, *PAIR, "--from", "2027-01-01")
    assert done.returncode == 1
    assert "bars are there from 2026-01-01 00:00 to 2026-01-01 06:39 UTC, none of them in the time asked for" in done.stderr


def test_a_window_without_a_z_score_is_told(process: Run, files: list[str]) -> None:
    done = process("backtest", *files, *PAIR, "--window", "2", "--against", "before")
    assert done.returncode == 2
    assert done.stderr.strip().endswith("over a window of 2 there is no zscore; take a longer window")


def test_a_pipeline_for_a_live_feed_is_tried_on_files(process: Run, files: list[str]) -> None:
    found = told(process, *files, *PAIR, "--pipeline", "kalman", "--zscore", "innovation", "--spread", "residual", "--prices", "log")
    assert [found["settings"][name] for name in ("regression", "spread", "prices")] == ["kalman", "residual", "log"]
    assert found["settings"]["zscore"]["method"] == "innovation"


def test_a_style_that_is_none_is_told(process: Run, files: list[str]) -> None:
    done = process("backtest", *files, *PAIR, "--zscore", "wild")
    assert done.returncode == 2
    assert "--zscore: expected one of window, rolling, ew, robust, innovation, found 'wild'" in done.stderr


def test_an_entry_out_of_reach_makes_no_trade(process: Run, files: list[str]) -> None:
    found = told(process, *files, *PAIR, "--entry", "1e6", "--against", "before")
    assert found["trades"] == []


@pytest.mark.parametrize(
    "args", [("--entry", "3"), ("--stop", "3"), ("--entry", "2.5", "--stop", "2.85"), ("--entry", "3", "--zscore", "ew")]
)
def test_a_threshold_that_no_zscore_reaches_is_a_mistake(process: Run, files: list[str], history: Local, args: tuple[str, ...]) -> None:
    wrong = "--stop" if "--stop" in args else "--entry"
    for sources in (files, []):
        done = process("backtest", *sources, *PAIR, "--window", "10", *args)
        assert done.returncode == 2
        assert done.stderr.startswith(f"quantd: {wrong}: no z-score reaches {args[args.index(wrong) + 1]}: over a window of 10 ")
        assert done.stderr.endswith(", or --against before\n")


@pytest.mark.parametrize("args", [("--entry", "inf"), ("--stop", "nan"), ("--exit", "nan")])
def test_a_threshold_is_a_finite_number(process: Run, files: list[str], args: tuple[str, str]) -> None:
    done = process("backtest", *files, *PAIR, *args)
    assert done.returncode == 2
    assert done.stderr.startswith(f"quantd: {args[0]}: expected a number")
