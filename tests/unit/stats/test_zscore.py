"""Gauges of closes against numpy, pandas and scipy, and what still, tied and collinear prices do to them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import median_abs_deviation

from quantd.model import ZMethod
from quantd.stats import FloatArray
from quantd.stats.regression import ols
from quantd.stats.rolling import Moments
from quantd.stats.zscore import Gauge, ZScore, of_closes, priced

WINDOW = 20
METHODS: list[ZMethod] = ["window", "ew", "robust"]


def moments(y: FloatArray, x: FloatArray, window: int = WINDOW) -> Moments:
    made = Moments(window)
    for index, pair in enumerate(zip(y.tolist(), x.tolist(), strict=True)):
        made.push(index, *pair)
    return made


def legs(seed: int, n: int = 3 * WINDOW) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    x = 1000.0 + rng.normal(0.0, 1.0, n).cumsum()
    return 50.0 + 1.5 * x + rng.normal(0.0, 0.5, n), x


def gauge(method: ZMethod, y: FloatArray, x: FloatArray, beta: float, halflife: float | None = None) -> Gauge:
    return of_closes(method, WINDOW, halflife)(moments(y, x), beta)


@pytest.mark.parametrize("beta", [1.5, 0.0, -3.0, 40.0])
@pytest.mark.parametrize("seed", range(3))
def test_window_is_mean_and_std_of_the_closes_priced_with_one_beta(seed: int, beta: float) -> None:
    y, x = legs(seed)
    spread = (y - beta * x)[-WINDOW:]
    found = gauge("window", y, x, beta)
    assert found.std == pytest.approx(spread.std(ddof=1), rel=1e-9)
    assert found.score(float(y[-1]), float(x[-1])) == pytest.approx((spread[-1] - spread.mean()) / spread.std(ddof=1), rel=1e-9)


@pytest.mark.parametrize("noise", [1e-3, 1e-5, 1e-7])
def test_where_the_difference_of_the_sums_cancels_the_closes_are_priced_one_by_one(noise: float) -> None:
    rng = np.random.default_rng(1)
    x = 1000.0 + rng.normal(0.0, 1.0, 3 * WINDOW).cumsum()
    y = 1.5 * x + rng.normal(0.0, noise, len(x))
    rounding = 1e-12 * 1500.0 / noise
    assert gauge("window", y, x, 1.5).std == pytest.approx((y - 1.5 * x)[-WINDOW:].std(ddof=1), rel=max(1e-9, rounding))


@pytest.mark.parametrize("window", [20, 60, 251])
@pytest.mark.parametrize("spike", [1.0, 1.05, 2.0])
def test_a_close_fit_keeps_nine_digits_also_behind_a_spike(window: int, spike: float) -> None:
    rng = np.random.default_rng(window)
    x = 60_000.0 * np.exp(rng.normal(0.0, 1e-3, 4 * window).cumsum())
    y = 50.0 + 1.5 * x + rng.normal(0.0, 0.5, len(x))
    x[window + window // 2] *= spike
    of, sums = of_closes("window", window), Moments(window)
    for index, pair in enumerate(zip(y.tolist(), x.tolist(), strict=True)):
        sums.push(index, *pair)
        if index < 2 * window:
            continue
        line = ols(sums)
        assert line is not None
        off_y, off_x = (leg[index + 1 - window : index + 1].astype(np.longdouble) for leg in (y, x))
        off_y, off_x = off_y - off_y.mean(), off_x - off_x.mean()
        off = off_y - (off_y @ off_x) / (off_x @ off_x) * off_x
        assert of(sums, line.beta).score(*pair) == pytest.approx(float(off[-1] / np.sqrt(off @ off / (window - 1))), abs=1e-9)


@pytest.mark.parametrize("halflife", [1.0, 5.0, 100.0, None])
def test_ew_is_that_of_pandas_over_the_window(halflife: float | None) -> None:
    y, x = legs(2)
    spread = pd.Series((y - 1.5 * x)[-WINDOW:])
    ewm = spread.ewm(halflife=halflife or WINDOW / 4)
    found = gauge("ew", y, x, 1.5, halflife)
    assert (found.y - 1.5 * found.x, found.std) == pytest.approx((ewm.mean().iloc[-1], ewm.std().iloc[-1]), rel=1e-9)


def test_robust_is_median_and_mad() -> None:
    y, x = legs(3)
    spread = (y - 1.5 * x)[-WINDOW:]
    found = gauge("robust", y, x, 1.5)
    assert (found.y - 1.5 * found.x, found.std) == pytest.approx(
        (np.median(spread), median_abs_deviation(spread, scale="normal")), rel=1e-9
    )


@pytest.mark.parametrize("size", [1e4, 1e9, 1e14])
def test_wild_values_move_all_but_the_robust(size: float) -> None:
    y, x = legs(1)
    wild = y.copy()
    wild[-5:-1] = size
    for method in METHODS:
        assert (0.0 < gauge(method, wild, x, 1.5).std < 3 * gauge(method, y, x, 1.5).std) == (method == "robust")


def test_robust_has_no_unit_where_half_of_the_values_tie() -> None:
    rng = np.random.default_rng(4)
    x = np.round(100.0 + rng.normal(0.0, 0.01, WINDOW).cumsum(), 2)
    y = np.round(0.5 * x, 3) + 50.0
    y[3] += 0.01
    assert gauge("robust", y, x, 0.5).std == 0.0
    assert gauge("window", y, x, 0.5).std == pytest.approx(0.01 / np.sqrt(WINDOW), rel=0.05)


@pytest.mark.parametrize("ones", [4, 9, 10, 11, 16])
def test_of_two_clusters_one_holds_half(ones: int) -> None:
    y = np.where(np.arange(WINDOW) < ones, 100.01, 100.0)
    assert gauge("robust", y, np.full(WINDOW, 50.0), 0.5).std == 0.0


def test_of_three_clusters_none_of_which_holds_half_the_unit_is_a_tick() -> None:
    y = 100.0 + 0.01 * np.repeat([-1.0, 0.0, 1.0], [6, 8, 6])
    assert gauge("robust", y, np.full(WINDOW, 50.0), 0.5).std == pytest.approx(0.01 / 0.6744897501960817, rel=1e-9)


def test_ticks_that_cancel_in_logarithms_but_for_a_rest_tie() -> None:
    """A tick of x is half a tick of y, and in logarithms a hundred-thousandth more or less, by the level."""
    up = np.arange(WINDOW) % 2
    y, x = np.log(100.0 + 0.01 * up), np.log(50.0 + 0.01 * up)
    y[7] += 1e-4
    off = priced(y, x, 0.5, log=True).off
    assert 0.0 < np.sort(off)[WINDOW // 2] - np.sort(off)[0] < 1e-8
    assert of_closes("robust", WINDOW, log=True)(moments(y, x), 0.5).std == 0.0


def test_a_quiet_leg_of_wide_ticks_hides_what_the_other_moves() -> None:
    rng = np.random.default_rng(3)
    x = np.round(50.0 + rng.normal(0.0, 0.02, WINDOW).cumsum(), 2)
    y = np.full(WINDOW, 1000.0)
    y[[2, 9]] += 5.0
    assert gauge("robust", y, x, 0.01).std == 0.0


ticks = st.sampled_from([0.01, 0.05, 0.5])


@given(
    seed=st.integers(0, 10_000),
    tick_y=ticks,
    tick_x=ticks,
    lively=st.sampled_from([0.02, 0.1, 0.5, 1.0]),
    tied=st.booleans(),
    log=st.booleans(),
)
def test_the_robust_unit_of_prices_bound_to_ticks_is_none_or_of_the_size_of_the_std(
    seed: int, tick_y: float, tick_x: float, lively: float, tied: bool, log: bool
) -> None:
    rng = np.random.default_rng(seed)
    steps = rng.choice([-2, -1, 1, 2], (2, WINDOW)) * (rng.random((2, WINDOW)) < lively)
    ups = steps.cumsum(axis=1) if seed % 2 else steps
    x = np.round(200.0 + tick_x * ups[1], 2)
    y = np.round(np.round((500.0 + 1.5 * (x - 200.0)) / tick_y) * tick_y if tied else 500.0 + tick_y * ups[0], 2)
    if log:
        y, x = np.log(y), np.log(x)
    sums = moments(y, x)
    line = ols(sums)
    for beta in (line.beta if line else 0.0, 0.5, 1.5 + 1e-7, -1e-4):
        plain, robust = (of_closes(method, WINDOW, log=log)(sums, beta).std for method in ("window", "robust"))
        assert robust == 0.0 or plain / 20.0 < robust < 3.0 * plain


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [1e-198, 1e-160, 1e150])
def test_prices_of_any_size_have_a_z(method: ZMethod, size: float) -> None:
    y, x = legs(7)
    plain = gauge(method, y, x, 1.5).score(float(y[-1]), float(x[-1]))
    y, x = size * y, size * x
    assert gauge(method, y, x, 1.5).score(float(y[-1]), float(x[-1])) == pytest.approx(plain, rel=1e-9)


@pytest.mark.parametrize(
    "line", [lambda x: 3.0 * x, lambda x: 0.1 * x + 7.0, lambda x: -0.37 * x + 1e5], ids=["3x", "0.1x + 7", "-0.37x + 1e5"]
)
@pytest.mark.parametrize("window", [2, 3, 5, 20, 60, 251, 500])
def test_a_line_of_the_other_leg_has_no_z_at_any_bar(line: object, window: int) -> None:
    rng = np.random.default_rng(window)
    x = np.round(1000.0 + rng.normal(0.0, 0.5, 2 * window + 300).cumsum(), 2)
    y = line(x)  # type: ignore[operator]
    of, sums = of_closes("window", window), Moments(window)
    for index, pair in enumerate(zip(y.tolist(), x.tolist(), strict=True)):
        sums.push(index, *pair)
        hedge = ols(sums)
        if sums.full and hedge:
            assert of(sums, hedge.beta).score(*pair) is None


@pytest.mark.parametrize("method", METHODS)
def test_still_values_and_two_of_them_have_no_score(method: ZMethod) -> None:
    still = np.full(2 * WINDOW, 41_234.1)
    assert gauge(method, still, np.arange(2.0 * WINDOW), 0.0).score(41_234.1, 1.0) is None
    y, x = legs(5)
    assert of_closes(method, 2)(moments(y, x, 2), 1.5).std == 0.0


def test_logarithms_near_zero_are_measured_by_their_price() -> None:
    rng = np.random.default_rng(6)
    x = np.log(1.0 + rng.normal(0.0, 1e-4, WINDOW))
    y = np.log(np.exp(2.0 * x) * (1.0 + rng.normal(0.0, 1e-14, WINDOW)))
    assert not priced(y, x, 2.0, log=True).moves, "a hundredth of a trillionth of the price"


@given(st.sampled_from(METHODS), st.integers(0, 1000), st.floats(1e-6, 1e6), st.floats(0.0, 1e3))
def test_a_score_knows_no_unit(method: ZMethod, seed: int, scale: float, shift: float) -> None:
    y, x = legs(seed)
    plain = gauge(method, y, x, 1.5).score(float(y[-1]), float(x[-1]))
    moved_y, moved_x = scale * (y + shift), scale * x
    assert gauge(method, moved_y, moved_x, 1.5).score(float(moved_y[-1]), float(moved_x[-1])) == pytest.approx(plain, rel=1e-6, abs=1e-6)


@given(st.integers(3, 200), st.integers(0, 1000))
def test_a_bar_inside_its_window_is_at_most_so_far(window: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = 100.0 + rng.normal(0.0, 1.0, window).cumsum()
    y = rng.normal(0.0, 1e-3, window)
    y[-1] = 1e3
    score = of_closes("window", window)(moments(y, x, window), 0.0).score(float(y[-1]), float(x[-1]))
    assert score is not None
    assert abs(score) <= (window - 1) / np.sqrt(window) * (1 + 1e-12)


@pytest.mark.parametrize(
    ("zscore", "needed"),
    [
        (ZScore(), 20),
        (ZScore(window=30), 30),
        (ZScore(window=5), 20),
        (ZScore(against="before"), 21),
        (ZScore(method="rolling"), 39),
        (ZScore(method="innovation"), 20),
    ],
)
def test_the_bars_needed_end_with_that_of_the_first_z_score(zscore: ZScore, needed: int) -> None:
    assert zscore.bars_needed(20) == needed
