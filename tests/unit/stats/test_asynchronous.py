"""Hayashi-Yoshida against its definition, and a lead that was put in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.stats import FloatArray
from quantd.stats.asynchronous import hayashi_yoshida, lead_lag

LAGS = np.arange(-20.0, 21.0) * 0.5


def ticking(seed: int, n: int = 4_000, lead: float = 0.0, corr: float = 0.8) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Two walks of `corr`, each seen at times of its own; y follows x by `lead` seconds."""
    chance = np.random.default_rng(seed)
    grid = np.arange(0.0, n / 4, 0.05)
    shared, own = chance.normal(size=(2, len(grid)))
    x_path = 1e-4 * shared.cumsum()
    y_path = 1e-4 * (corr * shared + np.sqrt(1.0 - corr**2) * own).cumsum()
    y_ts, x_ts = (np.sort(chance.choice(grid, n, replace=False)) for _ in range(2))
    y_at = np.searchsorted(grid, np.maximum(y_ts - lead, 0.0))
    return y_ts, 100.0 * np.exp(y_path[y_at]), x_ts, 50.0 * np.exp(x_path[np.searchsorted(grid, x_ts)])


def by_definition(y_times: FloatArray, of_y: FloatArray, x_times: FloatArray, of_x: FloatArray) -> float:
    return sum(
        dy * dx
        for i, dy in enumerate(of_y)
        for j, dx in enumerate(of_x)
        if max(y_times[i], x_times[j]) < min(y_times[i + 1], x_times[j + 1])
    )


@given(st.integers(0, 10_000), st.integers(2, 25), st.integers(2, 25))
def test_it_is_the_definition(seed: int, n: int, m: int) -> None:
    chance = np.random.default_rng(seed)
    y_times, x_times = (np.sort(chance.choice(60, count, replace=False)).astype(float) for count in (n, m))
    of_y, of_x = chance.normal(size=n - 1), chance.normal(size=m - 1)
    assert hayashi_yoshida(y_times, of_y, x_times, of_x) == pytest.approx(by_definition(y_times, of_y, x_times, of_x), abs=1e-12)


def test_the_correlation_is_found_without_bars() -> None:
    found = [lead_lag(*ticking(seed), LAGS).correlation for seed in range(8)]
    assert np.mean(np.array(found, float)) == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize("lead", [0.0, 1.0, 3.0])
def test_the_lead_is_found(lead: float) -> None:
    y_ts, y, x_ts, x = ticking(1, lead=lead)
    found, turned = lead_lag(y_ts, y, x_ts, x, LAGS), lead_lag(x_ts, x, y_ts, y, LAGS)
    assert found.lag == pytest.approx(lead, abs=0.5)
    assert turned.lag == -found.lag
    assert turned.correlation == pytest.approx(found.correlation, rel=1e-9)
    if lead:
        assert found.ratio > 1.0


def test_synchronous_ticks_give_the_realised_correlation() -> None:
    ts = np.arange(500.0)
    y, x = (100.0 * np.exp(1e-3 * np.random.default_rng(seed).normal(size=500).cumsum()) for seed in (1, 2))
    returns = [np.diff(np.log(leg)) for leg in (y, x)]
    realised = float(returns[0] @ returns[1]) / np.sqrt(float(returns[0] @ returns[0]) * float(returns[1] @ returns[1]))
    assert lead_lag(ts, y, ts, x, LAGS).correlation == pytest.approx(realised, rel=1e-9)
    assert lead_lag(ts, 7.0 * y, ts, 0.1 * x, LAGS).correlation == pytest.approx(realised, rel=1e-9)


def test_of_prices_at_one_time_the_last_counts() -> None:
    y_ts, y, x_ts, x = ticking(2, 200)
    twice = np.repeat(y_ts, 2), np.column_stack([y * 3.0, y]).ravel()
    assert lead_lag(*twice, x_ts, x, LAGS).correlation == lead_lag(y_ts, y, x_ts, x, LAGS).correlation


@pytest.mark.parametrize(
    ("prices", "reason"),
    [(np.full(50, 5.0), "flat"), (np.arange(50.0), "not finite"), (np.full(50, np.nan), "not finite"), (np.ones(3), "few ticks")],
)
def test_there_is_a_reason_where_there_is_none(prices: FloatArray, reason: str) -> None:
    y_ts, y, *_ = ticking(3, 100)
    found = lead_lag(y_ts, y, np.arange(float(len(prices))), prices, LAGS)
    assert (found.correlation, found.lag, found.reason, len(found.curve)) == (None, None, reason, 0)


def test_a_symbol_is_not_ahead_of_itself() -> None:
    ts, price, _, _ = ticking(2, n=500)
    found = lead_lag(ts, price, ts, price, LAGS)
    assert (found.lag, found.correlation) == (0.0, 1.0)


def test_where_chance_lifts_it_above_one_the_largest_still_leads() -> None:
    """Cut at 1, all that are above it would look alike."""
    y_ts, y = np.arange(0.0, 40.0), 100.0 + np.resize([0.0, 1.0], 40)
    x_ts = np.sort(np.concatenate([y_ts, y_ts[:-1] + 0.5]))
    x = np.interp(x_ts, y_ts, y)
    found = lead_lag(y_ts, y, x_ts, x, np.array([-0.5, 0.0, 0.5]))
    assert found.curve.max() == 1.0
    assert found.lag == 0.0


def test_legs_that_never_meet_say_so() -> None:
    y_ts, y, x_ts, x = ticking(3, n=100)
    assert lead_lag(y_ts, y, x_ts + 1e6, x, LAGS).reason == "apart"
