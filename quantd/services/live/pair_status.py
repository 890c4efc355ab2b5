"""The status of a pair, which exists before there are numbers."""

from quantd.flow.pair import PairStage
from quantd.flow.pairs import PairSeries
from quantd.model import PairPoint
from quantd.services.analytics import PairStatus


def pair_statuses(pair: PairStage) -> list[PairStatus]:
    """Return the status of a pair on each of its timeframes."""
    points = {point.every: point for point in pair.nowcasts()}
    return [_status(pair, series, points.get(series.spec.every)) for series in pair.series]


def _status(pair: PairStage, series: PairSeries, point: PairPoint | None) -> PairStatus:
    spec = series.spec
    return PairStatus(
        pair=spec.pair,
        every=spec.every,
        ts=max((leg.last.ts for leg in (pair.y, pair.x) if leg.last), default=None),
        bars=min(series.bars or 0, spec.bars_needed),
        needed=spec.bars_needed,
        point=point,
        reason=point.reason if point else _lack(pair, series),
    )


def _lack(pair: PairStage, series: PairSeries) -> str:
    """Return the reason why a series has no point."""
    if absent := pair.y.absent or pair.x.absent:
        return absent
    if not (pair.y.ready and pair.x.ready):
        return "warming"
    if series.bars is None:
        return "no bars"
    if series.bars < series.spec.regression.window:
        return "warming"
    return "no hedge" if pair.y.last and pair.x.last else "no trades"
