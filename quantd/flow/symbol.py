"""What happens to one symbol, once, however many pairs it is a leg of."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from quantd.flow.bars.books import BookStage
from quantd.flow.bars.events import EventStage
from quantd.flow.bars.maker import BarMaker
from quantd.flow.exports import Exports
from quantd.flow.in_order import InOrder
from quantd.flow.ingest.arrivals import Arrivals
from quantd.flow.ingest.intake import Intake, is_price
from quantd.flow.ingest.ledger import DISCONNECTED, FOR_EVER, Known, Span
from quantd.flow.past import Demand, Past
from quantd.model import Bar, Tick
from quantd.plugin.base import Channel, Resampler
from quantd.plugin.guard import Guard
from quantd.timeframes import timeframe

Absent = Literal["unlisted", "delisted"]
"""Why a venue brings nothing of a symbol: it does not list it, or no longer does."""
_MOST_SKETCHED = 10_000


class SymbolStage:
    """Stages 1 and 2 of one symbol, shared by all pairs that it is a leg of: its trades in, its bars out."""

    def __init__(
        self,
        symbol: str,
        resampler: Resampler,
        guard: Guard,
        exports: Exports,
        events: Sequence[EventStage] = (),
        channels: frozenset[Channel] = frozenset(),
        needed: Mapping[str, int] | None = None,
    ) -> None:
        """`needed` tells by timeframe how many bars stand behind a point."""
        self.symbol = symbol
        self.arrivals = Arrivals(symbol)
        self.intake = Intake(symbol)
        self.exports = exports
        self.line = InOrder(events, self.intake.ledger)
        """Trades on their way into bars that end with an event."""
        self.channels = channels
        self.book = BookStage(symbol, resampler.every) if channels else None
        self.joined = 0
        """When it was added (event time, ms), if its feed was running already."""
        self.retold_from = FOR_EVER
        """From when on (ms) recorded rows are told again: a killed run may have told others, which it did not come to record."""
        self.bars_made = 0
        self.absent: Absent | None = None
        """Meanwhile its bars stand still, and nobody waits for its past."""
        self.last: Tick | None = None
        self.lags: deque[int] = deque(maxlen=1_000)
        """From the exchange's time to our receipt (ms), of the last trade of each of the last batches."""
        self._bars = BarMaker(symbol, resampler, guard)
        self._needed = dict.fromkeys(resampler.every, 0) | dict(needed or {})

    @property
    def every(self) -> tuple[str, ...]:
        """The timeframes of its bars."""
        return self._bars.every

    @property
    def base(self) -> str:
        """The timeframe of the bars that its ticks make."""
        return self._bars.base

    @property
    def reopen(self) -> int:
        """How late (ms) a trade may come and still mend its closed bar."""
        return self._bars.reopen

    @property
    def events(self) -> Sequence[EventStage]:
        """Its bars that end with an event, by rule."""
        return self.line.rules

    @property
    def lost(self) -> int:
        """Ticks that came too late for any bar."""
        return self._bars.lost

    @property
    def ready(self) -> bool:
        """Whether its bars have begun: not before its past is there."""
        return self.arrivals.ready

    @property
    def demand(self) -> Demand:
        """What it needs of the past."""
        return Demand(self.symbol, self.base, self._needed, self._bars.parts)

    # its life: it joins, takes up its past, and may be absent for a while

    def join(self, now: int, *, waits: bool, recorded: bool, fetched: bool) -> None:
        """Take part in a flow from event time `now` (ms) on, which is 0 at its start: whether it waits for its past, and whether trades
        are recorded, and missing ones fetched."""
        self.joined = now
        if waits:
            self.arrivals.hold()
        self.line.follow_record(recorded=recorded, fetched=fetched)

    def restore(self, known: Known, *, killed: bool = False) -> None:
        """Go on from what an earlier run recorded, which may have been killed."""
        self.intake.restore(known)
        if killed and not self.joined:
            self.retold_from = known.ts - self.reopen

    def begin(self, past: Past) -> list[Bar]:
        """Put the past before the first trade; the bars of its timeframes in the order in which they closed."""
        first = min((tick.ts for tick in (*past.recorded, *past.ticks)), default=0)
        bars = self._bars.begin(past.begins if any(past.bars.values()) else first, past.bars)
        self.intake.ledger.begin(self._bars.begins)
        return bars

    async def begun(self) -> None:
        """Return when it is ready."""
        await self.arrivals.begun()

    def set_absent(self, absent: Absent | None, until: int) -> list[Bar]:
        """It is traded no more, or (None) is again; the bars that this closes at `until` (ms)."""
        closed = []
        if absent and not self.absent and self.ready:
            closed = self._bars.cut(until, self.intake.news_of_holes())
            self._bars.stand_still(until)
        self.absent = absent
        self.intake.ledger.doubt(DISCONNECTED)  # trades may be missed before the next one
        return closed

    # what comes

    def take(self, ticks: Sequence[Tick], *, past: bool = False, mendable: int = 0) -> list[Tick]:
        """The good and new ones among these. Those before `mendable` (ms) are too old for any open bar of time."""
        good = self.intake.take(ticks, past=past or mendable > 0)
        if good:
            if self.last is None or good[-1].id > self.last.id:
                self.last = good[-1]
            self._bars.take([tick for tick in good if tick.ts >= mendable] if mendable else good)
            if self.events:
                self.line.take(good)
        return good

    def take_bar(self, bar: Bar) -> None:
        """A bar that came as a bar. One whose prices are none is refused."""
        if all(map(is_price, (bar.open, bar.high, bar.low, bar.close))):
            self._bars.take_bar(bar)
        else:
            self.intake.count_refused()

    def note_lag(self, good: Sequence[Tick]) -> None:
        """These trades have just come."""
        if good:
            self.lags.append(good[-1].recv - good[-1].ts)

    def leapt_to(self, ts: int) -> None:
        """Time has leapt: it is not known to be whole before its next id, and bars too old to be mended then must say so now."""
        if self.last and ts - self.last.ts > self.reopen:
            self.intake.ledger.doubt("time leapt")

    # its bars

    def is_event(self, every: str) -> bool:
        """Whether bars of this `every` end with an event."""
        return any(stage.label == every for stage in self.events)

    def forming(self, every: str) -> list[Bar]:
        """The open bars of one of its timeframes, oldest first."""
        events = next((stage for stage in self.events if stage.label == every), None)
        return events.forming() if events else self._bars.forming(every)

    def sketch(self, ticks: Sequence[Tick]) -> list[Bar]:
        """What the open bars of the base timeframe would be of the last of these trades alone, oldest first; nothing is taken."""
        return self._bars.sketch(Intake(self.symbol).take(ticks[-_MOST_SKETCHED:]))

    def close(self, watermark: int) -> list[Bar]:
        """Bars of every timeframe that close or change, now that event time is at `watermark`; none while it is absent."""
        if self.absent:
            return []
        watermark = self._bars.reach(watermark)
        bars = self._bars.close(watermark, self.intake.news_of_holes())
        if self.events:
            self.line.advance(watermark)
        return bars + [bar for stage in self.events for bar in stage.closed()]

    def flush(self, until: int) -> list[Bar]:
        """All that is open, closed: the stream has ended at `until`."""
        bars = self._bars.cut(until, self.intake.news_of_holes())
        self.line.flush()
        return bars + [bar for stage in self.events for bar in stage.flush()]

    def count(self, bars: Iterable[Bar]) -> None:
        """These bars are told of."""
        self.bars_made += sum(not bar.revision for bar in bars)

    def mended_from(self, closed: int) -> int:
        """From when on (ms) it mends its closed bars itself, given the watermark (ms): its resampler takes no trades of before."""
        return max(timeframe(self.base).floor(closed) - self.reopen, self._bars.begins)

    def rebuilt(self, ticks: Sequence[Tick], begin: int, until: int, close: float | None, holes: Sequence[Span]) -> list[Bar]:
        """Closed bars of the base timeframe, of recorded trades: `BarMaker.rebuilt`."""
        return self._bars.rebuilt(ticks, begin, until, close, holes)

    def absorb(self, bars: Sequence[Bar]) -> None:
        """Bars that were rebuilt: longer ones are merged of them from now on."""
        self._bars.absorb(bars)

    def news_of_trust(self) -> list[Span]:
        """From when to when (ms) trades were missing as bars closed, and are no longer missing, since the last call."""
        return self.intake.news_of_trust()
