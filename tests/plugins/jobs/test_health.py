"""The states of a pair, and why."""

from typing import Any

import numpy as np
import pytest

import quantd
from quantd.stats import FloatArray
from quantd.stats.health import NEWEST
from quantd_plugins.jobs.health import LEAST_EVIDENCE, Health

WINDOW = 60


def judged(
    y: FloatArray, x: FloatArray, corr: float = 0.9, coverage: float | FloatArray = 1.0, beta: float = 2.0, **settings: Any
) -> tuple[str, list[str]]:
    """The state, and its reasons."""
    full = np.ones(len(y))
    columns = {"ts": np.arange(len(y)), "y": y, "x": x, "beta": beta * full, "corr_returns": corr * full, "coverage": coverage * full}
    found = Health(**settings).run(quantd.PairView("Y-X", "1m", 0, WINDOW, columns))
    return str(found["health"]), str(found["health_reasons"] or "").split()


def pair(*, bars: int = LEAST_EVIDENCE, last: int = 0, beta: float = 2.0, phi: float = 0.5, seed: int = 3) -> tuple[FloatArray, FloatArray]:
    """One with a hedge ratio of 2, and of `beta` in its `last` bars; of its spread a share of `phi` lasts from bar to bar."""
    chance = np.random.default_rng(seed)
    x, spread = 1_000.0 + chance.normal(size=bars).cumsum(), np.zeros(bars)
    for at in range(1, bars):
        spread[at] = phi * spread[at - 1] + chance.normal()
    return np.where(np.arange(bars) < bars - last, 2.0, beta) * x + spread, x


def test_a_pair_that_is_tied_is_healthy_once_there_is_evidence() -> None:
    y, x = pair()
    assert judged(y, x) == ("healthy", [])
    assert judged(y[1:], x[1:]) == ("unproven", ["evidence"])
    assert judged(y[-2 * WINDOW :], x[-2 * WINDOW :]) == ("unproven", ["evidence"])
    assert judged(y[-2 * WINDOW + 1 :], x[-2 * WINDOW + 1 :]) == ("warming", [])


def test_correlated_legs_that_nothing_ties_are_unproven() -> None:
    found = [judged(*pair(phi=1.0, seed=seed)) for seed in range(40)]
    assert sum(state == "healthy" for state, _ in found) <= 2
    assert sum(state == "unproven" for state, _ in found) >= 10
    assert all(reasons == ["evidence"] for state, reasons in found if state == "unproven")


def test_evidence_is_settable_and_grows_with_the_window() -> None:
    y, x = pair()
    assert judged(y, x, evidence=251)[0] == "unproven"
    assert judged(y[-200:], x[-200:], evidence=200)[0] == "healthy"
    assert [Health().bars_needed(window) for window in (20, 60, 100)] == [250, 250, 400]
    assert Health(evidence=50).bars_needed(60) == 120


def test_logarithms_of_one_price_in_two_ticks_are_no_evidence() -> None:
    """It takes the ticks of the prices to tell that their spread is rounding."""
    x = np.round(60_000.0 + 30.0 * np.random.default_rng(1).normal(size=LEAST_EVIDENCE).cumsum())
    full = np.ones(len(x))
    columns = {"y": np.log(np.round(x / 40.0, 1)), "x": np.log(x), "beta": full, "corr_returns": full, "coverage": full}
    found = Health().run(quantd.PairView("Y-X", "1m", 0, WINDOW, columns, "log"))
    assert found["health_pvalue"] is None
    assert "evidence" in str(found["health_reasons"])


def test_only_the_bars_of_the_evidence_count() -> None:
    y, x = pair(bars=400)
    wild = np.append(np.full(150, 5.0), np.arange(1.0, 251.0))
    assert judged(np.where(np.arange(400) < 150, wild, y), x) == judged(y, x)


@pytest.mark.parametrize(
    ("corr", "coverage", "state", "reasons"),
    [
        (0.2, 1.0, "degraded", ["corr_returns"]),
        (-0.1, 1.0, "degraded", ["corr_returns"]),
        (0.9, 0.8, "degraded", ["data"]),
        (0.2, 0.4, "broken", ["corr_returns", "data"]),
        (float("nan"), 1.0, "degraded", ["corr_returns"]),
    ],
)
def test_reasons(corr: float, coverage: float, state: str, reasons: list[str]) -> None:
    assert judged(*pair(), corr, coverage) == (state, reasons)


def test_returns_that_contradict_the_hedge_break_legs_that_nothing_ties() -> None:
    y, x = pair()
    assert judged(y[-200:], x[-200:], corr=-0.1) == ("broken", ["corr_returns", "evidence"])


@pytest.mark.parametrize(("older", "state"), [(0.95, "healthy"), (0.8, "degraded"), (0.1, "degraded")])
def test_a_reference_that_lacks_trades_is_told(older: float, state: str) -> None:
    coverage = np.ones(LEAST_EVIDENCE)
    coverage[:-WINDOW] = older
    assert judged(*pair(), coverage=coverage) == (state, ["data"] if state == "degraded" else [])


def test_a_bad_print_ties_no_legs() -> None:
    found = []
    for seed in range(100):
        y, x = pair(phi=1.0, seed=seed)
        x[50] += 50.0
        found.append(judged(y, x)[0])
    assert found.count("healthy") <= 8


def test_legs_that_move_against_each_other_hold_if_the_hedge_says_so() -> None:
    y, x = pair()
    assert judged(y, 2_000.0 - x, corr=-0.9, beta=-2.0) == ("healthy", [])


@pytest.mark.parametrize("last", [1, 2, 5, 10, 30, WINDOW])
def test_a_beta_that_moves_is_never_healthy_within_a_window(last: int) -> None:
    state, reasons = judged(*pair(last=last, beta=2.05))
    assert state == ("broken" if last >= 10 else state)
    assert state in ("degraded", "broken")
    assert ("cusum" if last >= 10 else "jump") in reasons


def test_one_bad_print_degrades_and_breaks_nothing() -> None:
    for last in range(1, WINDOW // NEWEST + 3):
        y, x = pair()
        y[-last] += 50.0
        state, reasons = judged(y, x)
        assert state != "broken"
        assert ("jump" in reasons) == (last <= WINDOW // NEWEST + 1), "a step up, and one back"


def test_of_still_legs_nothing_is_known() -> None:
    still = np.full(LEAST_EVIDENCE, 5.0)
    assert judged(still, still) == ("degraded", ["beta_drift", "cusum", "jump", "half_life", "evidence"])
