"""The Theil-Sen line against scipy."""

import numpy as np
import pytest
from hypothesis import given
from scipy.stats import theilslopes

from quantd.stats import theil_sen as module
from quantd.stats.theil_sen import theil_sen
from quantd_plugins.regressions.theil_sen import TheilSen
from tests.plugins.regressions.support import legs, present, scales, seeds, shifts, spoilt


@pytest.mark.parametrize("n", [2, 3, 4, 5, 60, 61, 400, 401, 1000])
@pytest.mark.parametrize("decimals", [9, 0])
def test_equals_scipy(n: int, decimals: int) -> None:
    y, x = (np.round(leg, decimals) for leg in legs(n, n))
    theirs = theilslopes(y, x)
    hedge = present(TheilSen().fit(y, x))
    assert (hedge.beta, hedge.alpha, hedge.n) == (theirs.slope, pytest.approx(theirs.intercept, rel=1e-12), n)


@given(seeds)
def test_both_ways_to_the_median_agree(seed: int) -> None:
    y, x = (np.round(leg) for leg in legs(seed, 20 + seed % 2))
    assert module._median_of_many(y, x) == module._median_of_all(y, x)


def test_a_sample_that_misses_the_median_costs_a_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE", 1)
    y, x = legs(1, 500)
    assert present(theil_sen(y, x)).beta == theilslopes(y, x).slope


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
