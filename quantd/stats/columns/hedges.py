"""Hedges of many pairs as one array per number."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from quantd.model import Hedge
from quantd.stats import FloatArray, IntArray

_NONE = (math.nan,) * 7


class HedgeColumns(msgspec.Struct, frozen=True):
    """Hedges of P pairs. Each array has the shape (P,) and holds the number of the same name of `Hedge`; NaN stands for None."""

    alpha: FloatArray
    beta: FloatArray
    stderr: FloatArray
    r2: FloatArray
    innovation: FloatArray
    innovation_std: FloatArray
    weight: FloatArray
    n: IntArray
    known: NDArray[np.bool_]
    """False where there is no hedge; the other numbers of that pair mean nothing then."""

    def hedge(self, at: int) -> Hedge | None:
        """Return one pair's hedge; `at` is its place in the arrays."""
        if not self.known[at]:
            return None
        stderr, r2 = _or_none(self.stderr[at]), _or_none(self.r2[at])
        innovation, innovation_std = _or_none(self.innovation[at]), _or_none(self.innovation_std[at])
        weight = float(self.weight[at])
        return Hedge(float(self.alpha[at]), float(self.beta[at]), int(self.n[at]), stderr, r2, innovation, innovation_std, weight)


def of_hedges(hedges: Sequence[Hedge | None]) -> HedgeColumns:
    """Return these hedges as columns."""
    rows = [_numbers(hedge) if hedge else _NONE for hedge in hedges]
    alpha, beta, stderr, r2, innovation, innovation_std, weight = np.array(rows, np.float64).reshape(len(rows), len(_NONE)).T.copy()
    counts = np.array([hedge.n if hedge else 0 for hedge in hedges], np.int64)
    known = np.array([hedge is not None for hedge in hedges], bool)
    return HedgeColumns(alpha, beta, stderr, r2, innovation, innovation_std, weight, counts, known)


def _numbers(hedge: Hedge) -> tuple[float | None, ...]:
    return hedge.alpha, hedge.beta, hedge.stderr, hedge.r2, hedge.innovation, hedge.innovation_std, hedge.weight


def _or_none(number: float) -> float | None:
    return None if math.isnan(number) else float(number)
