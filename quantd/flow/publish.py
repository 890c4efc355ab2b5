"""Publishes what has closed or changed: to the history, the record, exports and listeners, and then to the pairs and alerts."""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby
from typing import NamedTuple

from quantd.flow.ingest.ledger import Span
from quantd.flow.news import News
from quantd.flow.nowcasts import Nowcasts
from quantd.flow.outputs import Outputs
from quantd.flow.pair import PairStage, RebuiltPair
from quantd.flow.pairs import Background
from quantd.flow.publish_points import PointPublisher
from quantd.flow.symbol import SymbolStage
from quantd.flow.watermark import Watermark
from quantd.model import Bar, Tick
from quantd.timeframes import SECOND

_AT_ONCE = 25
"""Number of symbols whose bars are closed in one step."""


class Taken(NamedTuple):
    """The valid new trades, and the span of time (ms) of those that came too late for their bars, if any."""

    good: Sequence[Tick]
    too_late: Span | None


class Publisher:
    """Publishes what one flow makes. If it is `warm`, earlier runs have published what is older than its first event."""

    def __init__(self, outputs: Outputs, background: Background, watermark: Watermark, *, warm: bool) -> None:
        self.news = News(outputs.history, watermark, warm=warm)
        self.nowcasts = Nowcasts(outputs)
        self.to_ask: set[SymbolStage] = set()
        """Symbols that may have news of missing trades, for `GapNews`."""
        self.points = PointPublisher(outputs, self.news, background)
        self._outputs = outputs
        self._watermark = watermark
        self._behind: set[SymbolStage] = set()
        """The symbols whose bars are closing: the pairs may not have the last of these yet."""
        self._closing: Iterator[None] = iter(())
        """The steps that are left of this close."""

    @property
    def pairs(self) -> list[PairStage]:
        """The pairs that take part."""
        return self.points.pairs

    def add_pair(self, pair: PairStage) -> None:
        """Add a pair."""
        self.points.add(pair)
        self.nowcasts.add(pair)

    def drop_pair(self, name: str) -> None:
        """Remove the pair of this name. Points of it that are still being computed elsewhere are not published."""
        self.points.drop(name)
        self.nowcasts.drop(name)

    def publish_trades(self, stage: SymbolStage, ticks: Sequence[Tick], *, past: bool = False, mendable: int = 0) -> Taken:
        """Pass trades through a symbol's stage; send the valid new ones to exports, history and record. Trades before `mendable` (ms) are
        too old for any open bar."""
        lost = stage.lost
        good = stage.accept(ticks, past=past, mendable=mendable)
        self.nowcasts.note_trades(stage)
        self._ask_soon(stage)
        stage.exports.write("ticks", good)
        self._outputs.history.put_ticks(stage.symbol, good)
        if self._outputs.recorder:
            self._outputs.recorder.ticks(good)
        return Taken(good, self._too_late(stage, good) if stage.lost > lost else None)

    def _ask_soon(self, stage: SymbolStage) -> None:
        if stage.intake.unsettled:
            self.to_ask.add(stage)

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
        given = list(closed)
        self.let_catch_up(stage for stage, _ in given)
        deque(self._to_pairs([(stage, self._taken(stage, bars)) for stage, bars in given]), 0)

    def close(self, stages: Mapping[str, SymbolStage], moment: int) -> Iterator[None]:
        """Close the bars of all ready stages that end by a moment (ms) and publish them, in steps. Other tasks may run between these:
        then some symbols are a little behind the others, and the pairs behind the symbols."""
        self.complete_close()
        self._closing = chain(self._close_in_steps(stages, moment))  # a chain, unlike a generator, is not ended by who stops midway
        yield from self._closing

    def complete_close(self) -> None:
        """Do the steps that are left of a close, if any."""
        deque(self._closing, 0)
        self._behind.clear()

    def let_catch_up(self, stages: Iterable[SymbolStage]) -> None:
        """Let these symbols and their pairs have all bars that end by the watermark, before they get later forms of these bars."""
        if not self._behind.isdisjoint(stages):
            self.complete_close()

    def _close_in_steps(self, stages: Mapping[str, SymbolStage], moment: int) -> Iterator[None]:
        closed = []
        ready = [stage for stage in stages.values() if stage.ready]
        self._behind.update(ready)
        for begin in range(0, len(ready), _AT_ONCE):
            for stage in ready[begin : begin + _AT_ONCE]:
                if stages.get(stage.symbol) is stage:  # it may have been dropped meanwhile
                    closed.append((stage, self._taken(stage, stage.close(moment))))
            yield
        yield from self._to_pairs(closed)
        self._behind.clear()
        for stage in stages.values():
            self._publish_books(stage, moment)

    def publish_rebuilt(self, stage: SymbolStage, bars: Sequence[Bar], pairs: Iterable[RebuiltPair]) -> Iterator[None]:
        """Publish rebuilt bars of a symbol, however old, and then the points that change, in a step for each pair. Points of bars that the
        pairs still hold are made here; `pairs` brings the older ones."""
        self.let_catch_up((stage,))
        self._outputs.history.amend(bars)
        self._record(bars)
        self._tell(stage, bars)
        self.nowcasts.note_points()
        versions = self._versions(stage)
        for pair, rebuilt in [(each.pair, each.by_timeframe) for each in pairs]:
            if versions != (now := self._versions(stage)):  # the pairs may have later forms of these bars by now
                versions, bars = now, [bar for bar in bars if not self.news.is_outdated(bar)]
            self.points.publish_rebuilt(pair, stage, bars, rebuilt)
            yield

    def _versions(self, stage: SymbolStage) -> list[int]:
        return [self._outputs.history.version("bars", stage.symbol, every) for every in stage.every]

    def finish_batch(self) -> None:
        """Do what is due after each batch of the feed: publish the results of slow jobs and the now-casts, and judge the live rules."""
        if self.points.publish_findings():
            self.nowcasts.note_points()
        self.nowcasts.publish()
        self.points.settle()

    def _publish_books(self, stage: SymbolStage, watermark: int) -> None:
        """Send the book bars that end by the watermark (ms) to the history and listeners."""
        if stage.book and (bars := stage.book.close(watermark)):
            self._outputs.history.put_books(bars)
            self._outputs.hub.publish("books", bars)

    def _to_pairs(self, closed: Sequence[tuple[SymbolStage, Sequence[Bar]]]) -> Iterator[None]:
        yield from self.points.step(closed)
        self.nowcasts.note_points()

    def _taken(self, stage: SymbolStage, bars: Sequence[Bar]) -> list[Bar]:
        """Return the bars in their valid form. Record them, and publish the news among them."""
        self._ask_soon(stage)
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
        for every, some in groupby(bars, lambda bar: bar.every):
            self._outputs.tell(self._outputs.alerts.judge_bars(some, 0 if stage.is_event(every) else self.news.judged_from(every)))

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
