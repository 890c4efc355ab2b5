"""Which bars and points are news: what was told on once is not so again, however often it is made again.

A row under a time that is known takes the next revision if it says something else, and is dropped if it does not, or knows less. From
when on (ms) rows are told of is a matter of the record: what it does not hold and what is newer than its newest row, or than its first
trade, is made up for; where it holds nothing, rows are told of from the bucket on that was open at the start.
"""

from typing import NamedTuple

from msgspec.structs import replace

from quantd.flow.pair import PairStage
from quantd.flow.symbol import SymbolStage
from quantd.flow.watermark import Watermark
from quantd.history.history import History
from quantd.history.store_reader import Span
from quantd.model import DEFINITION, WHOLE, Bar, PairPoint
from quantd.timeframes import timeframe


class Judged(NamedTuple):
    """A bar as it is to be taken from now on, whether it is to be recorded, and whether it is told of."""

    bar: Bar
    recorded: bool
    told: bool


def supersedes(bar: Bar, known: Bar) -> bool:
    """Whether a bar of the same bucket says something else, and does not know less: a kline holds every trade, as a complete bar does."""
    if replace(bar, revision=known.revision) == known:
        return False
    if bar.quality == "imported":
        return known.quality != "complete"
    return bar.quality == "complete" or not (known.quality == "imported" or (bar.quality == "partial" and known.quality in WHOLE))


class News:
    """Knows what one flow has told. Where it is `warm`, what is older than its first event was told by earlier runs."""

    def __init__(self, history: History, watermark: Watermark, *, warm: bool) -> None:
        self._history = history
        self._watermark = watermark
        self._warm = warm

    @property
    def began(self) -> int:
        """When (ms) the flow began; 0 where everything is news."""
        return self._watermark.began if self._warm else 0

    def judged_from(self, every: str) -> int:
        """From when on points are put to the rules: of what closed before the start, the newest one."""
        return _opened(every, _opened(every, self.began) - 1) if self.began else 0

    def measured_from(self, pair: str, every: str) -> int:
        """From when on jobs run: what is recorded has been measured."""
        if not self.began:
            return 0
        recorded = self.recorded(pair, every)
        return recorded[1] + 1 if recorded else _opened(every, self.began)

    def recorded(self, pair: str, every: str) -> Span | None:
        """Times (ms) of the first and the last point that earlier runs have recorded of a pair."""
        return self._history.span("points", pair, every)

    def bar(self, stage: SymbolStage, bar: Bar) -> Judged:
        """What becomes of a bar that was made, or came."""
        known = self._history.recent_bar(bar.symbol, bar.every, bar.ts)
        live = bar.ts >= (stage.joined or self.began) or stage.is_event(bar.every)
        if known is None:
            return Judged(bar, True, live or bar.ts >= self._told_from(stage, bar.every))
        if replace(bar, revision=known.revision) == known or not (live or supersedes(bar, known)):
            return Judged(known, False, bar.ts >= stage.retold_from)
        fresh = replace(bar, revision=max(bar.revision, known.revision + 1))
        return Judged(fresh, True, live or bar.ts >= self._told_from(stage, bar.every))

    def point(self, pair: PairStage, point: PairPoint, *, exact: bool) -> tuple[PairPoint, bool]:
        """The same of a point, which is recorded if it is told of. One that a series makes for the first time, and that is known from an
        earlier run, stays as it is recorded, unless it is `exact`: whether that is right is looked into by itself."""
        known = self._history.recent_point(point.pair, point.every, point.ts)
        if known is None:
            return point, self.tells(pair, point)
        if known.definition < DEFINITION:
            return point, False
        if not (point.revision or exact) or replace(point, revision=known.revision) == known:
            return known, not point.revision and point.ts >= min(pair.y.retold_from, pair.x.retold_from)
        return replace(point, revision=max(point.revision, known.revision + 1)), True

    def is_overtaken(self, point: PairPoint) -> bool:
        """Whether a point that was made beside the flow comes too late: a late trade has re-issued it meanwhile."""
        known = self._history.recent_point(point.pair, point.every, point.ts)
        return known is not None and known.definition == point.definition and known.revision >= point.revision

    def tells(self, pair: PairStage, point: PairPoint) -> bool:
        """Whether a point that is not known is told of: from the first one on, else where the bars of both legs are."""
        if point.ts >= max(self.began, pair.y.joined, pair.x.joined):
            return True
        recorded = self.recorded(point.pair, point.every)
        return point.ts >= (recorded[0] if recorded else max(self._told_from(leg, point.every) for leg in (pair.y, pair.x)))

    def _told_from(self, stage: SymbolStage, every: str) -> int:
        recorded = self._history.span("bars", stage.symbol, every)
        trades = self._history.span("ticks", stage.symbol, "")
        since_trades = _opened(every, trades[0] if trades else stage.joined or self.began)
        return min(recorded[1] + 1, since_trades) if recorded else since_trades


def _opened(every: str, ts: int) -> int:
    """When the bucket opened that holds a moment."""
    return timeframe(every).floor(ts)
