"""The quantiles of phi's t-statistic against published ones, and what follows from them."""

import numpy as np
import pytest

from quantd.stats.regression import ols_fit
from quantd.stats.unit_root import QUANTILES, SIZES, TABLE, phi_between, phis


def test_the_table_has_a_row_for_each_phi_of_each_size() -> None:
    assert TABLE.shape == (len(SIZES), len(phis()), len(QUANTILES))
    assert (np.diff(TABLE, axis=2) > 0.5).all()
    assert (np.diff(TABLE, axis=1) > -0.05).all(), "they rise towards those of a normal variable"


@pytest.mark.parametrize(("size", "least", "greatest"), [(50, -3.22, 0.29), (125, -3.17, 0.26), (300, -3.14, 0.24), (2000, -3.12, 0.23)])
def test_at_a_unit_root_they_are_fullers(size: int, least: float, greatest: float) -> None:
    """W. A. Fuller, Introduction to Statistical Time Series, 1976, table 8.5.2, with a constant, at 50, 100, 250 and without end."""
    assert (TABLE[SIZES.index(size), 0, 0], TABLE[SIZES.index(size), 0, 2]) == pytest.approx((least, greatest), abs=0.04)


@pytest.mark.parametrize(("phi", "n"), [(0.2, 35), (0.85, 35), (0.97, 80), (0.99, 500), (0.998, 4000)])
def test_between_sizes_and_beyond_they_are_those_of_fresh_series(phi: float, n: int) -> None:
    chance, runs = np.random.default_rng(n), 1500
    series = np.empty((n + 1, runs))
    series[0] = chance.normal(size=runs) / np.sqrt(1.0 - phi * phi)
    for at in range(1, n + 1):
        series[at] = phi * series[at - 1] + chance.normal(size=runs)
    found = []
    for each in series.T:
        fit = ols_fit(each[1:], each[:-1])
        assert fit
        assert fit.stderr
        found.append(phi_between(fit.beta, fit.stderr, fit.n))
    below = (np.array(found) > phi).mean(axis=0)
    assert below[0] == pytest.approx(0.025, abs=0.012)
    assert below[1] == pytest.approx(0.5, abs=0.04)
    assert below[2] == pytest.approx(0.975, abs=0.012)
