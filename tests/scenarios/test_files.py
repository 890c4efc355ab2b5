"""Files that are out of order, or of which some rows are none, through `quantd replay`: as if sorted, and honest about what lacks."""

import csv
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.plugins.feeds.files import collected, write
from tests.scenarios import markets
from tests.scenarios.conftest import Replay
from tests.scenarios.markets import DAWN

PAIR = ("--pair", "AAAUSDT-BBBUSDT", "--every", "1s", "--window", "5")


def bytes_of(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in ("bars.csv", "points.csv")]


def qualities(folder: Path, symbol: str) -> list[tuple[int, str]]:
    """Seconds since DAWN, and the quality of that bar at its last revision."""
    with (folder / "bars.csv").open() as file:
        rows = {int(row["ts"]): row["quality"] for row in csv.DictReader(file) if row["symbol"] == symbol}
    return [((ts - DAWN) // 1000, rows[ts]) for ts in sorted(rows)]


def legs() -> list[list[markets.Trade]]:
    rng = np.random.default_rng(5)
    return [markets.walk(rng, symbol, DAWN, DAWN + 600_000, 2_000, 50.0) for symbol in ("AAAUSDT", "BBBUSDT")]


def a_dump(folder: Path) -> list[Path]:
    return [markets.dump(folder, trades, header=False, packed=False) for trades in legs()]


def a_capture(folder: Path) -> list[Path]:
    """What comes in one millisecond, or twice, comes in an order that receipt does not tell: of each the last one."""
    rng = np.random.default_rng(6)
    files = [markets.capture(folder / f"{trades[0].symbol}.jsonl", rng, trades, late=0) for trades in legs()]
    return [write(path, *{line.partition(" ")[0][:-6]: line for line in path.read_text().splitlines()}.values()) for path in files]


def a_collection(folder: Path) -> list[Path]:
    rng = np.random.default_rng(6)
    times = [{trade.ts: trade for trade in trades} for trades in legs()]  # of one time, trades without ids go as they stand
    return [markets.ndjson(folder / f"{n}.ndjson", rng, list(of.values()), late=0) for n, of in enumerate(times)]


@pytest.mark.parametrize("make", [a_dump, a_capture, a_collection])
def test_shuffled_trades_are_replayed_as_if_sorted(make: Callable[[Path], list[Path]], replay: Replay, tmp_path: Path) -> None:
    files = make(tmp_path)
    replay(files, *PAIR, "--out", tmp_path / "sorted")
    for path in files:
        lines = path.read_text().splitlines()
        random.Random(3).shuffle(lines)
        write(path, *lines)
    replay(files, *PAIR, "--out", tmp_path / "shuffled")
    assert bytes_of(tmp_path / "shuffled") == bytes_of(tmp_path / "sorted")


def backwards(rows: list[str]) -> list[str]:
    return rows[::-1]


def halves(rows: list[str]) -> list[str]:
    return rows[150:] + rows[:170]


def shuffled(rows: list[str]) -> list[str]:
    return random.Random(4).sample(rows, len(rows))


@pytest.mark.parametrize("way", [backwards, halves, shuffled])
def test_bars_in_any_order_are_replayed_as_if_sorted(way: Callable[[list[str]], list[str]], replay: Replay, tmp_path: Path) -> None:
    prices = {"AAAUSDT": 1e-3, "BBBUSDT": 5e4}
    path = markets.ohlc(tmp_path / "bars.csv", np.random.default_rng(7), prices, step=60_000, count=300, start=DAWN, missing=0.05)
    options = ("--pair", "AAAUSDT-BBBUSDT", "--every", "1m", "--window", "10")
    replay([path], *options, "--out", tmp_path / "sorted")
    header, *rows = path.read_text().splitlines()
    replay([write(path, header, *way(rows))], *options, "--out", tmp_path / "other")
    for sorted_, other in zip(bytes_of(tmp_path / "sorted"), bytes_of(tmp_path / "other"), strict=True):
        assert sorted(sorted_.splitlines()) == sorted(other.splitlines()), "symbols of one minute go as they stand"


def seconds(*times: int, symbol: str) -> list[str]:
    return [collected(DAWN + 1000 * second + 500, symbol=symbol, price=10.0 + second) for second in times]


@pytest.mark.parametrize("bad", [0, -1, "NaN", 1e13, "Infinity"])
def test_a_refused_price_makes_no_whole_bar(bad: object, replay: Replay, tmp_path: Path) -> None:
    refused = collected(DAWN + 3_500, symbol="AAAUSDT", price=bad)
    one = write(tmp_path / "a", *seconds(0, 1, 2, symbol="AAAUSDT"), refused, *seconds(4, 5, 6, symbol="AAAUSDT"))
    two = write(tmp_path / "b", *seconds(*range(7), symbol="BBBUSDT"))
    replay([one, two], *PAIR, "--out", tmp_path / "out")
    expected = [(0, "partial"), (1, "complete"), (2, "complete"), (3, "gap"), (4, "complete"), (5, "complete"), (6, "partial")]
    assert qualities(tmp_path / "out", "AAAUSDT") == expected
    assert qualities(tmp_path / "out", "BBBUSDT")[3] == (3, "complete")


def test_where_a_line_could_not_be_read_no_bar_is_whole(replay: Replay, tmp_path: Path) -> None:
    """From the trade before it to the one after it, of every symbol of that file."""
    lines = [*seconds(0, 1, 2, symbol="AAAUSDT"), '{"symbol": "AAAUSDT", "ts": 17231', *seconds(5, 6, 7, 8, symbol="AAAUSDT")]
    two = write(tmp_path / "b", *seconds(*range(9), symbol="BBBUSDT"))
    replay([write(tmp_path / "a", *lines), two], *PAIR, "--out", tmp_path / "out")
    assert [second for second, quality in qualities(tmp_path / "out", "AAAUSDT") if quality == "gap"] == [2, 3, 4, 5]
    assert [second for second, quality in qualities(tmp_path / "out", "BBBUSDT") if quality == "gap"] == []


@pytest.mark.parametrize("bad", ["0", "-1", "NaN", "1e13", "x"])
def test_where_trades_have_ids_a_refused_one_is_missing(bad: str, replay: Replay, tmp_path: Path) -> None:
    files = []
    for symbol in ("AAAUSDT", "BBBUSDT"):
        rows = [f"{n},{bad if (n, symbol) == (4, 'AAAUSDT') else 10 + n},1,{n},{n},{DAWN + 1000 * n},true" for n in range(1, 9)]
        files.append(write(tmp_path / f"{symbol}-aggTrades-1.csv", *rows))
    replay(files, *PAIR, "--out", tmp_path / "out")
    assert [second for second, quality in qualities(tmp_path / "out", "AAAUSDT") if quality == "gap"] == [3, 4, 5]


@pytest.mark.parametrize("bad", ["0,0,0,0,1", "-1,1,-1,1,1", "NaN,NaN,NaN,NaN,1", "1e13,1e13,1e13,1e13,1", "1,1,1,1,-1"])
def test_a_refused_bar_is_a_gap(bad: str, replay: Replay, tmp_path: Path) -> None:
    header = "ts,open,high,low,close,volume"
    rows = [f"{DAWN + 1000 * n},{n + 1},{n + 1},{n + 1},{n + 1},1" for n in range(8)]
    one = write(tmp_path / "AAAUSDT.csv", header, *rows[:3], f"{DAWN + 3000},{bad}", *rows[4:])
    replay([one, write(tmp_path / "BBBUSDT.csv", header, *rows)], *PAIR, "--out", tmp_path / "out")
    assert qualities(tmp_path / "out", "AAAUSDT") == [(n, "gap" if n == 3 else "imported") for n in range(8)]
