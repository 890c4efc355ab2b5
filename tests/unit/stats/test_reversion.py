"""Half-life, variance ratio, Hurst exponent and crossings: against processes of which they are known, and a slow writing-out."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.stats import FloatArray
from quantd.stats.reversion import HalfLife, half_life, hurst, variance_ratio, zero_crossings
from quantd.testing import fakes

DEGENERATE = [
    pytest.param(np.array([]), id="nothing"),
    pytest.param(fakes.walk(5), id="short"),
    pytest.param(np.full(300, 5.0), id="flat"),
    pytest.param(np.zeros(300), id="zero"),
    pytest.param(50_000.0 + 1e-10 * np.arange(300), id="rounding"),
    pytest.param(np.append(fakes.walk(299), np.nan), id="nan"),
    pytest.param(np.append(fakes.walk(299), -np.inf), id="inf"),
]


def ar1(seed: int, n: int, phi: float) -> FloatArray:
    shocks, series = np.random.default_rng(seed).normal(size=n), np.zeros(n)
    series[0] = shocks[0] / math.sqrt(1.0 - phi * phi) if phi < 1.0 else shocks[0]
    for at in range(1, n):
        series[at] = phi * series[at - 1] + shocks[at]
    return series


def fractional(seed: int, n: int, exponent: float) -> FloatArray:
    """Fractional Brownian motion, exactly, by Cholesky's factor of its increments' covariance."""
    lags = np.arange(n, dtype=float)
    covariance = 0.5 * (np.abs(lags + 1) ** (2 * exponent) - 2 * lags ** (2 * exponent) + np.abs(lags - 1) ** (2 * exponent))
    factor = np.linalg.cholesky(covariance[np.abs(np.subtract.outer(np.arange(n), np.arange(n)))])
    steps: FloatArray = factor @ np.random.default_rng(seed).normal(size=n)
    return steps.cumsum()


@pytest.mark.parametrize(("phi", "n"), [(0.5, 60), (0.9, 60), (0.97, 100), (0.97, 400), (0.9, 250)])
def test_the_interval_holds_the_half_life_in_95_of_100_and_the_estimate_is_its_median(phi: float, n: int) -> None:
    true = -math.log(2.0) / math.log(phi)
    found = [half_life(ar1(seed, n, phi)) for seed in range(600)]
    covered = [life.low is not None and life.low <= true <= (life.high or math.inf) for life in found]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.025)
    too_high = [life.bars > true if life.bars else life.reason in ("undetermined", "none") for life in found]
    assert np.mean(too_high) == pytest.approx(0.5, abs=0.06)


def test_of_a_random_walk_the_data_say_at_least_so_many_bars() -> None:
    found = [half_life(ar1(seed, 250, 1.0)) for seed in range(400)]
    reasons = [life.reason for life in found]
    assert reasons.count("undetermined") / 400 == pytest.approx(0.5, abs=0.08)
    assert reasons.count("none") / 400 == pytest.approx(0.025, abs=0.02)
    assert np.mean([life.high is None for life in found]) == pytest.approx(0.975, abs=0.02)
    assert all(life.low and life.low > 1.0 and life.high is None for life in found if life.reason == "undetermined")
    assert all(life.low is life.high is None for life in found if life.reason == "none")


def test_where_the_estimate_lies_at_a_random_walk_there_still_is_an_interval() -> None:
    """A half-life of 20 bars, seen for 100: seldom enough for an estimate that means much."""
    found = [half_life(ar1(seed, 100, 0.5 ** (1 / 20))) for seed in range(200)]
    without = [life for life in found if life.bars is None]
    assert len(without) > 20
    assert all(life.low is not None for life in without if life.reason != "none")
    assert np.mean([(life.low or math.inf) <= 20.0 for life in without]) > 0.8


def test_what_moves_away_has_no_half_life_at_all() -> None:
    assert half_life(1.03 ** np.arange(200.0) + ar1(1, 200, 0.0)) == HalfLife(reason="none")
    assert half_life(np.arange(200.0) + ar1(3, 200, 1.0)).reason in ("none", "undetermined")


def test_what_jumps_across_the_mean_oscillates() -> None:
    found = half_life(ar1(1, 250, -0.5))
    assert (found.bars, found.low, found.high, found.reason) == (None, 0.0, 0.0, "oscillates")
    noise = half_life(ar1(5, 60, -0.1))
    assert noise.reason == "oscillates"
    assert noise.low == 0.0 < (noise.high or 0.0) < 1.0


@pytest.mark.parametrize("series", DEGENERATE)
def test_there_is_none_of_degenerate_input(series: FloatArray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        life = half_life(series)
        assert (life.bars, life.low, life.high) == (None, None, None)
        assert life.reason == ("short" if len(series) < 20 else "flat" if np.isfinite(series).all() else "not finite")
        assert (variance_ratio(series), hurst(series), zero_crossings(series)) == (None, None, None)


def slow_variance_ratio(series: FloatArray, q: int) -> tuple[float, float]:
    """Lo and MacKinlay's equations 12a, 12b and 19, term by term."""
    n = len(series) - 1
    mu = (series[n] - series[0]) / n
    one = sum((series[t] - series[t - 1] - mu) ** 2 for t in range(1, n + 1)) / (n - 1)
    m = q * (n - q + 1) * (1 - q / n)
    many = sum((series[t] - series[t - q] - q * mu) ** 2 for t in range(q, n + 1)) / m
    square = [(series[t] - series[t - 1] - mu) ** 2 for t in range(1, n + 1)]
    theta = 0.0
    for j in range(1, q):
        delta = sum(square[t] * square[t - j] for t in range(j, n)) / sum(square) ** 2
        theta += (2 * (q - j) / q) ** 2 * delta
    return many / one, (many / one - 1) / math.sqrt(theta)


