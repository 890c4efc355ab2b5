"""What holds for windows over any series."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.stats.regression import ols, pearson
from quantd.stats.rolling import Moments, Window, still

prices = st.one_of(
    st.floats(1e-6, 1e6),
    st.sampled_from([1.0, 1.0 + 2**-30, 100.0, 1e6, 1e-6]),
)
pairs = st.lists(st.tuples(prices, prices), min_size=1, max_size=60)
windows = st.integers(2, 9)
starts = st.integers(0, 50)


def squares(values: list[float]) -> float:
    exact = [Fraction(v) for v in values]
    return float(sum(v * v for v in exact) - sum(exact) ** 2 / len(exact))


def filled(window: int, start: int, rows: list[tuple[float, float]]) -> Moments:
    m = Moments(window)
    for i, (y, x) in enumerate(rows, start):
        m.push(i, y, x)
    return m


@given(windows, starts, pairs)
def test_sums_equal_exact_arithmetic(window: int, start: int, rows: list[tuple[float, float]]) -> None:
    m = filled(window, start, rows)
    ys, xs = [list(column) for column in zip(*rows[-window:], strict=True)]
    syy, sxx = squares(ys), squares(xs)
    assert m.n == len(ys)
    assert m.syy == pytest.approx(syy, rel=1e-9, abs=0.0)
    assert m.sxx == pytest.approx(sxx, rel=1e-9, abs=0.0)
    product = (squares([y + x for y, x in zip(ys, xs, strict=True)]) - syy - sxx) / 2
    assert m.sxy == pytest.approx(product, abs=1e-9 * (syy + sxx) + 1e-9)


@given(windows, starts, pairs)
def test_squares_are_never_negative_and_correlation_stays_in_range(window: int, start: int, rows: list[tuple[float, float]]) -> None:
    m = Moments(window)
    for i, (y, x) in enumerate(rows, start):
        m.push(i, y, x)
        assert m.syy >= 0.0 <= m.sxx
        corr = pearson(m)
        assert corr is None or -1.0 <= corr <= 1.0


@given(windows, starts, pairs)
def test_the_last_two_windows_give_the_same_bits(window: int, start: int, rows: list[tuple[float, float]]) -> None:
    live = filled(window, start, rows)
    skipped = max(0, len(rows) - 2 * window)
    fresh = filled(window, start + skipped, rows[skipped:])
    assert (fresh.mean_y, fresh.mean_x, fresh.syy, fresh.sxx, fresh.sxy) == (live.mean_y, live.mean_x, live.syy, live.sxx, live.sxy)


@given(windows, starts, st.lists(prices, min_size=1, max_size=40))
def test_a_series_on_itself_has_beta_and_correlation_one(window: int, start: int, values: list[float]) -> None:
    m = filled(window, start, [(v, v) for v in values])
    hedge, corr = ols(m), pearson(m)
    if still(m.n, m.mean_x, m.sxx):
        assert hedge is None
        assert corr is None
    else:
        assert hedge is not None
        assert (hedge.alpha, hedge.beta, corr) == (0.0, 1.0, 1.0)


@given(windows, starts, pairs)
def test_a_window_is_one_side_of_moments(window: int, start: int, rows: list[tuple[float, float]]) -> None:
    m, w = filled(window, start, rows), Window(window)
    for i, (y, _) in enumerate(rows, start):
        w.push(i, y)
    assert w.mean == pytest.approx(m.mean_y, rel=1e-12)
    assert w.m2 == pytest.approx(m.syy, rel=1e-9)
