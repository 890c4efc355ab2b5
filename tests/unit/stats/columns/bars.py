"""Made bars of many pairs that go through everything a recursion treats specially."""

from typing import NamedTuple

import numpy as np

from quantd.stats import FloatArray, IntArray

Chance = np.random.Generator


class Bars(NamedTuple):
    """Prices of the shape (bars, pairs)."""

    y: FloatArray
    x: FloatArray


def bars(chance: Chance, length: int, pairs: int, *, log: bool = False) -> Bars:
    """Random walks of prices from tiny to huge, with outliers, jumps of x, breaks, several bad bars in a row, and stretches
    in which one of the legs is flat."""
    shape = length, pairs
    scale = 10.0 ** chance.uniform(-7.0, 7.0, pairs) if chance.random() < 0.5 else np.full(pairs, 100.0)
    step, noise = 10.0 ** chance.uniform((-5.0, -5.0), (-1.0, -3.0), (pairs, 2)).T
    x = np.exp((step * chance.normal(size=shape)).cumsum(axis=0))
    y = (1.0 + chance.uniform(0.1, 2.0, pairs) * x) * (1.0 + noise * chance.normal(size=shape))
    y *= np.exp((0.03 * chance.normal(size=shape) * (chance.random(shape) < 0.02)).cumsum(axis=0))
    x *= np.exp((0.03 * chance.normal(size=shape) * (chance.random(shape) < 0.01)).cumsum(axis=0))
    y *= np.where(chance.random(shape) < 0.03, 1.0 + 0.05 * chance.normal(size=shape), 1.0)
    x *= np.where(chance.random(shape) < 0.02, 1.0 + 0.05 * chance.normal(size=shape), 1.0)
    for p, begin in enumerate(chance.integers(20, length, pairs).tolist()):
        leg = (y, x)[int(chance.integers(2))]
        leg[begin : begin + 9, p] *= 1.0 + 0.04 * chance.random(len(leg[begin : begin + 9]))
    y, x = np.round(y, 5) * scale, x * scale
    for leg in (y, x):
        flat = chance.random(pairs) < 0.2
        begin = int(chance.integers(length))
        leg[begin : begin + 30, flat] = leg[begin, flat]
    return Bars(np.log(y), np.log(x)) if log else Bars(y, x)


def some(chance: Chance, count: int) -> IntArray:
    """Some of so many columns, in any order; often all of them in theirs."""
    every = np.arange(count)
    kind = chance.random()
    if kind < 0.4:
        return every
    if kind < 0.6:
        begin, end = sorted(chance.integers(0, count + 1, 2))
        return every[begin:end]
    return chance.permutation(every)[: int(chance.integers(0, count + 1))]
