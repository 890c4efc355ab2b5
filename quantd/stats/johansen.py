"""Johansen's likelihood ratio tests for the number of cointegrating relations between two series, by reduced-rank regression."""

import math
from typing import Literal

import numpy as np
from msgspec import Struct

from quantd.stats import FloatArray
from quantd.stats.legs import SHORTEST, Legs, legs_of
from quantd.stats.reasons import Reason

Deterministic = Literal["n", "rc", "c", "ct"]
"""Deterministic terms of the model: none (n); a constant in the relation alone (rc); an unrestricted constant, so that the legs drift (c);
an unrestricted constant and a trend in the relation alone (ct). These are Johansen's cases I to IV."""
Two = tuple[float, float]

_STATSMODELS: dict[Deterministic, str] = {"n": "n", "rc": "ci", "c": "co", "ct": "coli"}
_DEPENDENT = 1e-10
"""A column depends on those before it if less than this share of its length is left unexplained: the rest is rounding."""

# 5 % critical values of trace and maximum eigenvalue, for no and for at most one relation of two series: J. G. MacKinnon, A. A. Haug and
# L. Michelis (1999), "Numerical distribution functions of likelihood ratio tests for cointegration", Journal of Applied Econometrics 14,
# 563-577, cases I to IV. `benchmarks/critical_values.py` computes them again by simulation.
CRITICAL: dict[Deterministic, tuple[Two, Two]] = {
    "n": ((12.3209, 4.1299), (11.2248, 4.1299)),
    "rc": ((20.2618, 9.1645), (15.8921, 9.1645)),
    "c": ((15.4947, 3.8415), (14.2646, 3.8415)),
    "ct": ((25.8721, 12.5180), (19.3870, 12.5180)),
}


class Johansen(Struct, frozen=True):
    """The likelihood ratios for no and for at most one relation (trace), and for one more (maximum eigenvalue), with their 5 % critical
    values; the number of relations that the trace test finds; and the strongest relation.

    If there is a relation, y - beta * x - alpha reverts to zero. `alpha` is known for the trend `rc` only. `reason` says why there is no
    test, or, beside statistics, why there is no beta.
    """

    trace: Two | None = None
    trace_critical: Two | None = None
    max_eigen: Two | None = None
    max_eigen_critical: Two | None = None
    rank: int | None = None
    beta: float | None = None
    alpha: float | None = None
    reason: Reason | None = None


def shortest(lags: int) -> int:
    """Return the fewest bars for which a test with that many lagged differences exists."""
    return max(SHORTEST, 6 * (lags + 1))


def johansen(y: FloatArray, x: FloatArray, *, trend: Deterministic = "rc", lags: int = 2, log: bool = False) -> Johansen:
    """Test arrays of shape (n,) with `lags` lagged differences in the model of the changes (S. Johansen, 1991, Econometrica 59, 1551-1580;
    1995, Likelihood-Based Inference in Cointegrated Vector Autoregressive Models, ch. 6).

    Changes and levels are regressed on the lagged differences and the unrestricted constant; a restricted constant or trend is added to the
    levels. The statistics follow from the squared canonical correlations of the residuals, which are computed from orthogonal bases of the
    two and not from products of moments. Two lags allow for the bounce of trades between bid and ask. The critical values are the
    asymptotic ones times T / (T - 2 (lags + 1)), where T is the number of observations (G. C. Reinsel and S. K. Ahn, 1992, Journal of Time
    Series Analysis 13, 353-375; Y.-W. Cheung and K. S. Lai, 1993, Oxford Bulletin of Economics and Statistics 55, 313-328).
    """
    legs = legs_of(y, x, trend="ct" if trend == "ct" else "c", least=shortest(lags), log=log)
    if isinstance(legs, str):
        return Johansen(reason=legs)
    levels, origin, size = _levels(legs, trend)
    found = _reduced_rank(levels, trend, lags)
    if found is None:
        return Johansen(reason="undetermined")
    correlations, relation, count = found
    ratios = -count * np.log1p(-(correlations**2))
    trace, max_eigen = (float(ratios.sum()), float(ratios[1])), (float(ratios[0]), float(ratios[1]))
    stretch = count / (count - 2.0 * (lags + 1))
    of_trace, of_max = ((none * stretch, one * stretch) for none, one in CRITICAL[trend])
    rank = 0 if trace[0] < of_trace[0] else 1 + (trace[1] >= of_trace[1])
    alpha, beta = _line(relation, origin, size, legs, trend)
    return Johansen(trace, of_trace, max_eigen, of_max, rank, beta, alpha, "undetermined" if beta is None else None)


