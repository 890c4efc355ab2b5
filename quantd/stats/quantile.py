"""Exact quantile regression on one variable."""

import numpy as np

from quantd.model import Hedge
from quantd.stats import FloatArray
from quantd.stats.regression import ols_fit

ON_THE_LINE = 1e-11
"""Residuals up to this fraction of the largest one are rounding: the point lies on the line."""
GAIN = 1e-12
"""A decrease of the loss by less than this fraction is rounding."""


def quantile(y: FloatArray, x: FloatArray, tau: float = 0.5) -> Hedge | None:
    """Return the line that minimises sum(residual * (tau - (residual < 0))), 0 < tau < 1, for arrays of shape (n,). A share of about `tau`
    of the points lies below it; 0.5 gives least absolute deviations (R. Koenker and G. Bassett, 1978, Econometrica 46, 33-50).

    An optimal line passes through two points. The search starts at the point that least squares puts at the quantile. It turns the line
    about a point on it to the weighted quantile of the slopes from there (G. O. Wesolowsky, 1981, Communications in Statistics B10,
    479-491), as long as turning about some point reduces the loss. `stderr` is None: it needs the density of the residuals at the quantile,
    which a window does not tell. `r2` is None, because the line does not minimise squares. None if `ols_fit` has no line.
    """
    start = ols_fit(y, x)
    if start is None:
        return None
    residuals = y - start.alpha - start.beta * x
    pivot = int(np.argsort(residuals)[round(tau * (len(y) - 1))])
    beta = _turned(y, x, pivot, tau)
    loss = _loss(y, x, pivot, beta, tau)
    while loss > 0.0:
        turns = [(_loss(y, x, at, slope, tau), at, slope) for at, slope in _turns(y, x, pivot, beta, tau)]
        least, at, slope = min(turns, default=(loss, pivot, beta))
        if least >= loss * (1.0 - GAIN):
            break
        loss, pivot, beta = least, at, slope
    return Hedge(alpha=float(y[pivot] - beta * x[pivot]), beta=beta, n=len(y))


def _turns(y: FloatArray, x: FloatArray, pivot: int, beta: float, tau: float) -> list[tuple[int, float]]:
    """Return the other points on the line, one for each x, with the best slope about each of them. About the pivot the best slope is the
    line's own."""
    sizes = np.abs(_residuals(y, x, pivot, beta))
    on_it = np.flatnonzero(sizes <= ON_THE_LINE * sizes.max())
    _, first = np.unique(x[on_it], return_index=True)
    return [(at, _turned(y, x, at, tau)) for at in on_it[first].tolist() if at != pivot]


def _turned(y: FloatArray, x: FloatArray, pivot: int, tau: float) -> float:
    """Return the slope of the best line through a point: the slope to another point at which the loss begins to rise."""
    dx = x - x[pivot]
    others = dx != 0.0
    dx = dx[others]
    slopes = (y[others] - y[pivot]) / dx
    order = np.argsort(slopes)
    falls = float(np.where(dx > 0.0, tau * dx, (tau - 1.0) * dx).sum())
    rises = np.cumsum(np.abs(dx[order]))
    return float(slopes[order[min(int(np.searchsorted(rises, falls)), len(order) - 1)]])


def _residuals(y: FloatArray, x: FloatArray, pivot: int, beta: float) -> FloatArray:
    residuals: FloatArray = y - y[pivot] - beta * (x - x[pivot])
    return residuals


def _loss(y: FloatArray, x: FloatArray, pivot: int, beta: float, tau: float) -> float:
    residuals = _residuals(y, x, pivot, beta)
    return float(np.maximum(tau * residuals, (tau - 1.0) * residuals).sum())
