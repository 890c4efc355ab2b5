"""What happens to one symbol, once, however many pairs it is a leg of."""

from collections import deque
from collections.abc import Sequence

import msgspec

from quantd.errors import QuantdError
from quantd.flow.bars import Merger, bridge
from quantd.flow.book import BookStage
from quantd.flow.events import EventStage
from quantd.flow.exports import Exports
from quantd.flow.ingest.intake import Intake, is_price
from quantd.flow.ingest.ledger import Span
from quantd.flow.pipeline.warm import Past
from quantd.model import Bar, Tick
from quantd.plugin.base import Extra, Resampler
from quantd.plugin.guard import Guard
from quantd.timeframes import duration, timeframe


class SymbolStage:
    """Stages 1 and 2 of one symbol, shared by all pairs that it is a leg of."""

    def __init__(
        self,
        symbol: str,
        resampler: Resampler,
        guard: Guard,
        exports: Exports,
        events: Sequence[EventStage] = (),
        extras: frozenset[Extra] = frozenset(),
    ) -> None:
        self.symbol = symbol
        self.intake = Intake(symbol)
        self.exports = exports
        self.events = events
        self.extras = extras
        self.book = BookStage(symbol, resampler.every) if extras else None
        self.reopen = duration(resampler.reopen)
        self.ready = True
        self.begins = 0
        """From when on (ms) its bars are made of what it was given: those before are not its own."""
        self.seconds_needed = 0
        self.bars_made = 0
        self.last: Tick | None = None
        self.lags: deque[int] = deque(maxlen=1_000)
        """From the exchange's time to our receipt (ms), of the last trade of each of the last batches."""
        self._resampler = msgspec.structs.replace(resampler)
        self._guard = guard
        self._mergers: dict[str, Merger] = {}
        self._imported: list[Bar] = []
        self._last_import: Bar | None = None

    @property
    def lost(self) -> int:
        """Ticks that came too late for any bar."""
        return self._resampler.lost

    def take(self, ticks: Sequence[Tick], *, past: bool = False, mendable: int = 0) -> list[Tick]:
        """The good and new ones among these. Those of the past are in no bar that ends with an event: where these end follows from where
        they begin, so they would be cut otherwise than before a restart. Those before `mendable` (ms) are too old for any open bar."""
        good = self.intake.take(ticks, past=past or mendable > 0)
        if good:
            if self.last is None or good[-1].id > self.last.id:
                self.last = good[-1]
            self._guard.call(self._resampler.update, [tick for tick in good if tick.ts >= mendable] if mendable else good)
            for stage in self.events:
                stage.skip(good) if past else stage.take(good)
        return good

    @property
    def every(self) -> tuple[str, ...]:
        """The timeframes of its bars."""
        return self._resampler.every

    def begin(self, past: Past) -> list[Bar]:
        """Put the past before the first trade: bars of every longer timeframe, and the resampler told where it begins."""
        if not past.bars:
            first = min((tick.ts for tick in (*past.recorded, *past.ticks)), default=0)
            self._begin_at(timeframe(self.base).floor(first))
            return []
        last = past.bars[-1]
        self._begin_at(timeframe(last.every).end(last.ts))
        self._guard.call(self._resampler.begin, self.symbol, self.begins, last.close)
        return self._merger(self._resampler.base).seed(list(past.bars))

    def _begin_at(self, ts: int) -> None:
        self.begins = ts
        self.intake.ledger.begin(ts)

    @property
    def base(self) -> str:
        """The timeframe of the bars that its ticks make."""
        return self._resampler.base

    def forming(self, every: str) -> list[Bar]:
        """The open bars of one of its timeframes, oldest first."""
        for stage in self.events:
            if stage.label == every:
                return stage.forming()
        open_bars = self._guard.call(self._resampler.forming, default=[])
        return open_bars if every == self.base else self._merger(self.base).forming(every, open_bars)

    def take_bar(self, bar: Bar) -> None:
        """A bar that came as a bar; buckets missing before it are filled with flat ones of quality `gap`. One whose prices are none is
        refused."""
        if not all(map(is_price, (bar.open, bar.high, bar.low, bar.close))):
            self.intake.refused += 1
            return
        last = self._last_import
        if last is None or bar.ts > last.ts:
            self._imported += bridge(last, bar) if last else []
            self._last_import = bar
        else:
            bar = msgspec.structs.replace(bar, revision=1)
        self._imported.append(bar)

    def close(self, watermark: int) -> list[Bar]:
        """Bars of every timeframe that close or change, now that event time is at `watermark`."""
        self._mark_holes()
        bars = self._merged(self._guard.call(self._resampler.advance, watermark, default=[]))
        return bars + [bar for stage in self.events for bar in stage.closed()]

    def flush(self, until: int) -> list[Bar]:
        """All that is open, closed: the stream has ended at `until`."""
        self._mark_holes()
        bars = self._merged(self._guard.call(self._resampler.flush, until, default=[]))
        bars += [bar for merger in self._mergers.values() for bar in merger.flush()]
        return bars + [bar for stage in self.events for bar in stage.flush()]

    def remade(self, ticks: Sequence[Tick], begin: int, until: int, close: float | None, holes: Sequence[Span]) -> list[Bar]:
        """The closed bars of the base timeframe of begin <= ts < until (ms), of these trades, all that are recorded of that time but for
        those in the holes.

        `close` is that of the bar before; without one, bars begin with the first trade."""
        fresh = msgspec.structs.replace(self._resampler)
        if close is not None:
            self._guard.call(fresh.begin, self.symbol, begin, close)
        self._guard.call(fresh.update, ticks)
        self._guard.call(fresh.mark_holes, holes)
        return [bar for bar in self._guard.call(fresh.advance, until, default=[]) if bar.ts >= begin]

    def absorb(self, bars: Sequence[Bar]) -> None:
        """Bars that were made anew: longer ones are merged of them from now on."""
        self._merger(self.base).absorb(bars)

    def _mark_holes(self) -> None:
        holes = self.intake.news_of_holes()
        if holes is not None:
            self._guard.call(self._resampler.mark_holes, holes)

    def _merged(self, made: list[Bar]) -> list[Bar]:
        imported, self._imported = self._imported, []
        made = [bar for bar in made if bar.ts >= self.begins]  # the one before only told at which price it begins
        bars = self._merger(self._resampler.base).add(made) if made else []
        return bars + (self._merger(imported[0].every).add(imported) if imported else [])

    def _merger(self, base: str) -> Merger:
        if base not in self._mergers:
            unreachable = [name for name in self._resampler.every if not timeframe(name).holds(timeframe(base))]
            if unreachable:
                names = ", ".join(unreachable)
                raise QuantdError(
                    f"{self.symbol}: the feed brings bars of {base}, of which {names} cannot be made: ask for {base} or longer"
                )
            self._mergers[base] = Merger(base, self._resampler.every, self.reopen)
        return self._mergers[base]
