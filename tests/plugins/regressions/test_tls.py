"""Total least squares against scipy's orthogonal distance regression and the singular value decomposition."""

import math

import numpy as np
import pytest
from hypothesis import given

from quantd.stats import FloatArray
from quantd_plugins.regressions.tls import Tls
from tests.plugins.regressions.support import legs, present, scales, seeds, shifts


def by_svd(y: FloatArray, x: FloatArray) -> float:
    """The slope of the first principal axis."""
    *_, axes = np.linalg.svd(np.column_stack([x - x.mean(), y - y.mean()]), full_matrices=False)
    return float(axes[0, 1] / axes[0, 0])


@pytest.mark.parametrize("ratio", [0.5, 1.0, 400.0])
@pytest.mark.parametrize("seed", range(4))
def test_equals_the_principal_axis(seed: int, ratio: float) -> None:
    y, x = legs(seed)
    hedge = present(Tls(noise_ratio=ratio).fit(y, x))
    root = math.sqrt(ratio)
    assert hedge.beta == pytest.approx(by_svd(y / root, x) * root, rel=1e-9)
    assert hedge.alpha == pytest.approx(y.mean() - hedge.beta * x.mean(), rel=1e-9)


@pytest.mark.filterwarnings("ignore:.*odr.*:DeprecationWarning")
def test_equals_orthogonal_distance_regression() -> None:
    from scipy import odr

    y, x = legs(2)
    y /= 15.0
    theirs = odr.ODR(odr.Data(x, y), odr.unilinear, beta0=[1.0, 0.0], maxit=1000).run().beta
    hedge = present(Tls().fit(y, x))
    assert (hedge.beta, hedge.alpha) == pytest.approx(tuple(theirs), rel=1e-4)


@given(seeds)
def test_the_legs_may_change_places(seed: int) -> None:
    y, x = legs(seed)
    y /= 15.0
    assert present(Tls().fit(y, x)).beta * present(Tls().fit(x, y)).beta == pytest.approx(1.0, rel=1e-9)


def test_a_leg_on_itself_is_exact() -> None:
    _, x = legs(0)
    assert [(present(Tls().fit(leg, x)).beta, present(Tls().fit(leg, x)).r2) for leg in (x, -x)] == [(1.0, 1.0), (-1.0, 1.0)]


def test_no_direction_stands_out() -> None:
    square = np.array([1.0, 1.0, -1.0, -1.0]), np.array([1.0, -1.0, 1.0, -1.0])
    assert Tls().fit(*square) is None
    assert Tls().fit(3 * square[0], square[1]) is None
    assert present(Tls().fit(square[0], 3 * square[1])).beta == 0.0


@given(seeds, scales, shifts, shifts)
def test_equivariant(seed: int, scale: float, up: float, right: float) -> None:
    """To shifts of either leg, and to one unit for both; scaling one of them changes what a distance is."""
    y, x = legs(seed, 30)
    plain, moved = present(Tls().fit(y, x)), present(Tls().fit(scale * (y + up), scale * (x + right)))
    assert moved.beta == pytest.approx(plain.beta, rel=1e-7)
