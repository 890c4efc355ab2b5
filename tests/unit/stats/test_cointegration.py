"""Engle-Granger against statsmodels, and its rate of false findings."""

import warnings
from typing import Any, Literal, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.tsa.adfvalues import mackinnonp
from statsmodels.tsa.stattools import coint

from quantd.stats import FloatArray
from quantd.stats.cointegration import engle_granger
from quantd.stats.mackinnon import SURFACES, mackinnon_pvalue
from quantd.testing import fakes
from tests.unit.stats.pairs import tied

Trend = Literal["c", "ct"]
every_trend = pytest.mark.parametrize("trend", get_args(Trend))


@pytest.mark.parametrize("key", SURFACES)
def test_pvalues_are_mackinnons(key: tuple[Any, int]) -> None:
    for stat in np.linspace(-25.0, 3.0, 200):
        assert mackinnon_pvalue(stat, *key) == pytest.approx(mackinnonp(stat, regression=key[0], N=key[1]), rel=0, abs=1e-14)


@every_trend
@pytest.mark.parametrize("phi", [0.5, 0.95, 1.0])
@pytest.mark.parametrize("n", [60, 121, 250, 500])
def test_equals_statsmodels(n: int, phi: float, trend: Trend) -> None:
    for seed in range(2):
        y, x = tied(seed, n, phi)
        y = y + seed * np.arange(n)
        for one, other in ((y, x), (x, y)):
            stat, pvalue, _ = coint(one, other, trend=trend)
            found = engle_granger(one, other, trend=trend)
            assert (found.stat, found.pvalue) == pytest.approx((stat, pvalue), rel=1e-6, abs=1e-9)
            fixed = coint(one, other, trend=trend, maxlag=2, autolag=None)[0]
            assert engle_granger(one, other, trend=trend, lags=2).stat == pytest.approx(fixed, rel=1e-6)


@pytest.mark.parametrize(("trend", "drift"), [("c", 0.0), ("ct", 0.0), ("ct", 0.5)])
def test_independent_walks_are_tied_as_often_as_the_level_says(trend: Trend, drift: float) -> None:
    chance = np.random.default_rng(20_261_124)
    walks = (drift + chance.normal(size=(2_000, 2, 250))).cumsum(axis=2)
    found = np.array([engle_granger(y, x, trend=trend, max_lags=2).pvalue for y, x in walks])
    assert np.mean(found < 0.05) == pytest.approx(0.05, abs=0.015)


def test_a_tied_pair_is_found() -> None:
    found = [engle_granger(*tied(seed, 250, 0.8)).pvalue for seed in range(100)]
    assert np.mean(np.array(found) < 0.05) > 0.95


def test_beta_is_recovered_within_three_errors() -> None:
    chance = np.random.default_rng(7)
    near = 0
    for _ in range(200):
        x = 100.0 + chance.normal(size=120).cumsum()
        y = 5.0 + 1.7 * x + chance.normal(scale=0.5, size=120)
        hedge = fakes_ols(y, x)
        near += abs(hedge[0] - 1.7) < 3 * hedge[1]
    assert near >= 190


def fakes_ols(y: FloatArray, x: FloatArray) -> tuple[float, float]:
    from quantd.stats.regression import ols_fit

    hedge = ols_fit(y, x)
    assert hedge
    assert hedge.stderr
    return hedge.beta, hedge.stderr


@given(st.integers(0, 500), st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.floats(-1e3, 1e3))
def test_knows_no_units(seed: int, of_y: float, of_x: float, shift: float) -> None:
    y, x = tied(seed, 80)
    plain, moved = engle_granger(y, x, lags=1), engle_granger(of_y * (y + shift), of_x * x, lags=1)
    assert moved.stat == pytest.approx(plain.stat, rel=1e-6)


def test_few_bars_are_said_to_be_weak() -> None:
    assert [engle_granger(*tied(1, n)).power for n in (60, 179, 180, 250)] == ["low", "low", None, None]


@pytest.mark.parametrize("noise", [1e-2, 1e-4])
def test_legs_that_are_nearly_one_keep_their_digits(noise: float) -> None:
    chance = np.random.default_rng(5)
    x = 60_000.0 + chance.normal(0.0, 20.0, 250).cumsum()
    own = chance.normal(0.0, noise, 250)
    assert engle_granger(2.0 * x + own, x).stat == pytest.approx(coint(own / noise, x - x.mean())[0], rel=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_far_from_zero_it_is_what_it_is_near_zero(seed: int) -> None:
    y, x = tied(seed, 250)
    near, far = engle_granger(y - y.mean(), x - x.mean()), engle_granger(2.0**29 + y, 2.0**29 + x)
    assert far.stat == pytest.approx(near.stat, rel=1e-6)


def test_no_warning_reaches_the_log() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for scale in (1e-300, 1e-9, 1e300):
            engle_granger(fakes.walk(60) * scale, fakes.walk(60, seed=2))
        spike = fakes.walk(60)
        spike[30] = 1e9
        assert engle_granger(spike, fakes.walk(60, seed=2)).reason is None
