"""Streaming windows against sums computed anew from the values in the window."""

import math
import random
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
import pytest

from quantd.stats.regression import ols, pearson
from quantd.stats.rolling import Moments, Window

W = 60


def walk(seed: int, start: float = 100.0, step: float = 1.0) -> Iterator[float]:
    rng = random.Random(seed)
    value = start
    while True:
        value += rng.gauss(0.0, step)
        yield value


def take(values: Iterator[float], n: int) -> list[float]:
    return [next(values) for _ in range(n)]


def spiked(n: int) -> list[float]:
    return [1e9 if i == 97 else v for i, v in enumerate(take(walk(1), n))]


def jumping(n: int) -> list[float]:
    return [v + (1e6 if i // 100 % 2 else 0.0) for i, v in enumerate(take(walk(2), n))]


def faint(n: int) -> list[float]:
    rng = random.Random(3)
    return [1e5 + 1e-8 * rng.gauss(0.0, 1.0) for _ in range(n)]


def alternating(n: int) -> list[float]:
    return [50_000.0 + (-1) ** i for i in range(n)]


def ramp(n: int) -> list[float]:
    return [100.0 + 0.25 * i for i in range(n)]


def steep(n: int) -> list[float]:
    return [1.07**i for i in range(n)]


def fading(n: int) -> list[float]:
    return [100.0 + 0.9**i * (-1) ** i for i in range(n)]


def settling(n: int) -> list[float]:
    """A spike passes that leaves a hundred-millionth of its square behind, where a laxer rebuild rule would lose digits."""
    return [5100.0 if i == 97 else v for i, v in enumerate(take(walk(7, 100.0, 0.02), n))]


SERIES = [settling, spiked, jumping, faint, alternating, ramp, steep, fading]


def exact(ys: list[float], xs: list[float]) -> tuple[float, float, float, float, float]:
    """Means and centred sums in rational arithmetic."""
    y, x = [Fraction(v) for v in ys], [Fraction(v) for v in xs]
    n, ty, tx = len(y), sum(y), sum(x)
    squares = sum(v * v for v in y) - ty * ty / n, sum(v * v for v in x) - tx * tx / n
    product = sum(v * u for v, u in zip(y, x, strict=True)) - ty * tx / n
    return float(ty / n), float(tx / n), float(squares[0]), float(squares[1]), float(product)


def assert_exact(m: Moments, ys: list[float], xs: list[float], rel: float = 1e-9) -> None:
    mean_y, mean_x, syy, sxx, sxy = exact(ys, xs)
    assert m.mean_y == pytest.approx(mean_y, rel=rel, abs=rel * math.sqrt(syy))
    assert m.mean_x == pytest.approx(mean_x, rel=rel, abs=rel * math.sqrt(sxx))
    assert m.syy == pytest.approx(syy, rel=rel)
    assert m.sxx == pytest.approx(sxx, rel=rel)
    assert m.sxy == pytest.approx(sxy, rel=rel, abs=rel * math.sqrt(syy * sxx))


@pytest.mark.parametrize("make", SERIES, ids=lambda f: f.__name__)
def test_moments_of_hard_series(make: Callable[[int], list[float]]) -> None:
    ys, xs = make(420), take(walk(9, 2000.0, 3.0), 420)
    m, w = Moments(W), Window(W)
    for i, (y, x) in enumerate(zip(ys, xs, strict=True)):
        m.push(i, y, x)
        w.push(i, y)
        if i % 3 == 0 or 150 < i < 170:
            first = max(0, i + 1 - W)
            assert_exact(m, ys[first : i + 1], xs[first : i + 1])
            assert (w.n, w.mean, w.m2) == (m.n, m.mean_y, m.syy)


@pytest.mark.parametrize("make", SERIES, ids=lambda f: f.__name__)
def test_a_restart_gives_the_same_bits(make: Callable[[int], list[float]]) -> None:
    ys, xs = make(400), take(walk(9), 400)
    live = Moments(W)
    for i in range(400):
        live.push(i, ys[i], xs[i])
        if i >= 2 * W and i % 7 == 0:
            fresh = Moments(W)
            for j in range(i + 1 - 2 * W, i + 1):
                fresh.push(j, ys[j], xs[j])
            assert bits(fresh) == bits(live)


def bits(m: Moments) -> tuple[float, ...]:
    return m.n, m.mean_y, m.mean_x, m.syy, m.sxx, m.sxy


def test_a_restart_gives_the_same_bits_across_missing_indices() -> None:
    rng = random.Random(5)
    indices = sorted(rng.sample(range(10_000), 500))
    values = take(walk(5), 500)
    live, fresh = Window(W), Window(W)
    for k, (i, v) in enumerate(zip(indices, values, strict=True)):
        live.push(i, v)
        if k >= 500 - 2 * W:
            fresh.push(i, v)
    assert (fresh.mean, fresh.m2) == (live.mean, live.m2)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e-300, 63_211.7, 1e15 / 3])
