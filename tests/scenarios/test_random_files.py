"""Random files of every format through `quantd replay`, held against the oracle: disorder, duplicates, holes, silence, any price."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.scenarios import compare, markets, oracle
from tests.scenarios.conftest import Replay
from tests.scenarios.markets import DAWN, Trade

MINUTE, HOUR = 60_000, 3_600_000
SHORT, LONG = ("1s", "5s", "1m", "5m"), ("1m", "1h", "14h", "1d")
Rng = np.random.Generator
Write = Callable[[Path, Rng], list[Path]]


def sample(rng: Rng) -> list[list[Trade]]:
    """Three symbols, of prices from 1e-6 to 1e5, that begin and end at different times of a quarter of an hour."""
    levels = 10.0 ** rng.uniform([-6, -1, 3], [-2, 2, 5])
    return [
        markets.walk(
            rng,
            symbol,
            DAWN + int(rng.integers(0, 2 * MINUTE)),
            DAWN + int(rng.integers(10 * MINUTE, 14 * MINUTE)),
            int(rng.integers(300, 2_500)),
            float(level),
            quiet=int(rng.integers(0, 4 * MINUTE)),
        )
        for symbol, level in zip(("AAAUSDT", "BBBUSDT", "CCCUSDT"), levels, strict=True)
    ]


def captures(folder: Path, rng: Rng) -> list[Path]:
    first, *rest = (markets.thinned(rng, trades, 0.01) for trades in sample(rng))
    both = [trade for trades in rest for trade in trades]
    return [markets.capture(folder / "one.jsonl", rng, first), markets.capture(folder / "two.jsonl", rng, both)]


def collected(folder: Path, rng: Rng) -> list[Path]:
    return [markets.ndjson(folder / f"{trades[0].symbol}.ndjson", rng, trades) for trades in sample(rng)]


def dumps(folder: Path, rng: Rng) -> list[Path]:
    return [
        markets.dump(folder, markets.thinned(rng, trades, 0.002), header=bool(number % 2), packed=number < 2)
        for number, trades in enumerate(sample(rng))
    ]


def mixed(folder: Path, rng: Rng) -> list[Path]:
    one, two, three = sample(rng)
    files = [markets.capture(folder / "one.jsonl", rng, one), markets.ndjson(folder / "two.ndjson", rng, two)]
    return [*files, markets.dump(folder, three, header=True, packed=True)]


def days(folder: Path, rng: Rng) -> list[Path]:
    """Few trades over more than a day."""
    symbols = {"AAAUSDT": (0, 20), "BBBUSDT": (1, 27), "CCCUSDT": (2, 25)}
    trades = [
        markets.walk(rng, symbol, DAWN + first * HOUR, DAWN + last * HOUR, 3_000, 20.0, quiet=HOUR // 2)
        for symbol, (first, last) in symbols.items()
    ]
    return [markets.capture(folder / "days.jsonl", rng, [trade for of in trades for trade in of])]


@pytest.mark.parametrize(
    ("seed", "write", "every", "window", "prices"),
    [
        (1, captures, SHORT, 5, "raw"),
        (2, captures, SHORT, 60, "log"),
        (3, captures, SHORT, 2, "raw"),
        (4, collected, SHORT, 5, "raw"),
        (5, collected, SHORT, 60, "raw"),
        (6, dumps, SHORT, 60, "raw"),
        (7, dumps, SHORT, 2, "log"),
        (8, mixed, SHORT, 5, "log"),
        (9, days, LONG, 5, "raw"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_trades_become_bars_and_points_by_definition(
    seed: int, write: Write, every: tuple[str, ...], window: int, prices: str, replay: Replay, tmp_path: Path
) -> None:
    files = write(tmp_path, np.random.default_rng(seed))
    pairs = ("AAAUSDT-BBBUSDT", "CCCUSDT-BBBUSDT")
    _replay(replay, tmp_path, files, pairs, every, window, prices)
    trades = oracle.trades(files)
    expected = oracle.bars(trades, trades.ts.max(), every)
    compare.bars_agree(tmp_path / "out", expected, leaps=write is days)
    assert compare.total(expected, every[0], sorted(trades.symbol.unique())) == trades.groupby("symbol").size().tolist()
    count = sum(
        compare.points_agree(
            tmp_path / "out", pair, expected, name, window, prices=prices, adf_step=53 if name == "1s" else 17, leaps=write is days
        )
        for pair in pairs
        for name in every
    )
    assert count > 100


@pytest.mark.parametrize(("seed", "base", "count", "every"), [(1, "1m", 900, ("1m", "5m", "1h")), (2, "1h", 200, ("1h", "14h", "1d"))])
def test_imported_bars_are_bridged_and_merged_by_definition(
    seed: int, base: str, count: int, every: tuple[str, ...], replay: Replay, tmp_path: Path
) -> None:
    rng = np.random.default_rng(seed)
    step = oracle.FRAMES[base][0]
    path = markets.ohlc(tmp_path / "bars.csv", rng, {"AAAUSDT": 1e-3, "BBBUSDT": 5e4}, step=step, count=count, start=DAWN, missing=0.05)
    _replay(replay, tmp_path, [path], ["AAAUSDT-BBBUSDT"], every, 20, "raw")
    expected = oracle.imported(path, base, every)
    compare.bars_agree(tmp_path / "out", expected)
    for name in every:
        compare.points_agree(tmp_path / "out", "AAAUSDT-BBBUSDT", expected, name, 20, adf_step=29)


def _replay(replay: Replay, folder: Path, files: list[Path], pairs: Iterable[str], every: Iterable[str], window: int, prices: str) -> None:
    """Through a pipeline that runs the test of stationarity on every timeframe."""
    jobs = ", ".join(f"{{use: adf, every: {name}}}" for name in every)
    text = f"feed: replay\nbars: {{use: time, every: [{', '.join(every)}], reopen: 1h}}\n"
    text += f"regression: {{use: ols, window: {window}, prices: {prices}}}\njobs: [{jobs}]\n"
    text += f"exports: [{{use: csv, dir: {folder / 'out'}}}]\n"
    (folder / "pipelines").mkdir()
    (folder / "pipelines" / "tried.yaml").write_text(text)
    options = [option for pair in pairs for option in ("--pair", pair)]
    replay(files, *options, "--pipeline", "tried")


def test_the_oracle_knows_its_frames() -> None:
    times = pd.to_datetime(oracle.floor(np.array([DAWN + 5 * HOUR]), "14h"), unit="ms")
    assert str(times[0]) == "2024-08-09 00:00:00"
