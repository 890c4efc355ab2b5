"""Stage 3: the bars of two legs become points: hedge ratio, spread, z-score, correlation, and what the pair's jobs compute."""

from collections.abc import Sequence

import msgspec

from quantd.flow.pairs.background import Background, Inline
from quantd.flow.pairs.jobs import Guards
from quantd.flow.pairs.series import PairSeries
from quantd.flow.pairs.spec import PairSpec
from quantd.model import Bar, Hedge, PairPoint

__all__ = ["Background", "Guards", "Inline", "PairSeries", "PairSpec", "analyse"]


def analyse(y_bars: Sequence[Bar], x_bars: Sequence[Bar], spec: PairSpec, guards: Guards) -> list[PairPoint]:
    """Return the points that a live pair of the same spec would make from these bars. A recursive regression starts with the first bar.

    A symbol with itself is perfectly hedged by definition: beta 1, spread 0, z-score 0, corr 1.
    """
    points = PairSeries(spec, guards, reopen=0).add(y_bars, x_bars)
    if y_bars and x_bars and y_bars[0].symbol == x_bars[0].symbol:
        hedge = Hedge(alpha=0.0, beta=1.0, n=spec.regression.window, stderr=0.0, r2=1.0)
        return [
            msgspec.structs.replace(
                point, hedge=hedge, spread=0.0, zscore=0.0, corr=1.0, reason=None, spread_mean=0.0, spread_std=0.0, corr_returns=1.0
            )
            for point in points
        ]
    return points