def test_equal_values_have_exactly_no_variance(value: float) -> None:
    m, w = Moments(49), Window(49)
    for i, v in enumerate([*take(walk(4), 200), *([value] * 120)]):
        m.push(i, v, v)
        w.push(i, v)
    assert (m.mean_y, m.mean_x, m.syy, m.sxx, m.sxy) == (value, value, 0.0, 0.0, 0.0)
    assert (w.mean, w.m2, w.std) == (value, 0.0, 0.0)


def test_a_series_paired_with_itself_has_three_equal_sums() -> None:
    m = Moments(W)
    for i, v in enumerate(spiked(300) + jumping(300)):
        m.push(i, v, v)
        assert m.syy == m.sxx == m.sxy
        assert m.mean_y == m.mean_x


def test_a_million_updates_do_not_drift() -> None:
    values = take(walk(6, 60_000.0, 5.0), 1_000_000)
    w = Window(W)
    for i, v in enumerate(values):
        w.push(i, v)
    mean, _, m2, _, _ = exact(values[-W:], values[-W:])
    assert (w.mean, w.m2) == pytest.approx((mean, m2), rel=1e-12)


def test_warm_up() -> None:
    w, m = Window(3), Moments(3)
    assert (w.n, w.full, w.std, m.n, m.full) == (0, False, None, 0, False)
    for i, v in enumerate([1.0, 3.0, 5.0, 7.0]):
        w.push(i, v)
        m.push(i, v, -v)
        assert w.n == m.n == min(i + 1, 3)
        assert w.full == m.full == (i >= 2)
    assert (w.mean, w.std, m.mean_y, m.mean_x, m.sxy) == (5.0, 2.0, 5.0, -5.0, -8.0)


def test_one_value_has_a_mean_and_no_deviation() -> None:
    w = Window(5)
    w.push(7, 42.5)
    assert (w.mean, w.m2, w.std) == (42.5, 0.0, None)


def test_clear_forgets_everything() -> None:
    used, fresh = Moments(4), Moments(4)
    for i, v in enumerate(spiked(120)):
        used.push(i, v, 2 * v)
    used.clear()
    assert (used.n, used.syy, used.sxx, used.sxy) == (0, 0.0, 0.0, 0.0)
    for i, v in enumerate(take(walk(8), 9)):
        used.push(i, v, 1 / v)
        fresh.push(i, v, 1 / v)
    assert bits(used) == bits(fresh)


@pytest.mark.parametrize("huge", [1e160, 1e300, 1.7e308, math.inf])
def test_what_is_out_of_range_is_no_number_and_leaves_no_trace(huge: float) -> None:
    chance = np.random.default_rng(0)
    rows = [(float(y), float(x)) for y, x in 100.0 + chance.normal(size=(12 + 2 * W, 2))]
    m, clean, w = Moments(W), Moments(W), Window(W)
    for index, (y, x) in enumerate(rows):
        odd = index in (7, 11)
        m.push(index, huge if odd else y, -huge if odd else x)
        w.push(index, huge if odd else y)
        clean.push(index, y, x)
        assert pearson(m) is None or index < 7 or index >= 11 + W
        assert ols(m) is None or index < 7 or index >= 11 + W
    assert m.syy == pytest.approx(clean.syy, rel=1e-9)
    assert w.m2 == pytest.approx(clean.syy, rel=1e-9)
