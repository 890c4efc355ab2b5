"""The unit-root test against statsmodels."""

import math
from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
from statsmodels.tsa.adfvalues import mackinnonp
from statsmodels.tsa.stattools import adfuller

from quantd.stats import FloatArray
from quantd.stats.mackinnon import Trend, mackinnon_pvalue
from quantd.stats.stationarity import Adf, adf

TRENDS = get_args(Trend)


def noise(seed: int, n: int) -> FloatArray:
    return np.random.default_rng(seed).standard_normal(n)


def walk(n: int) -> FloatArray:
    return np.cumsum(noise(1, n))


def reverting(n: int) -> FloatArray:
    values = noise(2, n)
    for i in range(1, n):
        values[i] += 0.7 * values[i - 1]
    return values


def drifting(n: int) -> FloatArray:
    return reverting(n) + 0.3 * np.arange(n)


def moving_average(n: int) -> FloatArray:
    e = noise(3, n + 3)
    return e[3:] + 0.8 * e[2:-1] - 0.5 * e[1:-2] + 0.4 * e[:-3]


def offset(n: int) -> FloatArray:
    return 500.0 + walk(n)


def quiet(n: int) -> FloatArray:
    """A price that moves at a few bars only: some lagged differences are all zero."""
    return 100.0 + np.cumsum(np.where(np.arange(n) % 11 == 5, np.round(noise(4, n), 1), 0.0))


SERIES = [walk, reverting, drifting, moving_average, offset]


def assert_same(ours: Adf | None, series: FloatArray, trend: Trend, autolag: str | None, maxlag: int | None) -> None:
    theirs = adfuller(series, maxlag=maxlag, regression=trend, autolag=autolag, result_object=True)
    assert ours is not None
    assert (ours.lags, ours.n) == (theirs.lags, theirs.nobs)
    assert (ours.stat, ours.pvalue) == pytest.approx((theirs.statistic, theirs.pvalue), rel=0.0, abs=1e-9)


@pytest.mark.parametrize("trend", TRENDS)
@pytest.mark.parametrize("n", [11, 25, 60, 121, 500])
@pytest.mark.parametrize("make", SERIES, ids=lambda f: f.__name__)
def test_equals_statsmodels(make: Callable[[int], FloatArray], n: int, trend: Trend) -> None:
    series = make(n)
    assert_same(adf(series, trend=trend), series, trend, "AIC", None)


@pytest.mark.filterwarnings("ignore:The design matrix")
@pytest.mark.parametrize("trend", TRENDS)
@pytest.mark.parametrize("n", [25, 60, 121, 500])
def test_equals_statsmodels_where_lags_are_dependent(n: int, trend: Trend) -> None:
    series = quiet(n)
    assert_same(adf(series, trend=trend), series, trend, "AIC", None)


@pytest.mark.filterwarnings("ignore:The design matrix")
@pytest.mark.parametrize(
    ("trend", "steps"),
    [
        ("n", [1, -1, -1, 1, -1, 0, 1, -1, 0, 1, -1, 0, -1]),
        ("ct", [1, -1, 0, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -4, 1, -1, -2, -1]),
    ],
)
def test_a_longer_lag_can_matter_where_a_shorter_one_is_dependent(trend: Trend, steps: list[int]) -> None:
    series = 10.0 + np.cumsum(steps)
    assert_same(adf(series, trend=trend), series, trend, "AIC", None)


@pytest.mark.parametrize("trend", TRENDS)
@pytest.mark.parametrize("lags", [0, 1, 7])
def test_equals_statsmodels_at_given_lags(lags: int, trend: Trend) -> None:
    series = moving_average(121)
    assert_same(adf(series, trend=trend, lags=lags), series, trend, None, lags)


@pytest.mark.parametrize("most", [0, 2, 20])
def test_equals_statsmodels_at_given_most_lags(most: int) -> None:
    series = moving_average(121)
    assert_same(adf(series, max_lags=most), series, "c", "AIC", most)


@pytest.mark.parametrize("trend", ["c", "ct"])
def test_a_price_level_costs_no_digits(trend: Trend) -> None:
    series = np.round(walk(121) * 2**10) / 2**17  # so that adding the level rounds nothing
    assert_same(adf(series + 50_000.0, trend=trend), series, trend, "AIC", None)


@pytest.mark.parametrize("trend", TRENDS)
@pytest.mark.parametrize("power", [-1040, -300, 300, 1000])
def test_units_do_not_matter(power: int, trend: Trend) -> None:
    series = np.round(walk(100) * 2**10)
    assert adf(np.ldexp(series, power), trend=trend) == adf(series, trend=trend)


@pytest.mark.parametrize("trend", TRENDS)
def test_nearly_smooth_series_keep_their_digits(trend: Trend) -> None:
    series = np.sin(np.arange(120) / 9.0) + 1e-5 * noise(5, 120)
    theirs = adfuller(series, regression=trend, autolag="AIC", result_object=True)
    ours = adf(series, trend=trend)
    assert ours is not None
    assert ours.lags == theirs.lags
    assert ours.stat == pytest.approx(theirs.statistic, rel=1e-7)


@pytest.mark.parametrize("trend", TRENDS)
def test_pvalues_equal_statsmodels(trend: Trend) -> None:
    for stat in np.linspace(-20.0, 4.0, 481).tolist():
        assert mackinnon_pvalue(stat, trend) == pytest.approx(mackinnonp(stat, regression=trend), rel=0.0, abs=1e-14)


DEGENERATE = {
    "empty": np.array([]),
    "one": np.array([1.0]),
    "two": np.array([1.0, 2.0]),
    "constant": np.full(50, 0.1),
    "zero": np.zeros(50),
    "rounding": 1e5 + 1e-9 * noise(6, 50),
    "ramp": np.arange(50.0),
    "sine": np.sin(np.arange(100) / 3.0),
    "alternating": np.tile([1.0, 2.0], 30),
    "exponential": 1.1 ** np.arange(60),
    "last moves": np.append(np.zeros(60), 1.0),
    "first moves": np.append(1.0, np.zeros(60)),
    "nan": np.append(walk(60), math.nan),
    "inf": np.append(walk(60), math.inf),
    "both infs": np.append(walk(60), [math.inf, -math.inf]),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("trend", TRENDS)
@pytest.mark.parametrize("series", DEGENERATE.values(), ids=DEGENERATE.keys())
def test_no_test_where_there_is_none(series: FloatArray, trend: Trend) -> None:
    assert adf(series, trend=trend) is None
    assert adf(series, trend=trend, lags=0) is None or trend == "n" or len(series) > 50


@pytest.mark.parametrize("lags", [-1, 29, 100])
def test_no_test_where_the_lags_do_not_fit(lags: int) -> None:
    assert adf(walk(60), lags=lags) is None
    assert adf(walk(60), lags=28) is not None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("trend", TRENDS)
def test_short_series_have_a_finite_result_or_none(trend: Trend) -> None:
    shortest = {"n": 3, "c": 4, "ct": 6}[trend]
    for n in range(25):
        result = adf(walk(30)[:n], trend=trend)
        assert (result is None) == (n < shortest)
        assert result is None or (math.isfinite(result.stat) and 0.0 <= result.pvalue <= 1.0)