@pytest.mark.parametrize("q", [2, 5, 10])
def test_variance_ratio_is_lo_and_mackinlays(q: int) -> None:
    for seed in range(3):
        series = 100.0 + ar1(seed, 150, 0.9)
        found = variance_ratio(series, q)
        assert found
        assert (found.ratio, found.z) == pytest.approx(slow_variance_ratio(series, q), rel=1e-9)


def test_variance_ratio_of_a_random_walk_is_one_as_often_as_the_level_says() -> None:
    found = [variance_ratio(ar1(seed, 500, 1.0), 5) for seed in range(1000)]
    assert np.mean([each.pvalue < 0.05 for each in found if each]) == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize("exponent", [0.3, 0.5, 0.7])
def test_hurst_of_fractional_motion_is_its_exponent(exponent: float) -> None:
    found = [hurst(fractional(seed, 500, exponent)) or math.nan for seed in range(30)]
    assert np.mean(found) == pytest.approx(exponent, abs=0.03)


def test_what_comes_back_has_a_small_exponent() -> None:
    assert (hurst(ar1(1, 500, 0.5)) or 1.0) < 0.2


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_crossings_are_those_of_the_autocorrelation(phi: float) -> None:
    found = zero_crossings(ar1(2, 20_000, phi))
    assert found
    assert found.rate == pytest.approx(math.acos(phi) / math.pi, abs=0.01)
    assert found.expected == pytest.approx(found.rate, abs=0.01)


@pytest.mark.parametrize("size", [1e-198, 1e-300, 1e150, 1e300])
def test_no_square_of_tiny_or_huge_values_is_lost(size: float) -> None:
    plain, moved = ar1(2, 150, 0.8), size * ar1(2, 150, 0.8)
    assert (half_life(moved).bars, half_life(moved).low) == pytest.approx((half_life(plain).bars, half_life(plain).low), rel=1e-6)
    assert hurst(moved) == pytest.approx(hurst(plain), rel=1e-6)
    of_plain, of_moved = (variance_ratio(each) for each in (plain, moved))
    assert of_plain
    assert of_moved
    assert (of_moved.ratio, of_moved.z) == pytest.approx((of_plain.ratio, of_plain.z), rel=1e-6)
    crossings = [zero_crossings(each) for each in (plain, moved)]
    assert crossings[0]
    assert crossings[1]
    assert (crossings[1].rate, crossings[1].expected) == pytest.approx((crossings[0].rate, crossings[0].expected), rel=1e-6)


@given(st.integers(0, 300), st.floats(1e-6, 1e6), st.floats(-1e3, 1e3))
def test_no_unit_matters(seed: int, scale: float, shift: float) -> None:
    plain = ar1(seed, 150, 0.8)
    moved = scale * (plain + shift)
    assert half_life(moved).bars == pytest.approx(half_life(plain).bars, rel=1e-5)
    assert (hurst(moved) or 0.0) == pytest.approx(hurst(plain) or 0.0, rel=1e-5, abs=1e-9)
    one, other = variance_ratio(plain), variance_ratio(moved)
    assert one
    assert other
    assert other.ratio == pytest.approx(one.ratio, rel=1e-6)
