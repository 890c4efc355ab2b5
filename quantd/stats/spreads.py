"""The unit root test of a displayed spread."""

from msgspec import Struct

from quantd.stats import FloatArray
from quantd.stats.reasons import Reason, unfit_spread
from quantd.stats.stationarity import adf
from quantd.stats.zscore import priced

SHORTEST = 20


class SpreadTest(Struct, frozen=True):
    """The augmented Dickey-Fuller test of a spread over `n` closes; `reason` says why there is none."""

    n: int
    stat: float | None = None
    pvalue: float | None = None
    reason: Reason | None = None


def spread_test(y: FloatArray, x: FloatArray, beta: float, *, log: bool) -> SpreadTest:
    """Test the spread of the closes of both legs, arrays of shape (n,), all priced with one beta; `log` says that they are logarithms."""
    n = len(y)
    if n < SHORTEST:
        return SpreadTest(n, reason="short")
    spread = priced(y, x, beta, log=log).spread
    if reason := unfit_spread(spread, y, x, beta, SHORTEST, log=log):
        return SpreadTest(n, reason=reason)
    found = adf(spread)
    return SpreadTest(n, reason="undetermined") if found is None else SpreadTest(n, found.stat, found.pvalue)
