"""Publishes what has closed or changed: to the history, the record, exports and listeners, and then to the pairs and alerts."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain, groupby
from typing import NamedTuple

from quantd.columns.points import PointColumns
from quantd.flow.ingest.ledger import Span
from quantd.flow.news import News
from quantd.flow.nowcasts import Nowcasts
from quantd.flow.outputs import Outputs
from quantd.flow.pair import PairStage, RebuiltPair, by_exports
from quantd.flow.pair_groups import PairGroups
from quantd.flow.pairs import Background
from quantd.flow.symbol import SymbolStage
from quantd.flow.watermark import Watermark
from quantd.model import Bar, PairPoint, Tick
from quantd.timeframes import SECOND
from quantd.times import FOR_EVER


class Taken(NamedTuple):
    """The valid new trades, and the span of time (ms) of those that came too late for their bars, if any."""

    good: Sequence[Tick]
    too_late: Span | None


class Publisher:
    """Publishes what one flow makes. If it is `warm`, earlier runs have published what is older than its first event."""

    def __init__(self, outputs: Outputs, background: Background, watermark: Watermark, *, warm: bool) -> None:
        self.news = News(outputs.history, watermark, warm=warm)
        self.nowcasts = Nowcasts(outputs)
        self._groups = PairGroups()
        self._outputs = outputs
        self._background = background
        self._watermark = watermark

    @property
    def pairs(self) -> list[PairStage]:
        """The pairs that take part."""
        return list(self._groups.pairs.values())

    def add_pair(self, pair: PairStage) -> None:
        """Add a pair."""
        self._groups.add(pair)
        self.nowcasts.add(pair)

    def drop_pair(self, name: str) -> None:
        """Remove the pair of this name. Points of it that are still being computed elsewhere are not published."""
        self._groups.drop(name)
        self.nowcasts.drop(name)

    def _takes_part(self, pair: PairStage) -> bool:
        return self._groups.pairs.get(pair.name) is pair

    def publish_trades(self, stage: SymbolStage, ticks: Sequence[Tick], *, past: bool = False, mendable: int = 0) -> Taken:
        """Pass trades through a symbol's stage; send the valid new ones to exports, history and record. Trades before `mendable` (ms) are
        too old for any open bar."""
        lost = stage.lost
        good = stage.accept(ticks, past=past, mendable=mendable)
        self.nowcasts.note_trades(stage)
        stage.exports.write("ticks", good)
        self._outputs.history.put_ticks(stage.symbol, good)
        if self._outputs.recorder:
            self._outputs.recorder.ticks(good)
        return Taken(good, self._too_late(stage, good) if stage.lost > lost else None)

    def _too_late(self, stage: SymbolStage, good: Sequence[Tick]) -> Span:
        closed = self._watermark.closed
        times = [tick.ts for tick in good if tick.ts < closed + SECOND - stage.reopen]
        return min(times, default=closed), max(times, default=closed)

    def publish_prices(self, symbol: str, ticks: Sequence[Tick]) -> None:
        """Send valid new trades to listeners, and judge the rules on prices."""
        self._outputs.hub.publish("ticks", ticks)
        self._outputs.tell(self._outputs.alerts.judge_prices(symbol, ticks))

    def publish_bars(self, closed: Iterable[tuple[SymbolStage, Sequence[Bar]]]) -> None:
        """Send bars to the history, the record and the pairs, and those that are news to exports and listeners. All of this happens at
        once, so that no batch of the record has bars without their points."""
        taken = [(stage, self._taken(stage, bars)) for stage, bars in closed]
        self._on_to_pairs(taken)
        self.nowcasts.note_points()

    def publish_rebuilt(self, stage: SymbolStage, bars: Sequence[Bar], pairs: Iterable[RebuiltPair]) -> None:
        """Publish rebuilt bars of a symbol, however old, in one batch with the points that change. Points of bars that the pairs still hold
        are made here; `pairs` brings the older ones."""
        self._outputs.history.amend(bars)
        self._record(bars)
        self._tell(stage, bars)
        self.nowcasts.note_points()
        for pair, rebuilt in [(each.pair, each.by_timeframe) for each in pairs if self._takes_part(each.pair)]:
            for points in rebuilt.values():
                self.publish_points(pair, points.points)
            changed = pair.add({(stage, every): [bar for bar in bars if bar.every == every] for every in rebuilt}, _never)
            self._publish(pair, [point for point in changed if point.ts >= rebuilt[point.every].until], exact=True)

    def publish_points(self, pair: PairStage, points: Sequence[PairPoint]) -> None:
        """Publish rebuilt points, however old, unless the pair was dropped meanwhile."""
        if not self._takes_part(pair):
            return
        told = [point for point in points if (point.revision or self.news.tells(pair, point)) and not self.news.is_overtaken(point)]
        self._outputs.history.amend(told)
        self._announce(pair, told)

    def publish_books(self, stage: SymbolStage, watermark: int) -> None:
        """Send the book bars that end by the watermark (ms) to the history and listeners."""
        if stage.book and (bars := stage.book.close(watermark)):
            self._outputs.history.put_books(bars)
            self._outputs.hub.publish("books", bars)

    def finish_batch(self) -> None:
        """Do what is due after each batch of the feed: add the results of slow jobs, judge the live rules at the last prices, publish
        now-casts, and let some pairs join the tables of pairs with the same settings."""
        self._publish_findings()
        self.nowcasts.publish()
        self._groups.settle()

    def _publish_findings(self) -> None:
        """Add the results of slow jobs since the last batch to their points."""
        if self._background.deliver():
            self.nowcasts.note_points()
            for pair in self.pairs:
                if points := pair.arrived():
                    self._publish(pair, points, late=True)

    def _taken(self, stage: SymbolStage, bars: Sequence[Bar]) -> list[Bar]:
        """Return the bars in their valid form. Record them, and publish the news among them."""
        taken = [self.news.bar(stage, bar) for bar in bars]
        self._outputs.history.put_bars(each.bar for each in taken)
        self._record([each.bar for each in taken if each.recorded])
        self._tell(stage, [each.bar for each in taken if each.told])
        return [each.bar for each in taken]

    def _record(self, bars: Sequence[Bar]) -> None:
        if self._outputs.recorder:
            self._outputs.recorder.bars(bars)

    def _tell(self, stage: SymbolStage, bars: Sequence[Bar]) -> None:
        stage.count(bars)
        for _, series in groupby(bars, lambda bar: bar.every):
            self._outputs.ahead.note("bars", list(series))
        stage.exports.write("bars", bars)
        self._outputs.hub.publish("bars", bars)

    def _on_to_pairs(self, closed: Sequence[tuple[SymbolStage, Sequence[Bar]]]) -> None:
        by_series: dict[tuple[SymbolStage, str], list[Bar]] = defaultdict(list)
        for stage, bars in closed:
            for bar in bars:
                by_series[stage, bar.every].append(bar)
        for made in self._groups.step(by_series, self.news.measured_from):
            if made.batch:
                self._publish_batch(made.batch)
            for series, points in made.alone:
                self._publish(self._groups.of(series), points)

    def _publish_batch(self, batch: PointColumns) -> None:
        """Publish the points of many pairs at a bar that has just closed."""
        outputs = self._outputs
        pairs = [self._groups.pairs[name] for name in batch.pairs]
        if not self.news.is_all(pairs, batch):
            for pair, point in zip(pairs, batch, strict=True):
                self._publish(pair, [point])
            return
        outputs.history.put_points(batch)
        for exports, points in by_exports(pairs, batch):
            exports.write("points", points)
        outputs.hub.publish("points", batch)
        if outputs.recorder:
            outputs.recorder.points(batch)
        outputs.tell(outputs.alerts.judge_batch(batch))
        if batch.metrics:
            changes = [pair.transitions([point]) for pair, point in zip(pairs, batch, strict=True)]
            outputs.hub.publish("transitions", list(chain.from_iterable(changes)))

    def _publish(self, pair: PairStage, points: Sequence[PairPoint], *, late: bool = False, exact: bool = False) -> None:
        outputs = self._outputs
        judged = [self.news.point(pair, point, exact=exact) for point in points]
        outputs.history.put_points(point for point, _ in judged)
        fresh = [point for point, is_news in judged if is_news]
        self._announce(pair, fresh)
        newest = [point for point in fresh if point.ts >= self.news.judged_from(point.every)]
        if late:
            outputs.tell(outputs.alerts.judge_late(newest, pair.slow_metrics))
        else:
            outputs.tell(outputs.alerts.judge(newest))
        outputs.hub.publish("transitions", pair.transitions(newest))

    async def export_again(self, stages: Sequence[SymbolStage]) -> None:
        """Export again the rows of these stages and their pairs that a killed run may have exported with other values than recorded."""
        history, ahead = self._outputs.history, self._outputs.ahead
        for note in ahead.left.copy():
            span = note.name, note.every, note.first, note.last + 1
            for pair in [pair for pair in self.pairs if (note.kind, note.name) == ("points", pair.name)]:
                pair.exports.write("points", await asyncio.to_thread(history.known_points, *span))
            for stage in [stage for stage in stages if (note.kind, note.name) == ("bars", stage.symbol)]:
                stage.exports.write("bars", await asyncio.to_thread(history.bars, *span))
            ahead.retold(note)

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
