"""Holds the files that a replay wrote against the oracle, row by row."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose, assert_array_equal

from tests.scenarios import oracle

EXACT = ("open", "high", "low", "close", "trades")


def bars_agree(out: Path, expected: pd.DataFrame, *, leaps: bool = False) -> pd.DataFrame:
    """Every bar, prices and counts to the last bit. Returns the bars that were written. `leaps`: there are silences longer than
    `reopen`, over which quantd doubts what the oracle, who knows the whole file, need not."""
    key = ["symbol", "every", "ts"]
    found = pd.read_csv(out / "bars.csv").sort_values(key, ignore_index=True)
    wanted = expected.sort_values(key, ignore_index=True)
    assert found[key].equals(wanted[key].astype(found[key].dtypes)), "other bars than expected"
    for name in EXACT if leaps else (*EXACT, "quality"):
        assert_array_equal(found[name], wanted[name].astype(found[name].dtype), name)
    for name in ("volume", "vwap", "taker_buy_volume"):
        assert_allclose(found[name], wanted[name], rtol=1e-9, atol=1e-9 * wanted.volume.max(), err_msg=name)
    return found


def points_agree(
    out: Path, pair: str, bars: pd.DataFrame, every: str, window: int, *, prices: str = "raw", adf_step: int = 1, leaps: bool = False
) -> int:
    """Every point of a pair on one timeframe. Returns how many there are."""
    y, x = (bars[(bars.symbol == symbol) & (bars.every == every)] for symbol in pair.split("-"))
    wanted = oracle.points(y, x, window, prices=prices, adf_step=adf_step)
    points = pd.read_csv(out / "points.csv", keep_default_na=True)
    found = points[(points.pair == pair) & (points.every == every)].sort_values("ts", ignore_index=True)
    assert_array_equal(found.ts, wanted.ts, f"{every}: other points than expected")
    if len(wanted):
        _numbers_agree(found, wanted, window, leaps)
    return len(wanted)


def _numbers_agree(found: pd.DataFrame, wanted: pd.DataFrame, window: int, leaps: bool) -> None:
    if not leaps:
        assert_array_equal(found.quality, wanted.quality)
        _close(found, wanted, "coverage", 1e-9, 1.0)
    assert (found.n == window).all()
    level = abs(wanted.y)
    for name, scale in {"y": 0.0, "x": 0.0, "corr": 1e-3, "r2": 1e-3}.items():
        _close(found, wanted, name, 1e-9, scale)
    _close(found, wanted, "beta", 1e-9, 1e-3 * wanted.steepness)
    _close(_squared(found, "stderr"), _squared(wanted, "stderr"), "stderr", 1e-9, 1e-3 * wanted.steepness**2)
    _close(found, wanted, "spread", 1e-9, 1e-3 * level)
    _close(found, wanted, "alpha", 1e-9, 1e-3 * level)
    _close(found, wanted, "spread_mean", 1e-9, 1e-3 * level)
    _close(found, wanted, "spread_std", 1e-9, 1e-4 * level)
    _close(found, wanted, "corr_returns", 1e-9, 1e-2)
    _close(found, wanted, "zscore", 1e-9, 1.0 + 1e-4 * level / wanted.sigma)
    tested = wanted.tested.to_numpy()
    for name in ("adf_stat", "adf_pvalue", "adf_lags"):
        _close(found[tested], wanted[tested], name, 1e-6, 0.0)


def _close(found: pd.DataFrame, wanted: pd.DataFrame, name: str, rtol: float, scale: pd.Series | float) -> None:
    """Within `rtol` of the value or of `scale`, the size of what it was computed from; no number where none is expected."""
    have, want = found[name].to_numpy(float), wanted[name].to_numpy(float)
    assert_array_equal(np.isnan(have), np.isnan(want), f"{name}: a number where there is none, or none where there is")
    error = np.abs(have - want)
    allowed = rtol * np.maximum(np.abs(want), np.nan_to_num(np.broadcast_to(np.asarray(scale, float), want.shape)))
    if not (error > allowed).any():
        return
    worst = int(np.argmax(np.nan_to_num(error - allowed, nan=-1.0)))
    raise AssertionError(f"{name}: {have[worst]!r} instead of {want[worst]!r} at ts {found.ts.iloc[worst]}")


def _squared(table: pd.DataFrame, name: str) -> pd.DataFrame:
    return table.assign(**{name: table[name] ** 2})


def total(bars: pd.DataFrame, every: str, symbols: Sequence[str]) -> list[int]:
    """Trades in the bars of a timeframe, by symbol."""
    return [int(bars[(bars.symbol == symbol) & (bars.every == every)].trades.sum()) for symbol in symbols]
