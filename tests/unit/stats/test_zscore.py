"""Z-scores against pandas and scipy, and what wild and still values do to them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import median_abs_deviation

from quantd.stats import FloatArray
from quantd.stats.zscore import Method, Scores, score, scores

WINDOW = 20
METHODS: list[Method] = ["rolling", "ew", "robust"]


def filled(method: Method, values: FloatArray, halflife: float | None = None) -> Scores:
    made = scores(method, WINDOW, halflife)
    for index, value in enumerate(values.tolist()):
        assert made.full == (index >= WINDOW)
        made.push(index, value)
    return made


def series(seed: int, n: int = 3 * WINDOW) -> FloatArray:
    return 50.0 + np.random.default_rng(seed).normal(size=n).cumsum()


@pytest.mark.parametrize("seed", range(5))
def test_rolling_is_that_of_pandas(seed: int) -> None:
    values = series(seed)
    window = pd.Series(values).rolling(WINDOW)
    assert filled("rolling", values).level == pytest.approx((window.mean().iloc[-1], window.std().iloc[-1]), rel=1e-9)


@pytest.mark.parametrize("halflife", [1.0, 5.0, 100.0, None])
@pytest.mark.parametrize("seed", range(3))
def test_ew_is_that_of_pandas_over_the_window(seed: int, halflife: float | None) -> None:
    values = series(seed)
    ewm = pd.Series(values[-WINDOW:]).ewm(halflife=halflife or WINDOW / 4)
    assert filled("ew", values, halflife).level == pytest.approx((ewm.mean().iloc[-1], ewm.std().iloc[-1]), rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_robust_is_median_and_mad(seed: int) -> None:
    values = series(seed)
    last = values[-WINDOW:]
    assert filled("robust", values).level == pytest.approx((np.median(last), median_abs_deviation(last, scale="normal")), rel=1e-12)


def test_wild_values_move_all_but_the_robust() -> None:
    values = series(1)
    wild = values.copy()
    wild[-5:-1] = 1e9
    for method in METHODS:
        calm, shaken = filled(method, values).level, filled(method, wild).level
        assert (shaken[1] < 3 * calm[1]) == (method == "robust")


@pytest.mark.parametrize("method", METHODS)
def test_still_values_have_no_score(method: Method) -> None:
    still = filled(method, np.full(2 * WINDOW, 41_234.1))
    assert score(41_234.1, *still.level, 50_000.0) is None


@pytest.mark.parametrize("method", METHODS)
def test_cleared_it_begins_anew(method: Method) -> None:
    values = series(2)
    made = filled(method, values)
    made.clear()
    assert not made.full
    for index, value in enumerate(values.tolist()):
        made.push(index, value)
    assert made.level == filled(method, values).level


@given(st.sampled_from(METHODS), st.integers(0, 1000), st.floats(1e-6, 1e6), st.floats(-1e4, 1e4))
def test_a_score_knows_no_unit(method: Method, seed: int, scale: float, shift: float) -> None:
    values = series(seed)
    plain = score(float(values[-1]), *filled(method, values).level, 0.0)
    moved = scale * values + shift
    assert score(float(moved[-1]), *filled(method, moved).level, 0.0) == pytest.approx(plain, rel=1e-4, abs=1e-4)
