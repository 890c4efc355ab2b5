"""The captured market through `quantd replay`, held against the oracle."""

from pathlib import Path

import pytest

from tests.scenarios import compare, oracle
from tests.scenarios.conftest import Replay

PAIR = "BTCUSDT-ETHUSDT"


@pytest.fixture(scope="session")
def files(captured: Path) -> list[Path]:
    return [captured / f"binance_usdm_{symbol}_20240808.jsonl.gz" for symbol in ("btcusdt", "ethusdt")]


@pytest.mark.parametrize("window", [60, 5])
def test_every_bar_and_every_point_equals_its_definition(files: list[Path], window: int, replay: Replay, tmp_path: Path) -> None:
    replay(files, "--pair", PAIR, "--every", "1s", "--every", "1m", "--window", window, "--regression", "ols", "--out", tmp_path)
    trades = oracle.trades(files)
    expected = oracle.bars(trades, trades.ts.max(), ["1s", "1m"])
    bars = compare.bars_agree(tmp_path, expected)
    assert compare.total(bars, "1s", PAIR.split("-")) == [21_313, 14_076]
    assert compare.total(bars, "1m", PAIR.split("-")) == [21_313, 14_076]
    assert (bars.revision == 0).all()
    assert compare.points_agree(tmp_path, PAIR, expected, "1s", window, adf_step=1 if window == 60 else 10) > 280
    compare.points_agree(tmp_path, PAIR, expected, "1m", window)
