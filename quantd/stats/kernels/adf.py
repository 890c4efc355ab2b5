"""The augmented Dickey-Fuller regression by nested Cholesky factors, in one pass over the series.

These loops are for the compiler; the interpreter runs those of `adf_arrays`.
"""

import math

import numpy as np

from quantd.stats import FloatArray
from quantd.stats.kernels import adf_arrays, kernel

OK, NO_TEST, ILL = 0, 1, 2
"""Status of a result: computed; no test possible; normal equations too ill-conditioned."""


@kernel("void(float64[::1], float64[::1], int64, int64, float64[:, ::1])")
def _products(level: FloatArray, back: FloatArray, lags: int, trends: int, sums: FloatArray) -> None:
    """Fill sums[:, i] with the products of the difference i steps back with the difference, the level, 1 and time; the last column holds
    those of the level and of time. `back` holds the differences, newest first, so that the inner loop reads forward and can be
    vectorised."""
    n, last = len(back), lags + 1
    with_now, with_level, with_one, with_time = sums[0], sums[1], sums[2], sums[3]
    slope = 2.0 / max(n - lags - 1, 1)
    for t in range(lags, n):
        start = n - 1 - t
        now, before = back[start], level[t]
        for i in range(lags + 1):
            then = back[start + i]
            with_now[i] += now * then
            with_level[i] += before * then
            with_one[i] += then
        with_now[last] += before * before
        with_level[last] += before
    if trends > 1:
        for t in range(lags, n):
            time = slope * (t - lags) - 1.0
            for i in range(lags + 1):
                with_time[i] += time * back[n - 1 - t + i]
            with_one[last] += time * level[t]
            with_time[last] += time * time
            sums[4, last] += time


@kernel("void(float64[::1], int64, int64, int64, float64[:, ::1], float64[:, ::1])")
def _gram(back: FloatArray, lags: int, trends: int, at: int, sums: FloatArray, gram: FloatArray) -> None:
    """Fill the lower half of the Gram matrix of all columns: trend terms, lagged differences from one step back, and the target; the level
    is column `at`."""
    n, target, last = len(back), trends + lags + 1, lags + 1
    first = trends if at > trends else trends + 1
    if trends > 0:
        gram[0, 0] = n - lags
        gram[at, 0], gram[target, 0] = sums[1, last], sums[2, 0]
    if trends > 1:
        gram[1, 0], gram[1, 1] = sums[4, last], sums[3, last]
        gram[at, 1], gram[target, 1] = sums[2, last], sums[3, 0]
    gram[at, at] = sums[0, last]
    gram[target, at], gram[target, target] = sums[1, 0], sums[0, 0]
    for i in range(1, lags + 1):
        row = first + i - 1
        if trends > 0:
            gram[row, 0] = sums[2, i]
        if trends > 1:
            gram[row, 1] = sums[3, i]
        gram[max(row, at), min(row, at)] = sums[1, i]
        gram[target, row] = sums[0, i]
        for j in range(1, i + 1):
            before = sums[0, i - 1] if j == 1 else gram[row - 1, first + j - 2]
            gram[row, first + j - 1] = before + back[n - 1 - lags + i] * back[n - 1 - lags + j] - back[i - 1] * back[j - 1]


@kernel("float64(float64[:, ::1])")
def _cholesky(matrix: FloatArray) -> float:
    """Replace the lower half by its Cholesky factor. Return the smallest share of a diagonal element that the previous columns leave
    unexplained, or 0."""
    least = 1.0
    for i in range(len(matrix)):
        whole = matrix[i, i]
        for j in range(i + 1):
            rest = matrix[i, j]
            for k in range(j):
                rest -= matrix[i, k] * matrix[j, k]
            if j < i:
                matrix[i, j] = rest / matrix[j, j]
            elif rest <= 0.0:
                return 0.0
            else:
                least = min(least, rest / whole)
                matrix[i, i] = math.sqrt(rest)
    return least


@kernel("float64(float64[::1], float64[::1], int64, int64, int64, float64[:, ::1])", interpreted=adf_arrays.factor)
def _factor(level: FloatArray, back: FloatArray, lags: int, trends: int, at: int, matrix: FloatArray) -> float:
    sums = np.zeros((5, lags + 2))
    _products(level, back, lags, trends, sums)
    _gram(back, lags, trends, at, sums, matrix)
    return _cholesky(matrix)


@kernel("int64(float64[:, ::1], int64, int64, int64, boolean)", interpreted=adf_arrays.least)
def _least(matrix: FloatArray, trends: int, most: int, n: int, bic: bool) -> int:
    """Return the number of lags that minimises the criterion, from the last row of the factor."""
    target = trends + most + 1
    rss, best, chosen = 0.0, math.inf, 0
    for left in range(most + 1):
        lags = most - left
        rss += matrix[target, target - left] * matrix[target, target - left]
        criterion = n * math.log(rss) + (math.log(n) if bic else 2.0) * lags
        if criterion <= best:
            best, chosen = criterion, lags
    return chosen


@kernel("boolean(float64[::1], float64, int64, float64[::1], float64[::1])", interpreted=adf_arrays.prepare)
def _prepare(series: FloatArray, flat: float, trends: int, level: FloatArray, back: FloatArray) -> bool:
    """Fill `level` with the levels, divided by a power of two, which rounds nothing and keeps squares from overflowing, and less their mean
    if a constant absorbs it; fill `back` with their differences, newest first. Return False if they do not move by more than `flat` of
    their size or are not finite."""
    low, high, n = math.inf, -math.inf, len(series)
    for t in range(n):
        if not math.isfinite(series[t]):
            return False
        low, high = min(low, series[t]), max(high, series[t])
    peak = max(abs(low), abs(high))
    if high - low <= flat * peak:
        return False
    unit = -math.frexp(peak)[1]
    mean = 0.0
    for t in range(n):
        level[t] = math.ldexp(series[t], unit)
        mean += level[t] / n
    for t in range(1, n):
        back[n - 1 - t] = level[t] - level[t - 1]
    if trends > 0:
        for t in range(n):
            level[t] -= mean
    return True


@kernel("Tuple((int64, float64, int64))(float64[::1], int64, int64, boolean, boolean, float64, float64)")
def dickey_fuller(series: FloatArray, trends: int, most: int, search: bool, bic: bool, flat: float, ill: float) -> tuple[int, float, int]:
    """Return the status, the t-statistic of the lagged level, and the number of lags: the one up to `most` that minimises AIC, or BIC, if
    `search` is set, else `most`.

    `trends` is 0, 1 (a constant) or 2 (a constant and a trend). The status is NO_TEST for a series (n,) that is not finite or moves by no
    more than `flat` of its size, and ILL if the previous columns leave no more than `ill` of a column unexplained.
    """
    level, back = np.empty(len(series)), np.empty(len(series) - 1)
    if not _prepare(series, flat, trends, level, back):
        return NO_TEST, 0.0, 0
    lags = most
    if search:
        matrix = np.zeros((trends + most + 2, trends + most + 2))
        if _factor(level, back, most, trends, trends, matrix) <= ill:
            return ILL, 0.0, 0
        lags = _least(matrix, trends, most, len(back) - most, bic)
    matrix = np.zeros((trends + lags + 2, trends + lags + 2))
    if _factor(level, back, lags, trends, trends + lags, matrix) <= ill:
        return ILL, 0.0, 0
    target = trends + lags + 1
    freedom = len(back) - lags - target
    return OK, matrix[target, target - 1] * math.sqrt(freedom) / matrix[target, target], lags
