"""Decides which bars and points are news. A row that has been published is not published again, however often it is made again.

If a row of that time is known, a row that differs gets the next revision; a row that is equal, or holds less, is dropped. The record
determines from which time (ms) on rows are published: rows that it lacks and that are newer than its newest row, or than its first trade,
are published late. If it holds nothing, publishing starts with the bucket that was open at the start.
"""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from quantd.columns.points import PointColumns
from quantd.flow.pair import PairStage
from quantd.flow.symbol import SymbolStage
from quantd.flow.watermark import Watermark
from quantd.history.history import History
from quantd.history.store_reader import Span
from quantd.model import DEFINITION, WHOLE, Bar, PairPoint
from quantd.timeframes import timeframe


class Judged(NamedTuple):
    """A bar in its valid form, whether it is to be recorded, and whether it is to be published."""

    bar: Bar
    recorded: bool
    told: bool


def supersedes(bar: Bar, known: Bar) -> bool:
    """Return whether a bar differs from the known one of its bucket and does not hold less. A kline holds every trade, as a complete bar
    does."""
    if replace(bar, revision=known.revision) == known:
        return False
    if bar.quality == "imported":
        return known.quality != "complete"
    return bar.quality == "complete" or not (known.quality == "imported" or (bar.quality == "partial" and known.quality in WHOLE))


class News:
    """Knows what one flow has published. If it is `warm`, earlier runs have published what is older than its first event."""

    def __init__(self, history: History, watermark: Watermark, *, warm: bool) -> None:
        self._history = history
        self._watermark = watermark
        self._warm = warm

    @property
    def began(self) -> int:
        """The time (ms) at which the flow began; 0 if everything is news."""
        return self._watermark.began if self._warm else 0

    def judged_from(self, every: str) -> int:
        """Return the time (ms) from which on points are judged by rules. Of the bars that closed before the start, only the newest is
        judged."""
        return _opened(every, _opened(every, self.began) - 1) if self.began else 0

    def measured_from(self, pair: str, every: str) -> int:
        """Return the time (ms) from which on jobs run: recorded points already have their metrics."""
        if not self.began:
            return 0
        recorded = self.recorded(pair, every)
        return recorded[1] + 1 if recorded else _opened(every, self.began)

    def recorded(self, pair: str, every: str) -> Span | None:
        """Return the times (ms) of the first and the last point of a pair that earlier runs recorded; None without any."""
        return self._history.span("points", pair, every)

    def bar(self, stage: SymbolStage, bar: Bar) -> Judged:
        """Decide about a bar that was made or received."""
        known = self._history.recent_bar(bar.symbol, bar.every, bar.ts)
        live = bar.ts >= (stage.joined or self.began) or stage.is_event(bar.every)
        if known is None:
            return Judged(bar, True, live or bar.ts >= self._told_from(stage, bar.every))
        if replace(bar, revision=known.revision) == known or not (live or supersedes(bar, known)):
            return Judged(known, False, bar.ts >= stage.retold_from)
        fresh = replace(bar, revision=max(bar.revision, known.revision + 1))
        return Judged(fresh, True, live or bar.ts >= self._told_from(stage, bar.every))

    def is_outdated(self, bar: Bar) -> bool:
        """Return whether memory has a later revision of a bar."""
        known = self._history.recent_bar(bar.symbol, bar.every, bar.ts)
        return known is not None and known.revision > bar.revision

    def point(self, pair: PairStage, point: PairPoint, *, exact: bool) -> tuple[PairPoint, bool]:
        """Decide about a point: return its valid form, and whether it is to be published and recorded. A point that an earlier run recorded
        stays as it is when a series makes it for the first time, unless `exact`; a separate check verifies it."""
        known = self._history.recent_point(point.pair, point.every, point.ts)
        if known is None:
            return point, self.tells(pair, point)
        if known.definition < DEFINITION:
            return point, False
        if not (point.revision or exact) or _same(point, known):
            return known, not point.revision and point.ts >= min(pair.y.retold_from, pair.x.retold_from)
        return replace(point, revision=max(point.revision, known.revision + 1)), True

    def is_all(self, pairs: Sequence[PairStage], batch: PointColumns) -> bool:
        """Return whether all points of a bar that has just closed are news: no earlier run can have made them, and none is known."""
        if batch.ts < self.began or any(batch.ts < pair.y.joined or batch.ts < pair.x.joined for pair in pairs):
            return False
        return not self._history.known_points_at(batch).any()

    def is_overtaken(self, point: PairPoint) -> bool:
        """Return whether a point that was made beside the flow comes too late, because a late trade has re-issued it meanwhile."""
        known = self._history.recent_point(point.pair, point.every, point.ts)
        return known is not None and known.definition == point.definition and known.revision >= point.revision

    def tells(self, pair: PairStage, point: PairPoint) -> bool:
        """Return whether an unknown point is to be published: from the first recorded point on, otherwise from where the bars of both legs
        are."""
        if point.ts >= max(self.began, pair.y.joined, pair.x.joined):
            return True
        recorded = self.recorded(point.pair, point.every)
        return point.ts >= (recorded[0] if recorded else max(self._told_from(leg, point.every) for leg in (pair.y, pair.x)))

    def _told_from(self, stage: SymbolStage, every: str) -> int:
        recorded = self._history.span("bars", stage.symbol, every)
        trades = self._history.span("ticks", stage.symbol, "")
        since_trades = _opened(every, trades[0] if trades else stage.joined or self.began)
        return min(recorded[1] + 1, since_trades) if recorded else since_trades


def _same(point: PairPoint, known: PairPoint) -> bool:
    """Return whether a point says what the known one of its bar says. Its state is compared if memory has that of the known one."""
    state = None if known.state is None else point.state
    return replace(point, revision=known.revision, state=state) == known


def _opened(every: str, ts: int) -> int:
    """Return the open time (ms) of the bucket that holds `ts`."""
    return timeframe(every).floor(ts)
