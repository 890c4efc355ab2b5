"""KPSS against statsmodels, and input that allows no test."""

import warnings
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.tools.sm_exceptions import InterpolationWarning
from statsmodels.tsa.stattools import kpss as peer

from quantd.stats import FloatArray
from quantd.stats.kpss import kpss
from quantd.testing import fakes

TRENDS: list[Literal["c", "ct"]] = ["c", "ct"]


def theirs(series: FloatArray, trend: str, lags: int | str) -> tuple[float, float, int]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InterpolationWarning)
        return tuple(peer(series, regression=trend, nlags=lags, result_object=False)[:3])


@pytest.mark.parametrize("trend", TRENDS)
@pytest.mark.parametrize("n", [20, 60, 121, 1000])
@pytest.mark.parametrize("walk", [True, False])
def test_equals_statsmodels(n: int, trend: Literal["c", "ct"], walk: bool) -> None:
    for seed in range(5):
        noise = np.random.default_rng(seed).normal(size=n)
        series = 100.0 + (noise.cumsum() if walk else noise)
        found, fixed = kpss(series, trend=trend), kpss(series, trend=trend, lags=3)
        assert found
        assert fixed
        assert (found.stat, found.pvalue, found.lags) == pytest.approx(theirs(series, trend, "auto"), rel=1e-6)
        assert (fixed.stat, fixed.pvalue) == pytest.approx(theirs(series, trend, 3)[:2], rel=1e-6)


@pytest.mark.parametrize(
    "series",
    [
        np.array([]),
        fakes.walk(19),
        np.full(60, 5.0),
        np.full(60, 1e-300),
        np.append(fakes.walk(59), np.nan),
        np.append(fakes.walk(59), np.inf),
    ],
    ids=["nothing", "short", "flat", "tiny and flat", "nan", "inf"],
)
def test_there_is_none_where_there_is_no_test(series: FloatArray) -> None:
    assert kpss(series) is None


def test_a_straight_line_is_flat_about_its_trend() -> None:
    assert kpss(np.arange(60.0), trend="ct") is None


@given(st.integers(0, 500), st.floats(1e-6, 1e6), st.floats(-1e3, 1e3))
def test_knows_no_unit(seed: int, scale: float, shift: float) -> None:
    series = fakes.walk(80, seed=seed)
    plain, moved = kpss(series), kpss(scale * (series + shift))
    assert plain
    assert moved
    assert moved.stat == pytest.approx(plain.stat, rel=1e-6)
