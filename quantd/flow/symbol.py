"""What happens to one symbol, once, however many pairs it is a leg of."""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from quantd.errors import QuantdError
from quantd.flow.bars.books import BookStage
from quantd.flow.bars.events import EventStage
from quantd.flow.bars.merge import Merger, bridge
from quantd.flow.exports import Exports
from quantd.flow.in_order import InOrder
from quantd.flow.ingest.arrivals import Arrivals
from quantd.flow.ingest.intake import Intake, is_price
from quantd.flow.ingest.ledger import DISCONNECTED, FOR_EVER, Known, Span, cleared
from quantd.flow.past import Demand, Past
from quantd.model import Bar, Tick
from quantd.plugin import answers
from quantd.plugin.base import Extra, Resampler
from quantd.plugin.guard import Guard
from quantd.timeframes import MINUTE, duration, timeframe

Absent = Literal["unlisted", "delisted"]
"""Why a venue brings nothing of a symbol: it does not list it, or no longer does."""
_MOST_AT_ONCE_MS = 10 * MINUTE
_MOST_SKETCHED = 10_000
_MOST_CLEARED = 10_000


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
        needed: Mapping[str, int] | None = None,
    ) -> None:
        """`needed` tells by timeframe how many bars stand behind a point."""
        self.symbol = symbol
        self.arrivals = Arrivals(symbol)
        self.intake = Intake(symbol)
        self.exports = exports
        self.events = events
        self.line = InOrder(events, self.intake.ledger)
        """Trades on their way into `events`."""
        self.extras = extras
        self.book = BookStage(symbol, resampler.every) if extras else None
        self.reopen = duration(resampler.reopen)
        self._ready = asyncio.Event()
        self._ready.set()
        self.begins = 0
        """From when on (ms) its bars are made of what it was given: those before are not its own."""
        self.joined = 0
        """When it was added (event time, ms), if its feed was running already."""
        self.retold_from = FOR_EVER
        """From when on (ms) recorded rows are told again: a killed run may have told others, which it did not come to record."""
        self.bars_made = 0
        self.absent: Absent | None = None
        """Meanwhile its bars stand still, and nobody waits for its past."""
        self._stood = 0
        """Up to when (ms) they have closed, while they lag behind after that."""
        self.last: Tick | None = None
        self.lags: deque[int] = deque(maxlen=1_000)
        """From the exchange's time to our receipt (ms), of the last trade of each of the last batches."""
        self._resampler = msgspec.structs.replace(resampler)
        self._needed = dict.fromkeys(resampler.every, 0) | dict(needed or {})
        self._guard = guard
        self._holes: tuple[Span, ...] = ()
        self._cleared: deque[Span] = deque(maxlen=_MOST_CLEARED)
        self._mergers: dict[str, Merger] = {}
        self._imported: list[Bar] = []
        self._last_import: Bar | None = None

    @property
    def ready(self) -> bool:
        """Whether its bars have begun: not before its past is there."""
        return self._ready.is_set()

    def set_ready(self) -> None:
        """Its past is there, or it goes without."""
        self._ready.set()

    async def begun(self) -> None:
        """Return when it is ready."""
        await self._ready.wait()

    def join(self, now: int, *, waits: bool, recorded: bool, fetched: bool) -> None:
        """Take part in a flow from event time `now` (ms) on, which is 0 at its start: whether it waits for its past, and whether trades
        are recorded, and missing ones fetched."""
        self.joined = now
        if waits:
            self._ready.clear()
        self.line.follow_record(recorded=recorded, fetched=fetched)

    def restore(self, known: Known, *, killed: bool = False) -> None:
        """Go on from what an earlier run recorded, which may have been killed; its bars were made in doubt where trades were missing."""
        self.intake.ledger.restore(known)
        if killed and not self.joined:
            self.retold_from = known.ts - self.reopen
        self._holes = tuple((hole.start, hole.end) for hole in known.holes)

    @property
    def lost(self) -> int:
        """Ticks that came too late for any bar."""
        return self._resampler.lost

    def take(self, ticks: Sequence[Tick], *, past: bool = False, mendable: int = 0) -> list[Tick]:
        """The good and new ones among these. Those before `mendable` (ms) are too old for any open bar of time."""
        good = self.intake.take(ticks, past=past or mendable > 0)
        if good:
            if self.last is None or good[-1].id > self.last.id:
                self.last = good[-1]
            self._guard.call(self._resampler.update, [tick for tick in good if tick.ts >= mendable] if mendable else good)
            if self.events:
                self.line.take(good)
        return good

    def set_absent(self, absent: Absent | None, until: int) -> list[Bar]:
        """It is traded no more, or (None) is again; the bars that this closes at `until` (ms)."""
        closed = []
        if absent and not self.absent and self.ready:
            closed = self.cut(until)
            self._stood = self._stood or until
        self.absent = absent
        self.intake.ledger.doubt(DISCONNECTED)  # trades may be missed before the next one
        return closed

    def note_lag(self, good: Sequence[Tick]) -> None:
        """These trades have just come."""
        if good:
            self.lags.append(good[-1].recv - good[-1].ts)

    def count(self, bars: Iterable[Bar]) -> None:
        """These bars are told of."""
        self.bars_made += sum(not bar.revision for bar in bars)

    def mended_from(self, closed: int) -> int:
        """From when on (ms) it mends its closed bars itself, given the watermark (ms): its resampler takes no trades of before."""
        return max(timeframe(self.base).floor(closed) - self.reopen, self.begins)

    def _within_reach(self, watermark: int) -> int:
        """How far bars may close now: those of the time in which it was absent do so some at a time, for a day makes a mountain of them."""
        if not self._stood:
            return watermark
        reached = min(watermark, self._stood + _MOST_AT_ONCE_MS)
        self._stood = reached if reached < watermark else 0
        return reached

    def leapt_to(self, ts: int) -> None:
        """Time has leapt: it is not known to be whole before its next id, and bars too old to be mended then must say so now."""
        if self.last and ts - self.last.ts > self.reopen:
            self.intake.ledger.doubt("time leapt")

    @property
    def every(self) -> tuple[str, ...]:
        """The timeframes of its bars."""
        return self._resampler.every

    @property
    def demand(self) -> Demand:
        """What it needs of the past."""
        return Demand(self.symbol, self.base, self._needed, self._merger(self.base).parts)

    def is_event(self, every: str) -> bool:
        """Whether bars of this `every` end with an event."""
        return any(stage.label == every for stage in self.events)

    def begin(self, past: Past) -> list[Bar]:
        """Put the past before the first trade, and tell the resampler where it begins; the bars of its timeframes in the order in which
        they closed."""
        bars = sorted((bar for each in past.bars.values() for bar in each), key=_closed)
        if not bars:
            first = min((tick.ts for tick in (*past.recorded, *past.ticks)), default=0)
            self._begin_at(timeframe(self.base).floor(first))
            return []
        self._begin_at(past.begins)
        self._guard.call(self._resampler.begin, self.symbol, self.begins, bars[-1].close)
        self._merger(self.base).begin(self.begins, past.bars)
        return [bar for bar in bars if bar.every in self.every]

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
        open_bars = self._guard.call(answers.bars, self._resampler.forming, default=[])
        return open_bars if every == self.base else self._merger(self.base).forming(every, open_bars)

    def sketch(self, ticks: Sequence[Tick]) -> list[Bar]:
        """What the open bars of the base timeframe would be of the last of these trades alone, oldest first; nothing is taken."""
        fresh = msgspec.structs.replace(self._resampler)
        self._guard.call(fresh.update, Intake(self.symbol).take(ticks[-_MOST_SKETCHED:]))
        return self._guard.call(answers.bars, fresh.forming, default=[])

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
        """Bars of every timeframe that close or change, now that event time is at `watermark`; none while it is absent."""
        if self.absent:
            return []
        watermark = self._within_reach(watermark)
        self._mark_holes()
        bars = self._merged(self._guard.call(answers.bars, self._resampler.advance, watermark, default=[]))
        if self.events:
            self.line.advance(watermark)
        return bars + [bar for stage in self.events for bar in stage.closed()]

    def flush(self, until: int) -> list[Bar]:
        """All that is open, closed: the stream has ended at `until`."""
        bars = self.cut(until)
        self.line.flush()
        return bars + [bar for stage in self.events for bar in stage.flush()]

    def cut(self, until: int) -> list[Bar]:
        """The open bars of time, closed at `until` (ms) though their buckets are not over: trades that come after all mend them."""
        self._mark_holes()
        bars = self._merged(self._guard.call(answers.bars, self._resampler.flush, until, default=[]))
        return bars + [bar for merger in self._mergers.values() for bar in merger.flush()]

    def remade(self, ticks: Sequence[Tick], begin: int, until: int, close: float | None, holes: Sequence[Span]) -> list[Bar]:
        """The closed bars of the base timeframe of begin <= ts < until (ms), of these trades, all that are recorded of that time but for
        those in the holes.

        `close` is that of the bar before; without one, bars begin with the first trade."""
        fresh = msgspec.structs.replace(self._resampler)
        if close is not None:
            self._guard.call(fresh.begin, self.symbol, begin, close)
        self._guard.call(fresh.update, ticks)
        self._guard.call(fresh.mark_holes, holes)
        return [bar for bar in self._guard.call(answers.bars, fresh.advance, until, default=[]) if bar.ts >= begin]

    def news_of_trust(self) -> list[Span]:
        """From when to when (ms) trades were missing as bars closed, and are no longer missing, since the last call."""
        found = list(self._cleared)
        self._cleared.clear()
        return found

    def absorb(self, bars: Sequence[Bar]) -> None:
        """Bars that were rebuilt: longer ones are merged of them from now on."""
        self._merger(self.base).absorb(bars)

    def _mark_holes(self) -> None:
        holes = self.intake.news_of_holes()
        if holes is not None:
            self._cleared += cleared(self._holes, holes)
            self._holes = holes
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


def _closed(bar: Bar) -> tuple[int, int]:
    """When it closed; of those that closed at once the shortest is first."""
    frame = timeframe(bar.every)
    return frame.end(bar.ts), frame.step
