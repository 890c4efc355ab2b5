"""The checks of the `fit` of a regression."""

import math
from collections.abc import Iterator

import numpy as np

from quantd.model import Hedge
from quantd.plugin.regression import Regression
from quantd.stats import FloatArray
from quantd.testing import fakes

Legs = tuple[FloatArray, FloatArray]


def fits_well_behaved_legs(regression: Regression) -> None:
    for seed in range(3):
        y, x = fakes.legs(regression.window, seed=seed)
        hedge = regression.fit(y, x)
        assert hedge is not None, f"no answer of {len(y)} well-behaved prices"
        assert_finite(hedge, "well-behaved prices")
        assert hedge.n == len(y), f"n is {hedge.n} of {len(y)} prices"


def survives_degenerate_legs(regression: Regression) -> None:
    for name, (y, x) in degenerate_legs(regression.window):
        hedge = regression.fit(y, x)
        if hedge is not None:
            assert_finite(hedge, name)


def fit_keeps_no_state(regression: Regression) -> None:
    y, x = fakes.legs(regression.window)
    before = regression.fit(y, x)
    for name, (other_y, other_x) in degenerate_legs(regression.window):
        regression.fit(other_y, other_x)
        after = regression.fit(y, x)
        assert after == before, f"answers {before}, and after a fit of {name} {after}"


def fit_leaves_its_arguments_alone(regression: Regression) -> None:
    y, x = fakes.legs(regression.window)
    copies = y.copy(), x.copy()
    regression.fit(y, x)
    assert np.array_equal(copies, (y, x)), "`fit` wrote into the arrays it was given"


def degenerate_legs(window: int) -> Iterator[tuple[str, Legs]]:
    """Yield legs that have no meaningful fit, each with the name of the defect."""
    y, x = fakes.legs(window)
    flat = np.full(window, 100.0)
    yield "constant x", (y, flat)
    yield "constant y", (flat, x)
    yield "two constant legs", (flat, flat.copy())
    yield "two legs at zero", (np.zeros(window), np.zeros(window))
    yield "identical legs", (x, x.copy())
    yield "opposite legs", (-x, x)
    for n in (0, 1, 2):
        yield f"{n} prices", (y[:n].copy(), x[:n].copy())


def assert_finite(hedge: Hedge, of: str) -> None:
    for name in ("alpha", "beta", "stderr", "r2"):
        value = getattr(hedge, name)
        missing = value is None and name in ("stderr", "r2")
        assert missing or math.isfinite(value), f"of {of} {name} is {value}: return None where there is no answer"
    assert hedge.stderr is None or hedge.stderr >= 0, f"of {of} stderr is {hedge.stderr}"
    assert hedge.r2 is None or hedge.r2 <= 1 + 1e-9, f"of {of} r2 is {hedge.r2}"


CHECKS = (fits_well_behaved_legs, survives_degenerate_legs, fit_keeps_no_state, fit_leaves_its_arguments_alone)
