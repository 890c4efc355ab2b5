"""What has closed or changed goes to the history, the record, exports and listeners, and on to the pairs and the alerts."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from quantd.flow.pairs import Background
from quantd.flow.pipeline.outlets import Outlets
from quantd.flow.pipeline.pair import PairStage
from quantd.flow.pipeline.rebuild import points_again
from quantd.flow.pipeline.symbol import SymbolStage
from quantd.model import Bar, PairPoint


class Delivery:
    """Of one flow: `pairs` are its pairs, `began` is from when on (ms) bars are news."""

    def __init__(self, outlets: Outlets, background: Background) -> None:
        self.pairs: list[PairStage] = []
        self.began = 0
        self._outlets = outlets
        self._background = background

    def bars(self, closed: Sequence[tuple[SymbolStage, list[Bar]]], *, imported: bool = False) -> None:
        """Bars to the history and on to the pairs; to the record, unless they were imported; and what is not from before the start to
        exports and listeners."""
        if not imported:
            closed = [(stage, [self._numbered(bar) for bar in bars]) for stage, bars in closed]
        for stage, bars in closed:
            self._outlets.history.put_bars(bars)
            if self._outlets.recorder and not imported:
                self._outlets.recorder.bars(bars)
            self._tell(stage, [bar for bar in bars if bar.ts >= self.began])
        self._on_to_pairs(closed)

    async def again(self, stage: SymbolStage, bars: list[Bar]) -> None:
        """Bars that were made anew, however old, to everyone; those that the pairs hold no more change their points all the same."""
        outlets = self._outlets
        async with outlets.remaking:
            outlets.history.amend(bars)
            self._tell(stage, bars)
            if outlets.recorder:
                outlets.recorder.bars(bars)
                await outlets.recorder.write()
            self._on_to_pairs([(stage, bars)])
            for pair in [pair for pair in self.pairs if stage in (pair.y, pair.x)]:
                await self._points_again(pair, bars)

    async def _points_again(self, pair: PairStage, bars: list[Bar]) -> None:
        history = self._outlets.history
        for series in pair.series:
            if points := await points_again(series, history, (pair.y.symbol, pair.x.symbol), bars):
                history.amend(points)
                self._announce(pair, points)

    def books(self, stage: SymbolStage, watermark: int) -> None:
        """The book bars that end up to the watermark (ms) to the history and listeners."""
        if stage.book and (bars := stage.book.close(watermark)):
            self._outlets.history.put_books(bars)
            self._outlets.hub.publish("books", bars)

    def findings(self) -> None:
        """What slow jobs have found since the last batch joins its points."""
        if self._background.deliver():
            for pair in self.pairs:
                if points := pair.arrived():
                    self._publish(pair, points, late=True)

    def between_closes(self) -> None:
        """Judge the live rules on the last prices, and tell the now-casts to whoever listens."""
        outlets = self._outlets
        if not (outlets.alerts.live or outlets.hub.wants("nowcasts")):
            return
        points = [point for pair in self.pairs for point in pair.nowcasts()]
        outlets.hub.publish("nowcasts", points)
        outlets.tell(outlets.alerts.judge_now(points))

    def _numbered(self, bar: Bar) -> Bar:
        """A bar under the revision that follows what is known of it, be it from an earlier run or made anew meanwhile."""
        known = self._outlets.history.recent_bar(bar.symbol, bar.every, bar.ts)
        if known is None or known.quality == "imported" or known.revision < bar.revision:
            return bar
        same = msgspec.structs.replace(bar, revision=known.revision) == known
        return known if same else msgspec.structs.replace(bar, revision=known.revision + 1)

    def _tell(self, stage: SymbolStage, bars: list[Bar]) -> None:
        stage.bars_made += sum(not bar.revision for bar in bars)
        stage.exports.write("bars", bars)
        self._outlets.hub.publish("bars", bars)

    def _on_to_pairs(self, closed: Sequence[tuple[SymbolStage, list[Bar]]]) -> None:
        by_series: dict[tuple[SymbolStage, str], list[Bar]] = defaultdict(list)
        for stage, bars in closed:
            for bar in bars:
                by_series[stage, bar.every].append(bar)
        for pair in self.pairs if by_series else ():
            self._publish(pair, pair.add(by_series, self.began))

    def _publish(self, pair: PairStage, points: list[PairPoint], *, late: bool = False) -> None:
        outlets = self._outlets
        outlets.history.put_points(points)
        fresh = [point for point in points if point.ts >= self.began]
        self._announce(pair, fresh)
        if late:
            outlets.tell(outlets.alerts.judge_late(fresh, pair.slow_metrics))
        else:
            outlets.tell(outlets.alerts.judge(fresh))
        outlets.hub.publish("transitions", pair.transitions(fresh))

    def _announce(self, pair: PairStage, points: list[PairPoint]) -> None:
        pair.exports.write("points", points)
        self._outlets.hub.publish("points", points)
        if self._outlets.recorder:
            self._outlets.recorder.points(points)
