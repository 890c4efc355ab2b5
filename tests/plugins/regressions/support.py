"""Legs for the tests of regressions."""

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from quantd.model import Hedge
from quantd.stats import FloatArray
from quantd.testing.checks.regressions import Legs, degenerate_legs

scales = st.floats(1e-6, 1e6)
shifts = st.floats(-1e4, 1e4)
seeds = st.integers(0, 10_000)


def legs(seed: int, n: int = 60) -> Legs:
    """y = 1000 + 15 x + noise with heavy tails."""
    rng = np.random.default_rng(seed)
    x = 3000.0 + np.cumsum(rng.normal(0.0, 5.0, n))
    return 1000.0 + 15.0 * x + 20.0 * rng.standard_t(3, n), x


def spoilt(y: FloatArray, seed: int, share: float = 0.15) -> FloatArray:
    """y with some values far off, all on one side."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(len(y)) < share, y + rng.uniform(500.0, 5_000.0, len(y)), y)


def odd_legs(window: int = 20) -> Iterator[tuple[str, Legs]]:
    """Legs that no method answers well, by what is wrong with them; the conformance suite knows more."""
    yield from degenerate_legs(window)
    y, x = legs(1, window)
    for value in (1e9, -1e9, np.nan, np.inf):
        for number, name in enumerate(("y", "x")):
            spike = [y.copy(), x.copy()]
            spike[number][3] = value
            yield f"{value} in {name}", (spike[0], spike[1])
    yield "a line without noise", (2.0 * x + 1.0, x)
    yield "two values of x", (y, np.where(np.arange(window) % 2, 1.0, 2.0))
    yield "one price but for a bar", (y, np.where(np.arange(window) == 5, 101.0, 100.0))
    yield "tiny prices", (y * 1e-9, x * 1e-9)


def present(hedge: Hedge | None) -> Hedge:
    assert hedge is not None
    return hedge
