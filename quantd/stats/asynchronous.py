"""Correlation and lead-lag of two series that tick at different times, computed without bars or interpolation."""

import math
from typing import Literal

import numpy as np
from msgspec import Struct

from quantd.stats import FloatArray

Reason = Literal["few ticks", "flat", "not finite", "apart"]
_FEWEST = 20


class LeadLag(Struct, frozen=True):
    """The lead-lag curve of two series, and what follows from it.

    `curve` (k,) holds the correlation of y with x moved by each of `lags` (k,), in the unit of the times; a positive lag compares x now
    with y later. `lag` is the lag at which the curve is largest in absolute value: x leads if it is above 0, y leads if it is below.
    `ratio` is the sum of squares at positive lags over the sum at negative lags. `reason` says why there is no result.
    """

    lags: FloatArray
    curve: FloatArray
    correlation: float | None = None
    lag: float | None = None
    ratio: float | None = None
    reason: Reason | None = None


def lead_lag(y_ts: FloatArray, y: FloatArray, x_ts: FloatArray, x: FloatArray, lags: FloatArray) -> LeadLag:
    """Return the lead-lag curve of two price series (M. Hoffmann, M. Rosenbaum and N. Yoshida, 2013, Bernoulli 19, 426-461).

    Times, (n,) and (m,), must not descend; prices must be positive. At lag 0 the value is the correlation of T. Hayashi and N. Yoshida
    (2005, Bernoulli 11, 359-379). The last of several prices with the same time counts. The estimate may exceed 1 by chance and is then
    clipped to 1. The ratio is that of N. Huth and F. Abergel (2014, Journal of Empirical Finance 26, 41-58).
    """
    none = np.zeros(0)
    one, other = _returns(y_ts, y), _returns(x_ts, x)
    if isinstance(one, str):
        return LeadLag(none, none, reason=one)
    if isinstance(other, str):
        return LeadLag(none, none, reason=other)
    (of_y, y_times), (of_x, x_times) = one, other
    if y_times[-1] <= x_times[0] or x_times[-1] <= y_times[0]:
        return LeadLag(none, none, reason="apart")
    scale = math.sqrt(float(of_y @ of_y) * float(of_x @ of_x))
    shared = np.array([hayashi_yoshida(y_times, of_y, x_times + lag, of_x) for lag in [0.0, *lags.tolist()]]) / scale
    curve = np.clip(shared[1:], -1.0, 1.0)
    largest = int(np.abs(shared[1:]).argmax()) if len(curve) else None
    ahead, behind = (float((curve[side] ** 2).sum()) for side in (lags > 0.0, lags < 0.0))
    return LeadLag(
        lags,
        curve,
        correlation=float(np.clip(shared[0], -1.0, 1.0)),
        lag=None if largest is None else float(lags[largest]),
        ratio=ahead / behind if behind > 0.0 else None,
    )


def hayashi_yoshida(y_times: FloatArray, of_y: FloatArray, x_times: FloatArray, of_x: FloatArray) -> float:
    """Return the sum of the products of all pairs of returns whose intervals (times[i], times[i + 1]] overlap: the covariance over the
    whole period.

    Times ascend and have the shapes (n + 1,) and (m + 1,); returns have the shapes (n,) and (m,). The cost is O((n + m) log m).
    """
    sums = np.concatenate([[0.0], np.cumsum(of_x)])
    first = np.searchsorted(x_times[1:], y_times[:-1], side="right")
    behind = np.searchsorted(x_times[:-1], y_times[1:], side="left")
    return float(of_y @ (sums[np.maximum(behind, first)] - sums[first]))


def _returns(ts: FloatArray, prices: FloatArray) -> tuple[FloatArray, FloatArray] | Reason:
    """Return the log returns between distinct times, (n - 1,), and these times, (n,)."""
    if len(ts) and not (np.isfinite(prices).all() and prices.min() > 0.0):
        return "not finite"
    last = np.append(ts[1:] != ts[:-1], True) if len(ts) else np.zeros(0, bool)
    times = ts[last].astype(np.float64)
    if len(times) < _FEWEST:
        return "few ticks"
    returns = np.diff(np.log(prices[last]))
    return (returns, times) if returns.any() else "flat"
