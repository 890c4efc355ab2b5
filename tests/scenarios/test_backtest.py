"""`quantd backtest` of disordered captures is a backtest of what `quantd replay` writes, each row at its last revision."""

import csv
import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np

from quantd.api.schema.backtest import backtest_answer
from quantd.api.schema.wire import encode
from quantd.backtest import Backtest, Settings, backtest
from quantd.model import Bar, Hedge, PairPoint
from quantd.stats.backtest import Rules
from tests.scenarios.conftest import Replay
from tests.scenarios.test_random_files import captures

PAIR = "AAAUSDT-BBBUSDT"
CHOICE = ("--pair", PAIR, "--every", "1s", "--window", "20")


def run(folder: Path, files: list[Path], *options: str) -> bytes:
    command = [sys.executable, "-m", "quantd", "backtest", *map(str, files), *CHOICE, "--json", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def of_replay(folder: Path, *, hold: bool) -> Backtest:
    """The backtest of what a replay wrote into a folder."""
    legs: dict[str, dict[int, Bar]] = {"AAAUSDT": {}, "BBBUSDT": {}}
    for row in rows(folder / "bars.csv"):
        symbol, ts = row["symbol"], int(row["ts"])
        prices = [float(row[name]) for name in ("open", "high", "low", "close")]
        if symbol in legs:
            legs[symbol][ts] = Bar(symbol, "1s", ts, *prices, float(row["volume"]), None, None, None, row["quality"])  # type: ignore[call-arg, arg-type]
    points = {}
    for row in rows(folder / "points.csv"):
        zscore = float(row["zscore"]) if row["zscore"] else None
        hedge, ts = Hedge(0.0, float(row["beta"]), 20), int(row["ts"])
        point = PairPoint(PAIR, "1s", ts, 0.0, 0.0, hedge, float(row["spread"]), zscore, None, 1.0, "complete", reason=row["reason"])
        band = {name: float(row[name]) if row[name] else None for name in ("spread_mean", "spread_std")}
        points[ts] = msgspec.structs.replace(point, **band)
    settings = Settings(pair=PAIR, every="1s", window=20, regression="ols", rules=Rules(hold=hold))
    of_y, of_x, seen = ([table[ts] for ts in sorted(table)] for table in (legs["AAAUSDT"], legs["BBBUSDT"], points))
    return backtest(of_y, of_x, seen, settings)  # type: ignore[arg-type]


def test_it_is_a_backtest_of_the_replay_whatever_the_batches(replay: Replay, tmp_path: Path) -> None:
    files = captures(tmp_path, np.random.default_rng(11))
    replay(files, *CHOICE, "--out", tmp_path / "out")
    assert any(int(row["revision"]) for row in rows(tmp_path / "out" / "bars.csv")), "disorder must re-issue bars"
    for hold, options, trades in ((False, [], 10), (True, ["--hold"], 2)):
        told = run(tmp_path, files, "--chunk", "1000", *options)
        assert json.loads(told) == msgspec.json.decode(encode(backtest_answer(of_replay(tmp_path / "out", hold=hold))))
        assert len(json.loads(told)["trades"]) > trades
        assert run(tmp_path, files, "--chunk", "1", *options) == told


def sparse(path: Path, symbol: str, prices: np.ndarray) -> dict[int, float]:
    """A file of one trade a minute, some seconds into it; the prices by minute."""
    start, name = 1_767_225_600_000, f"{symbol}-aggTrades-2026-01-01.csv"
    trades = [(start + minute * 60_000, float(price)) for minute, price in enumerate(prices)]
    lines = (f"{number},{price},1,{number},{number},{ts + 20_000},false\n" for number, (ts, price) in enumerate(trades, 1))
    (path / name).write_text("".join(lines))
    return dict(trades)


def test_a_fill_is_the_first_trade_of_the_next_bar(tmp_path: Path) -> None:
    """Where a bar of seconds began quietly, its open was the close at which had been decided: a price that was gone."""
    rng = np.random.default_rng(5)
    x, noise = 100 + np.cumsum(rng.normal(0, 0.05, 300)), rng.normal(0, 0.2, 300)
    y = sparse(tmp_path, "AAAUSDT", np.round(5 + 2 * x + noise, 4))
    of_x = sparse(tmp_path, "BBBUSDT", np.round(x, 4))
    command = ["backtest", *map(str, tmp_path.glob("*.csv")), "--pair", PAIR, "--every", "1m", "--window", "20", "--entry", "1.5", "--json"]
    told = subprocess.run([sys.executable, "-m", "quantd", *command], cwd=tmp_path, capture_output=True, check=True).stdout
    trades = json.loads(told)["trades"]
    assert len(trades) > 5
    for trade in trades:
        entered = milliseconds(trade["entered"])
        assert (trade["y_entry"], trade["x_entry"]) == (y[entered], of_x[entered])
        assert trade["y_entry"] != y[entered - 60_000]


def milliseconds(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)
