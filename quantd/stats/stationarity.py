"""The augmented Dickey-Fuller test for a unit root, with MacKinnon's p-values."""

import math
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quantd.stats import FloatArray
from quantd.stats.kernels.adf import ILL, NO_TEST, dickey_fuller
from quantd.stats.mackinnon import Trend, mackinnon_pvalue
from quantd.stats.reasons import unfit
from quantd.stats.rolling import FLAT
from quantd.stats.scaling import scaled

Criterion = Literal["aic", "bic"]

ILL_CONDITIONED = 1e-5
"""If less than this share of a column's sum of squares is left unexplained, the normal equations lose more than nine digits, and QR is
used."""

DEPENDENT = 1e-10
"""A column depends on those before it if less than this share of its length is left unexplained: the rest is rounding."""


class Adf(Struct, frozen=True, gc=False):
    """The result of the augmented Dickey-Fuller test: t-statistic of the lagged level, its p-value, number of lagged differences, and
    number of observations in the regression."""

    stat: float
    pvalue: float
    lags: int
    n: int


def adf(
    series: FloatArray, *, trend: Trend = "c", lags: int | None = None, max_lags: int | None = None, criterion: Criterion = "aic"
) -> Adf | None:
    """Test a series of shape (n,) for a unit root.

    `trend` is what the alternative allows: nothing, a constant, or a constant and a linear trend. If `lags` is None, the number of lags
    minimises AIC, or BIC, up to `max_lags`, by default ceil(12 (n/100)^(1/4)) (Schwert 1989); it is chosen on a common sample, and the
    regression is refitted on the longest sample. None if there is no test: too few values for the lags, a flat or non-finite series, a
    perfect or undetermined fit.
    """
    cap = _lag_cap(len(series), trend)
    schwert = math.ceil(12.0 * (len(series) / 100.0) ** 0.25)
    most = lags if lags is not None else min(cap, schwert if max_lags is None else max_lags)
    if not 0 <= most <= cap:
        return None
    copy = np.array(series, dtype=np.float64)
    status, stat, chosen = dickey_fuller(copy, _trends(trend), most, lags is None, criterion == "bic", FLAT, ILL_CONDITIONED)
    if status == NO_TEST:
        return None
    if status == ILL:
        return _by_qr(copy, trend, most, criterion if lags is None else None)
    return Adf(stat=float(stat), pvalue=mackinnon_pvalue(stat, trend), lags=chosen, n=len(series) - 1 - chosen)


def _by_qr(series: FloatArray, trend: Trend, most: int, criterion: Criterion | None) -> Adf | None:
    """Return the test by QR, for columns that are nearly or fully dependent, without those that add nothing. If `criterion` is None, it
    uses `most` lags."""
    if unfit(series, 0):
        return None
    level, _ = scaled(series)
    steps = np.diff(level)
    if trend != "n":
        level = level - level.mean()  # the constant takes the shift up; left in, it would make the columns nearly parallel
    chosen = _least(level, steps, trend, most, criterion) if criterion else most
    return None if chosen is None else _fit(level, steps, trend, chosen)


def _lag_cap(n: int, trend: Trend) -> int:
    """Return the maximum number of lags for n values: the usual bound, reduced so that at least one degree of freedom is left."""
    trends = _trends(trend)
    return min(n // 2 - trends - 1, (n - 3 - trends) // 2)


def _trends(trend: Trend) -> int:
    return {"n": 0, "c": 1, "ct": 2}[trend]


def _least(level: FloatArray, steps: FloatArray, trend: Trend, most: int, criterion: Criterion) -> int | None:
    """Return the number of lags, up to `most`, that minimises the criterion; all fits share one sample and one triangular factor."""
    deterministic, lagged, present, target = _columns(level, steps, trend, most)
    first = len(deterministic) + 1
    factor, kept = _triangle(np.array([*deterministic, present, *lagged, target]))
    if not _has(kept, *range(first), first + most):
        return None
    rss = np.cumsum(factor[-1, ::-1] ** 2)[::-1][first:]
    penalty = math.log(len(target)) if criterion == "bic" else 2.0
    criteria = len(target) * np.log(rss) + penalty * np.arange(len(rss))
    lags = kept[first - 1 : -1] - (first - 1)  # the level is not a lag
    return int(lags[criteria.argmin()])


def _fit(level: FloatArray, steps: FloatArray, trend: Trend, lags: int) -> Adf | None:
    """Return the test with that many lags. The level is the last column, so its t-statistic can be read off the triangular factor."""
    deterministic, lagged, present, target = _columns(level, steps, trend, lags)
    rows = np.array([*deterministic, *lagged, present, target])
    factor, kept = _triangle(rows)
    if not _has(kept, *range(len(deterministic)), len(rows) - 2, len(rows) - 1):
        return None
    freedom = len(target) - (len(kept) - 1)
    signal, noise = float(factor[-1, -2]), float(factor[-1, -1])
    stat = math.copysign(signal, signal * float(factor[-2, -2])) * math.sqrt(freedom) / abs(noise)
    return Adf(stat=stat, pvalue=mackinnon_pvalue(stat, trend), lags=lags, n=len(target))


def _columns(
    level: FloatArray, steps: FloatArray, trend: Trend, lags: int
) -> tuple[list[FloatArray], list[FloatArray], FloatArray, FloatArray]:
    """Return the parts of the regression: trend terms, lagged differences, lagged level, and the difference that they explain."""
    n = len(steps)
    deterministic: list[FloatArray] = [np.ones(n - lags), np.linspace(-1.0, 1.0, n - lags)][: _trends(trend)]
    return deterministic, [steps[lags - i : n - i] for i in range(1, lags + 1)], level[lags:-1], steps[lags:]


def _triangle(rows: FloatArray) -> tuple[FloatArray, NDArray[np.intp]]:
    """Return the lower factor L of rows @ rows.T = L @ L.T, and which rows it keeps: those that do not depend on earlier ones."""
    kept = np.arange(len(rows))
    while True:
        factor = _factor(rows[kept])
        weak = np.flatnonzero(np.abs(factor.diagonal()) <= DEPENDENT * np.sqrt((factor * factor).sum(axis=1)))
        if not len(weak):
            return factor, kept
        kept = np.delete(kept, weak[0])


def _has(kept: NDArray[np.intp], *needed: int) -> bool:
    return set(needed) <= set(kept.tolist())


def _factor(rows: FloatArray) -> FloatArray:
    """Return the lower triangular factor of rows @ rows.T, computed from that product if it is well conditioned, else from the rows
    themselves."""
    gram = rows @ rows.T
    try:
        factor = np.linalg.cholesky(gram).astype(np.float64, copy=False)
    except np.linalg.LinAlgError:
        return np.linalg.qr(rows.T).R.T
    well = factor.diagonal() ** 2 > ILL_CONDITIONED * gram.diagonal()
    return factor if well.all() else np.linalg.qr(rows.T).R.T
