"""Makes the points of closed bars, and publishes them: to the history, the record, exports and listeners, and to the alerts."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, groupby

from quantd.columns.points import PointColumns
from quantd.flow.news import News
from quantd.flow.outputs import Outputs
from quantd.flow.pair import PairStage, RebuiltPoints, by_exports
from quantd.flow.pair_groups import PairGroups
from quantd.flow.pairs import Background
from quantd.flow.symbol import SymbolStage
from quantd.model import Bar, PairPoint
from quantd.times import FOR_EVER


class PointPublisher:
    """Publishes the points of one flow's pairs."""

    def __init__(self, outputs: Outputs, news: News, background: Background) -> None:
        self._groups = PairGroups()
        self._outputs = outputs
        self._news = news
        self._background = background

    @property
    def pairs(self) -> list[PairStage]:
        """The pairs that take part."""
        return list(self._groups.pairs.values())

    def add(self, pair: PairStage) -> None:
        """Add a pair."""
        self._groups.add(pair)

    def drop(self, name: str) -> None:
        """Remove the pair of this name."""
        self._groups.drop(name)

    def settle(self) -> None:
        """Let some pairs join the tables of pairs with the same settings."""
        self._groups.settle()

    def step(self, closed: Sequence[tuple[SymbolStage, Sequence[Bar]]]) -> Iterator[None]:
        """Make the points of these bars and publish them, in steps."""
        by_series: dict[tuple[SymbolStage, str], list[Bar]] = defaultdict(list)
        for stage, bars in closed:
            for bar in bars:
                by_series[stage, bar.every].append(bar)
        for made in self._groups.step(by_series, self._news.measured_from):
            if isinstance(made, PointColumns):
                self._publish_batch(made)
            else:
                series, points = made
                self._publish(self._groups.of(series), points)
            self._outputs.history.changes += 1
            yield
        self._outputs.history.changes += 1  # pairs without a point have one bar more, too

    def publish(self, pair: PairStage, points: Sequence[PairPoint]) -> None:
        """Publish rebuilt points, however old, unless the pair was dropped meanwhile."""
        if not self._takes_part(pair):
            return
        told = [point for point in points if (point.revision or self._news.tells(pair, point)) and not self._news.is_overtaken(point)]
        self._outputs.history.amend(told)
        self._announce(pair, told)
        self._judge(told)

    def publish_rebuilt(self, pair: PairStage, stage: SymbolStage, bars: Sequence[Bar], rebuilt: Mapping[str, RebuiltPoints]) -> None:
        """Publish the points of a pair that rebuilt bars of a leg change: `rebuilt` has the older ones by timeframe, the others are made
        here."""
        if not self._takes_part(pair):
            return
        for points in rebuilt.values():
            self.publish(pair, points.points)
        changed = pair.add({(stage, every): [bar for bar in bars if bar.every == every] for every in rebuilt}, _never)
        self._publish(pair, [point for point in changed if point.ts >= rebuilt[point.every].until], exact=True)

    def publish_findings(self) -> bool:
        """Add the results of slow jobs since the last call to their points. Return whether there were any."""
        if not self._background.deliver():
            return False
        for pair in self.pairs:
            if points := pair.arrived():
                self._publish(pair, points, late=True)
        return True

    def _takes_part(self, pair: PairStage) -> bool:
        return self._groups.pairs.get(pair.name) is pair

    def _publish_batch(self, batch: PointColumns) -> None:
        """Publish the points of many pairs at a bar that has just closed."""
        outputs = self._outputs
        pairs = [self._groups.pairs[name] for name in batch.pairs]
        if not self._news.is_all(pairs, batch):
            for pair, point in zip(pairs, batch, strict=True):
                self._publish(pair, [point])
            return
        outputs.history.put_points(batch)
        for export, points in by_exports(pairs, batch):
            export.write("points", points)
        outputs.hub.publish("points", batch)
        if outputs.recorder:
            outputs.recorder.points(batch)
        outputs.tell(outputs.alerts.judge_batch(batch))
        if batch.metrics:
            changes = [pair.transitions([point]) for pair, point in zip(pairs, batch, strict=True)]
            outputs.hub.publish("transitions", list(chain.from_iterable(changes)))

    def _publish(self, pair: PairStage, points: Sequence[PairPoint], *, late: bool = False, exact: bool = False) -> None:
        outputs = self._outputs
        judged = [self._news.point(pair, point, exact=exact) for point in points]
        outputs.history.put_points(point for made, (point, is_news) in zip(points, judged, strict=True) if is_news or point is made)
        fresh = [point for point, is_news in judged if is_news]
        self._announce(pair, fresh)
        newest = [point for point in fresh if point.ts >= self._news.judged_from(point.every)]
        if late:
            outputs.tell(outputs.alerts.judge_late(newest, pair.slow_metrics))
        else:
            self._judge(fresh)
        outputs.hub.publish("transitions", pair.transitions(newest))

    def _judge(self, points: Sequence[PairPoint]) -> None:
        for every, series in groupby(points, lambda point: point.every):
            self._outputs.tell(self._outputs.alerts.judge(series, self._news.judged_from(every)))

    def _announce(self, pair: PairStage, points: Sequence[PairPoint]) -> None:
        for _, series in groupby(points, lambda point: point.every):
            self._outputs.ahead.note("points", list(series))
        pair.exports.write("points", points)
        self._outputs.hub.publish("points", points)
        if self._outputs.recorder:
            self._outputs.recorder.points(points)


def _never(pair: str, every: str) -> int:
    """Let no jobs run at late bars: points that were missing have been made by now, with their metrics."""
    return FOR_EVER
