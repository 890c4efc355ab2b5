"""The Theil-Sen line against scipy and against all slopes, one by one."""

import numpy as np
import pytest
from hypothesis import given
from scipy.stats import theilslopes

from quantd.model import Hedge
from quantd.stats import FloatArray, slopes
from quantd.stats import theil_sen as module
from quantd.stats.slopes import Slopes
from quantd.stats.theil_sen import RollingTheilSen, theil_sen
from quantd.testing.checks.regressions import Legs
from quantd_plugins.regressions.theil_sen import TheilSen
from tests.plugins.regressions.support import legs, present, scales, seeds, shifts, spoilt


@pytest.mark.parametrize("n", [2, 3, 4, 5, 60, 61, 400, 401, 1000])
@pytest.mark.parametrize("decimals", [9, 0])
def test_equals_scipy(n: int, decimals: int) -> None:
    y, x = (np.round(leg, decimals) for leg in legs(n, n))
    theirs = theilslopes(y, x)
    hedge = present(TheilSen().fit(y, x))
    assert (hedge.beta, hedge.alpha, hedge.n) == (theirs.slope, pytest.approx(theirs.intercept, rel=1e-12), n)


def brute_force(y: FloatArray, x: FloatArray) -> float | None:
    """The median of all slopes, one by one."""
    with np.errstate(all="ignore"):
        found = [(y[j] - y[i]) / (x[j] - x[i]) for i in range(len(y)) for j in range(i) if x[j] - x[i] != 0.0]
    middle = float(np.median(found)) + 0.0 if found else np.nan
    return middle if np.isfinite(middle) else None


def wild_legs(seed: int, n: int) -> Legs:
    """Legs of every kind: walks, few prices, huge and tiny ones, one that stands still, wild bars, a spell of other prices."""
    rng = np.random.default_rng(seed)
    scale_y, scale_x = 10.0 ** rng.integers(-12, 13, 2)
    x = 100.0 + rng.normal(0.0, 1.0, n).cumsum()
    y = rng.choice([-2.0, 0.0, 3.0]) * x + rng.standard_t(2, n) * rng.choice([0.0, 0.1, 30.0])
    if seed % 2:
        y, x = np.round(y), np.round(x, seed // 2 % 2)
    if seed % 3 == 0:
        y[rng.integers(0, n, n // 8)] *= 1e6
    if seed % 5 == 0:
        x[n // 3 : n // 2] = x[n // 3]
    if seed % 7 == 0:
        y[n // 2 :] = 5.0 * x[n // 2 :]
    return scale_y * y, scale_x * x


def same_bits(one: Hedge | None, other: Hedge | None) -> bool:
    return repr(one) == repr(other)


@pytest.mark.parametrize("seed", range(40))
def test_rolling_is_the_median_of_all_slopes_to_the_bit(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ALL_PAIRS", 2)
    window = 5 + seed
    y, x = wild_legs(seed, 4 * window)
    rolling = RollingTheilSen(window)
    for end, (price_y, price_x) in enumerate(zip(y.tolist(), x.tolist(), strict=True), 1):
        rolling.push(price_y, price_x)
        hedge = rolling.hedge()
        if end < window:
            assert hedge is None
            continue
        last_y, last_x = y[end - window : end], x[end - window : end]
        assert repr(hedge.beta if hedge else None) == repr(brute_force(last_y, last_x)), end
        assert same_bits(hedge, theil_sen(last_y, last_x)), end


@pytest.mark.parametrize("seed", range(12))
def test_rolling_at_full_width_equals_all_pairs(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    window = 130 + seed
    y, x = wild_legs(seed, 3 * window)
    hedges = TheilSen(window=window).rolling(y, x)
    monkeypatch.setattr(module, "ALL_PAIRS", 10_000)
    for end in range(window, 3 * window, 7):
        assert same_bits(hedges[end - 1], theil_sen(y[end - window : end], x[end - window : end])), end


@given(seeds)
def test_what_was_before_the_window_leaves_no_trace(seed: int) -> None:
    window = 125
    y, x = wild_legs(seed, 2 * window)
    assert same_bits(TheilSen(window=window).rolling(y, x)[-1], TheilSen(window=window).rolling(y[window:], x[window:])[-1])


def test_prices_beyond_the_range_of_slopes_have_no_answer() -> None:
    y = 1e308 * np.sign(np.arange(150.0) - 70.5)
    assert TheilSen().fit(y, 1e-10 * np.arange(150.0)) is None
    assert TheilSen(window=150).rolling(y, 1e-10 * np.arange(150.0))[-1] is None


@pytest.mark.parametrize("margin", [0.0, 0.05, 0.5])
def test_a_sample_that_misses_the_median_costs_a_second_look(margin: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slopes, "MARGIN", margin)
    monkeypatch.setattr(slopes, "_sample", lambda n: np.array([[0], [n - 1]]))
    y, x = legs(1, 500)
    assert present(theil_sen(y, x)).beta == theilslopes(y, x).slope


def test_few_slopes_are_held_though_most_are_equal() -> None:
    rng = np.random.default_rng(0)
    y, x = (np.round(rng.normal(0.0, 0.6, 400)) for _ in range(2))
    found = Slopes(y, x)
    assert found.median() == theilslopes(y, x).slope == 0.0
    assert len(found._held) < 0.05 * found._all


def test_hardly_any_pair_differs_in_x() -> None:
    x = np.ones(1000)
    x[3] = 2.0
    y = np.arange(1000.0)
    assert present(theil_sen(y, x)).beta == theilslopes(y, x).slope
    assert theil_sen(y, np.ones(1000)) is None


def test_wild_bars_hardly_turn_it() -> None:
    y, x = legs(4)
    assert present(theil_sen(spoilt(y, 4), x)).beta == pytest.approx(15.0, abs=1.0)


def test_a_leg_on_itself_is_exact() -> None:
    _, x = legs(0)
    hedge = present(theil_sen(x, x))
    assert (hedge.alpha, hedge.beta) == (0.0, 1.0)


@given(seeds, scales, scales, shifts)
def test_equivariant(seed: int, of_y: float, of_x: float, shift: float) -> None:
    y, x = legs(seed, 30)
    plain, moved = present(theil_sen(y, x)), present(theil_sen(of_y * (y + shift), of_x * x))
    assert moved.beta * of_x / of_y == pytest.approx(plain.beta, rel=1e-9)
    assert moved.alpha / of_y == pytest.approx(plain.alpha + shift, rel=1e-9, abs=1e-5)