def whiteness(y: FloatArray, x: FloatArray, *, trend: Deterministic = "rc", lags: int = 2, log: bool = False) -> float | None:
    """Return the p-value, in [0, 1], of the adjusted portmanteau test that the residuals of the model of `johansen` with one relation are
    white noise.

    The test is that of statsmodels over ten more lags than the model has (H. Lütkepohl, 2005, New Introduction to Multiple Time Series
    Analysis, 8.4). If the p-value is small, the model has too few lags, and its tests find too many relations. None if there is no test.
    The test is slow: do not run it in the data flow.
    """
    legs = legs_of(y, x, trend="ct" if trend == "ct" else "c", least=shortest(lags), log=log)
    if isinstance(legs, str):
        return None
    from statsmodels.tsa.vector_ar.vecm import VECM

    levels = np.linalg.qr(_levels(legs, trend)[0]).Q * math.sqrt(len(y))  # any basis gives the same; this one keeps the digits
    try:
        model = VECM(levels, k_ar_diff=lags, coint_rank=1, deterministic=_STATSMODELS[trend]).fit()
        pvalue = float(model.test_whiteness(nlags=lags + 10, adjusted=True).pvalue)
    except np.linalg.LinAlgError:
        return None
    return pvalue if math.isfinite(pvalue) else None


def _levels(legs: Legs, trend: Deterministic) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the legs (n, 2), less an origin if a constant absorbs it, divided by their sizes; the origin; and the sizes."""
    origin = np.zeros(2) if trend == "n" else np.array([legs.y.mean(), legs.x.mean()])
    levels = np.column_stack([legs.y, legs.x]) - origin
    size = np.abs(levels).max(axis=0)
    return levels / size, origin, size


def _line(
    relation: FloatArray, origin: FloatArray, size: FloatArray, legs: Legs, trend: Deterministic
) -> tuple[float | None, float | None]:
    """Return the alpha (for trend `rc`) and the beta of the relation, which is between the levels less `origin`, divided by `size`. None if
    they leave the range of doubles."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        weights = relation[:2] / size
        slope = -weights[1] / weights[0]
        level = origin[0] - slope * origin[1] - (relation[2] / weights[0] if trend == "rc" else 0.0)
        beta, alpha = float(np.ldexp(slope, legs.of_y - legs.of_x)), float(np.ldexp(level, legs.of_y))
    if not math.isfinite(beta):
        return None, None
    return (alpha if trend == "rc" and math.isfinite(alpha) else None), beta


def _reduced_rank(levels: FloatArray, trend: Deterministic, lags: int) -> tuple[FloatArray, FloatArray, int] | None:
    """Return the two canonical correlations of the changes and levels (n, 2), the weights of the levels and their restricted terms in the
    first correlation, and the number of observations. None if changes or levels depend on one another or on the lags."""
    changes = np.diff(levels, axis=0)
    count = len(changes) - lags
    past = [changes[lags - lag : len(changes) - lag] for lag in range(1, lags + 1)]
    ones, time = np.ones((count, 1)), np.linspace(-1.0, 1.0, count)[:, np.newaxis]
    restricted = {"n": [], "rc": [ones], "c": [], "ct": [time]}[trend]
    free = np.column_stack([*past, *([ones] if trend in ("c", "ct") else []), np.empty((count, 0))])
    basis = _basis(free)
    of_changes, of_levels = (_residual_basis(side, basis) for side in (changes[lags:], np.column_stack([levels[lags:-1], *restricted])))
    if of_changes is None or of_levels is None:
        return None
    _, correlations, weights = np.linalg.svd(of_changes[0].T @ of_levels[0], full_matrices=False)
    if 1.0 - correlations[0] ** 2 <= _DEPENDENT:
        return None  # the residual changes are rounding
    return correlations, np.linalg.solve(of_levels[1], weights[0]), count


def _basis(columns: FloatArray) -> FloatArray:
    """Return an orthonormal basis of the span of the columns (n, k); columns that are zero or depend on others add nothing."""
    sizes = np.linalg.norm(columns, axis=0)
    left, shares, _ = np.linalg.svd(columns[:, sizes > 0.0] / sizes[sizes > 0.0], full_matrices=False)
    return left[:, shares > _DEPENDENT]


def _residual_basis(columns: FloatArray, basis: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Return an orthonormal basis Q of the part of the columns (n, k) that is orthogonal to `basis`, and R of Q @ R; None if it has fewer
    than k dimensions."""
    left = columns - basis @ (basis.T @ columns)
    left -= basis @ (basis.T @ left)
    base, triangle = np.linalg.qr(left)
    known = np.linalg.norm(columns, axis=0)
    return (base, triangle) if (np.abs(triangle.diagonal()) > _DEPENDENT * known).all() else None
