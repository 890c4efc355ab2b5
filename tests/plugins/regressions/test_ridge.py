"""Ridge regression against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from sklearn.linear_model import Ridge as Peer

from quantd_plugins.regressions.ols import Ols
from quantd_plugins.regressions.ridge import Ridge
from tests.plugins.regressions.support import legs, present, scales, seeds


@pytest.mark.parametrize("penalty", [0.0, 0.01, 1.0, 100.0])
def test_equals_scikit_learn(penalty: float) -> None:
    y, x = legs(1)
    hedge = present(Ridge(penalty=penalty).fit(y, x))
    peer = Peer(alpha=penalty * float(((x - x.mean()) ** 2).sum())).fit(x[:, None], y)
    assert (hedge.alpha, hedge.beta) == pytest.approx((peer.intercept_, peer.coef_[0]), rel=1e-9)
    assert hedge.r2 == pytest.approx(peer.score(x[:, None], y), rel=1e-9)


def test_without_a_penalty_it_is_least_squares() -> None:
    y, x = legs(2)
    ridge, ols = present(Ridge(penalty=0.0).fit(y, x)), present(Ols().fit(y, x))
    assert (ridge.alpha, ridge.beta, ridge.r2) == pytest.approx((ols.alpha, ols.beta, ols.r2), rel=1e-12)


@given(seeds, scales, scales)
def test_knows_no_unit(seed: int, of_y: float, of_x: float) -> None:
    y, x = legs(seed, 30)
    plain, moved = (present(Ridge().fit(*legs)) for legs in ((y, x), (of_y * y, of_x * x)))
    assert moved.beta * of_x / of_y == pytest.approx(plain.beta, rel=1e-9)
    assert np.isfinite(moved.alpha)
