"""The lines of many pairs have the bits of each pair alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quantd.stats import FloatArray
from quantd.stats.columns.hedges import HedgeColumns
from quantd.stats.columns.robust import huber_many
from quantd.stats.robust import huber

KINDS = 10


def legs(seed: int, window: int, pairs: int) -> tuple[FloatArray, FloatArray]:
    """y and x of pairs, of which each is odd in a way of its own: heavy tails, coarse prices, still legs, exact lines, missing values."""
    chance = np.random.default_rng(seed)
    x = 100.0 + chance.normal(size=(window, pairs)).cumsum(axis=0)
    noise = chance.standard_t(chance.choice([1.0, 1.5, 3.0, 30.0], size=pairs), size=(window, pairs))
    y = 2.0 * x + noise * chance.choice([0.01, 1.0, 50.0], size=pairs)
    kind = chance.integers(0, KINDS, size=pairs)
    y[:, kind == 0], x[:, kind == 1] = y[:, kind == 0].round(), x[:, kind == 1].round()
    y[:, kind == 2], x[:, kind == 3] = 5.0, 7.0
    y[:, kind == 4], y[:, kind == 5] = 2.0 * x[:, kind == 4] + 1.0, x[:, kind == 5]
    y[0, kind == 6], x[-1, kind == 7] = np.nan, np.inf
    return y, x


def columns(lines: HedgeColumns) -> list[str]:
    """The bits of each line, as text, in which 0.0 is not -0.0."""
    return [repr(lines.hedge(at)) for at in range(len(lines.known))]


def alone(y: FloatArray, x: FloatArray, epsilon: float) -> list[str]:
    return [repr(huber(y[:, at].copy(), x[:, at].copy(), epsilon)) for at in range(y.shape[1])]


@given(st.integers(0, 10_000), st.integers(2, 70), st.integers(1, 12), st.sampled_from([1.0, 1.35, 3.0]))
def test_each_pair_has_the_bits_that_it_has_alone(seed: int, window: int, pairs: int, epsilon: float) -> None:
    y, x = legs(seed, window, pairs)
    assert columns(huber_many(y, x, epsilon)) == alone(y, x, epsilon)


@given(st.integers(0, 10_000), st.permutations(range(9)), st.integers(1, 9))
def test_neither_order_nor_company_changes_bits(seed: int, order: list[int], some: int) -> None:
    y, x = legs(seed, 30, 9)
    together, chosen = columns(huber_many(y, x)), order[:some]
    assert columns(huber_many(y[:, chosen], x[:, chosen])) == [together[at] for at in chosen]
    assert columns(huber_many(np.asfortranarray(y), x[::-1][::-1])) == together


def test_more_pairs_than_are_computed_at_once() -> None:
    y, x = legs(1, 250, 150)
    assert columns(huber_many(y, x)) == alone(y, x, 1.35)


def test_no_pair_is_no_line() -> None:
    assert columns(huber_many(np.empty((60, 0)), np.empty((60, 0)))) == []


def test_without_small_residuals_there_is_no_stderr() -> None:
    y = np.array([199.93523997229033, 200.4881259413674, 2291.7571140953373])
    x = np.array([101.03379459066275, 100.17424442285653, 99.0514543186339])
    line = huber(y, x, 1.0)
    assert line
    assert line.stderr is None
    assert columns(huber_many(y[:, None], x[:, None], 1.0)) == [repr(line)]
