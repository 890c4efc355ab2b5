"""Least-squares lines and correlations of many pairs from their centred sums, with the same bits as for a single pair."""

from collections.abc import Mapping

import numpy as np

from quantd.stats import FloatArray
from quantd.stats.columns.hedges import HedgeColumns
from quantd.stats.columns.moments import Mask, MomentsColumns, still


def ols(sums: MomentsColumns) -> HedgeColumns:
    """Return the lines of `quantd.stats.regression.ols`."""
    n, sxx, syy, sxy = sums.n, sums.sxx, sums.syy, sums.sxy
    with np.errstate(all="ignore"):
        beta = sxy / sxx
        rss = syy - beta * sxy
        rss = np.where(rss < 0.0, 0.0, rss)
        stderr = np.sqrt(rss / (n - 2) / sxx) if n > 2 else np.full(len(beta), np.nan)
        return _hedges(sums, beta, ~still(n, sums.mean_x, sxx), stderr=stderr, r2=_share_explained(sums, rss))


def ridge(sums: MomentsColumns, penalty: float) -> HedgeColumns:
    """Return the lines of `quantd.stats.ridge.ridge`."""
    sxx, syy, sxy = sums.sxx, sums.syy, sums.sxy
    with np.errstate(all="ignore"):
        beta = sxy / (sxx * (1.0 + penalty))
        rss = syy - beta * (2.0 * sxy - beta * sxx)
        return _hedges(sums, beta, ~still(sums.n, sums.mean_x, sxx), r2=_share_explained(sums, np.where(rss > 0.0, rss, 0.0)))


def given(sums: MomentsColumns, alpha: float, beta: float) -> HedgeColumns:
    """Return one line for all pairs."""
    size = len(sums.syy)
    return hedge_columns(np.full(size, alpha), np.full(size, beta), sums.n, np.ones(size, bool), {})


def pearson(sums: MomentsColumns) -> FloatArray:
    """Return the correlations of `quantd.stats.regression.pearson`; NaN where there is none."""
    n, syy, sxx = sums.n, sums.syy, sums.sxx
    with np.errstate(all="ignore"):
        corr = sums.sxy / sxx * np.sqrt(sxx / syy)
        corr = np.where(corr < -1.0, -1.0, np.where(corr > 1.0, 1.0, corr))
        return np.where(still(n, sums.mean_y, syy) | still(n, sums.mean_x, sxx), np.nan, corr)


def hedge_columns(alpha: FloatArray, beta: FloatArray, n: int, known: Mask, given: Mapping[str, FloatArray]) -> HedgeColumns:
    """Return hedges over n bars each with these columns; the others have no values, and each weight is 1."""
    size = len(beta)
    columns = {name: np.full(size, np.nan) for name in ("stderr", "r2", "innovation", "innovation_std") if name not in given}
    return HedgeColumns(alpha=alpha, beta=beta, n=np.full(size, n), known=known, weight=np.ones(size), **columns, **given)


def _share_explained(sums: MomentsColumns, rss: FloatArray) -> FloatArray:
    return np.where(still(sums.n, sums.mean_y, sums.syy), np.nan, 1.0 - rss / sums.syy)


def _hedges(sums: MomentsColumns, beta: FloatArray, known: Mask, **given: FloatArray) -> HedgeColumns:
    return hedge_columns(sums.mean_y - beta * sums.mean_x, beta, sums.n, known, given)
