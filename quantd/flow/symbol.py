"""The stage of one symbol. It exists once, however many pairs use the symbol as a leg."""

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
from quantd.flow.ingest.ledger import DISCONNECTED, Known, Span
from quantd.flow.past import Demand, Past
from quantd.model import Bar, Tick
from quantd.plugin.base import Channel, Resampler
from quantd.plugin.guard import Guard
from quantd.timeframes import timeframe
from quantd.times import FOR_EVER

Absent = Literal["unlisted", "delisted"]
"""Why a venue delivers nothing for a symbol: it does not list it, or no longer does."""
_MOST_SKETCHED = 10_000


def in_turn(stages: Iterable["SymbolStage"]) -> list["SymbolStage"]:
    """Return stages of one flow in the order in which they joined."""
    return sorted(stages, key=lambda stage: stage.arrivals.turn)


class SymbolStage:
    """Stages 1 and 2 of one symbol, shared by all pairs that use it as a leg: takes its trades and makes its bars."""

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
        """`needed` holds the number of bars behind a point, by timeframe."""
        self.symbol = symbol
        self.arrivals = Arrivals(symbol)
        self.intake = Intake(symbol)
        self.exports = exports
        self.in_order = InOrder(events, self.intake.ledger)
        """Orders the trades for event bars."""
        self.channels = channels
        self.book = BookStage(symbol, resampler.every) if channels else None
        self.joined = 0
        """Event time (ms) at which it was added to a feed that was running already; otherwise 0."""
        self.retold_from = FOR_EVER
        """Time (ms) from which on recorded rows are published again: a killed run may have published others that it did not record."""
        self.bars_made = 0
        self.absent: Absent | None = None
        """Set while the symbol is absent. Its bars then stand still, and nobody waits for its past."""
        self.last: Tick | None = None
        self.lags: deque[int] = deque(maxlen=1_000)
        """Delays from the exchange's time to our receipt (ms), of the last trade of each of the last batches."""
        self._bars = BarMaker(symbol, resampler, guard)
        self._needed = dict.fromkeys(resampler.every, 0) | dict(needed or {})

    @property
    def every(self) -> tuple[str, ...]:
        """The timeframes of its bars."""
        return self._bars.every

    @property
    def base(self) -> str:
        """The timeframe of the bars that are made from ticks."""
        return self._bars.base

    @property
    def reopen(self) -> int:
        """How late (ms) a trade may arrive and still mend its closed bar."""
        return self._bars.reopen

    @property
    def begins(self) -> int:
        """The time (ms) from which on its bars are made from trades."""
        return self._bars.begins

    @property
    def events(self) -> Sequence[EventStage]:
        """Its event bars, one stage for each rule."""
        return self.in_order.rules

    @property
    def lost(self) -> int:
        """Number of ticks that came too late for any bar."""
        return self._bars.lost

    @property
    def ready(self) -> bool:
        """Whether its bars have begun, which they do once its past has been read."""
        return self.arrivals.ready

    @property
    def demand(self) -> Demand:
        """The part of the past that it needs."""
        return Demand(self.symbol, self.base, self._needed, self._bars.parts)

    # life cycle: it joins, gets its past, and may be absent for a while

    def join(self, now: int, *, waits: bool, recorded: bool, fetched: bool) -> None:
        """Join a flow at event time `now` (ms), which is 0 at the start. The flags say whether it waits for its past, whether trades are
        recorded, and whether missing ones are fetched."""
        self.joined = now
        if waits:
            self.arrivals.start_queueing()
        self.in_order.follow_record(recorded=recorded, fetched=fetched)

    def restore(self, known: Known, *, killed: bool = False) -> None:
        """Continue from what an earlier run recorded. `killed` says whether that run was killed."""
        self.intake.restore(known)
        if killed and not self.joined:
            self.retold_from = known.ts - self.reopen

    def begin_after(self, past: Past) -> list[Bar]:
        """Begin its bars after this past. Return the past bars of its timeframes in the order in which they closed."""
        first = min((tick.ts for tick in (*past.recorded, *past.ticks)), default=0)
        bars = self._bars.begin_at(past.begins if any(past.bars.values()) else first, past.bars)
        self.intake.ledger.expect_from(self._bars.begins)
        return bars

    async def until_ready(self) -> None:
        """Return once it is ready."""
        await self.arrivals.released()

    def set_absent(self, absent: Absent | None, until: int) -> list[Bar]:
        """Set why the symbol is absent, or None once it trades again. Return the bars that this closes at `until` (ms)."""
        closed = []
        if absent and not self.absent and self.ready:
            closed = self._bars.cut(until, self.intake.news_of_holes())
            self._bars.stand_still(until)
        self.absent = absent
        self.intake.ledger.doubt(DISCONNECTED)  # trades before the next one may be missing
        return closed

    # input

    def accept(self, ticks: Sequence[Tick], *, past: bool = False, mendable: int = 0) -> Sequence[Tick]:
        """Accept trades and return the valid new ones. Trades before `mendable` (ms) are too old for any open bar of time."""
        good = self.intake.accept(ticks, past=past or mendable > 0)
        if good:
            last = good[-1]
            if self.last is None or last.id > self.last.id:
                self.last = last
            self._bars.append([tick for tick in good if tick.ts >= mendable] if mendable else good)
            if self.events:
                self.in_order.append(good)
        return good

    def accept_bar(self, bar: Bar) -> None:
        """Accept a bar that the feed delivers as a bar. A bar with invalid prices is refused."""
        if all(map(is_price, (bar.open, bar.high, bar.low, bar.close))):
            self._bars.append_bar(bar)
        else:
            self.intake.count_refused()

    def note_lag(self, good: Sequence[Tick]) -> None:
        """Note the delay of trades that have just arrived."""
        if good:
            last = good[-1]
            self.lags.append(last.recv - last.ts)

    def leapt_to(self, ts: int) -> None:
        """Note a leap in time: trades may be missing until the next id. Closed bars that are too old to be mended are marked now."""
        if self.last and ts - self.last.ts > self.reopen:
            self.intake.ledger.doubt("time leapt")

    # bars

    def is_event(self, every: str) -> bool:
        """Return whether bars of this `every` end with an event."""
        return any(stage.label == every for stage in self.events)

    def forming(self, every: str) -> list[Bar]:
        """Return the open bars of one of its timeframes, oldest first."""
        events = next((stage for stage in self.events if stage.label == every), None)
        return events.forming() if events else self._bars.forming(every)

    def sketch(self, ticks: Sequence[Tick]) -> list[Bar]:
        """Return the open base bars that the last of these trades alone would make, oldest first, without taking the trades."""
        return self._bars.sketch(Intake(self.symbol).accept(ticks[-_MOST_SKETCHED:]))

    def close(self, watermark: int) -> list[Bar]:
        """Close bars up to `watermark` (ms). Return the bars of every timeframe that close or change; none while it is absent."""
        if self.absent:
            return []
        watermark = self._bars.reach(watermark)
        bars = self._bars.close(watermark, self.intake.news_of_holes())
        if self.events:
            self.in_order.advance(watermark)
        return bars + [bar for stage in self.events for bar in stage.closed()]

    def flush(self, until: int) -> list[Bar]:
        """Close all open bars, since the stream has ended at `until` (ms), and return them."""
        bars = self._bars.cut(until, self.intake.news_of_holes())
        self.in_order.flush()
        return bars + [bar for stage in self.events for bar in stage.flush()]

    def count(self, bars: Iterable[Bar]) -> None:
        """Count published bars."""
        self.bars_made += sum(not bar.revision for bar in bars)

    def mended_from(self, closed: int) -> int:
        """Return the time (ms) from which on it mends closed bars itself, given the watermark (ms). Its resampler takes no earlier
        trades."""
        return max(timeframe(self.base).floor(closed) - self.reopen, self._bars.begins)

    def rebuilt(self, ticks: Sequence[Tick], begin: int, until: int, close: float | None, holes: Sequence[Span]) -> list[Bar]:
        """Return closed bars of the base timeframe, made from recorded trades: see `BarMaker.rebuilt`."""
        return self._bars.rebuilt(ticks, begin, until, close, holes)

    def absorb(self, bars: Sequence[Bar]) -> None:
        """Take rebuilt bars. Longer bars are merged from them from now on."""
        self._bars.absorb(bars)

    def news_of_trust(self) -> list[Span]:
        """Return the spans of time (ms) in which trades were missing when bars closed and have stopped missing since the last call."""
        return self.intake.news_of_trust()
