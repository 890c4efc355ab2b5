"""Stage 2 of one symbol: bars of time. A resampler makes the shortest bars from trades, and longer bars are merged from these."""

from collections.abc import Mapping, Sequence

import msgspec

from quantd.errors import QuantdError
from quantd.flow.bars.merge import Merger, bridge
from quantd.model import Bar, Tick
from quantd.plugin import answers
from quantd.plugin.base import Resampler
from quantd.plugin.guard import Guard
from quantd.timeframes import MINUTE, duration, timeframe

_MOST_AT_ONCE_MS = 10 * MINUTE
Span = tuple[int, int]


class BarMaker:
    """Makes the bars of one symbol, of every timeframe of its resampler, in order."""

    def __init__(self, symbol: str, resampler: Resampler, guard: Guard) -> None:
        self.reopen = duration(resampler.reopen)
        self.begins = 0
        """The time (ms) from which on it makes bars from the trades it is given. Earlier bars come from elsewhere."""
        self._symbol = symbol
        self._resampler = msgspec.structs.replace(resampler)
        self._guard = guard
        self._stood = 0
        """The time (ms) up to which bars have closed, while they catch up after an absence of the symbol."""
        self._mergers: dict[str, Merger] = {}
        self._imported: list[Bar] = []
        self._last_import: Bar | None = None

    @property
    def every(self) -> tuple[str, ...]:
        """The timeframes of its bars."""
        return self._resampler.every

    @property
    def base(self) -> str:
        """The timeframe of the bars that are made from trades."""
        return self._resampler.base

    @property
    def lost(self) -> int:
        """Number of trades that came too late for any bar."""
        return self._resampler.lost

    def parts(self, ts: int) -> Mapping[str, int]:
        """Return the timeframes whose bars are parts of the buckets that are open at `ts` (ms), each with the time (ms) of the first
        part."""
        return self._merger(self.base).parts(ts)

    def begin_at(self, ts: int, past: Mapping[str, Sequence[Bar]]) -> list[Bar]:
        """Begin bars at `ts` (ms), after these closed bars by timeframe. Return those of its own timeframes in the order in which they
        closed."""
        bars = sorted((bar for each in past.values() for bar in each), key=_closed)
        if not bars:
            self.begins = timeframe(self.base).floor(ts)
            return []
        self.begins = ts
        self._guard.call(self._resampler.begin, self._symbol, ts, bars[-1].close)
        self._merger(self.base).begin(ts, past)
        return [bar for bar in bars if bar.every in self.every]

    def append(self, ticks: Sequence[Tick]) -> None:
        """Append valid new trades, in the order of receipt."""
        self._guard.call(self._resampler.update, ticks)

    def append_bar(self, bar: Bar) -> None:
        """Append a bar that the feed delivers as a bar. Missing buckets before it are filled with flat bars of quality `gap`."""
        last = self._last_import
        if last is None or bar.ts > last.ts:
            self._imported += bridge(last, bar) if last else []
            self._last_import = bar
        else:
            bar = msgspec.structs.replace(bar, revision=1)
        self._imported.append(bar)

    def forming(self, every: str) -> list[Bar]:
        """Return the open bars of one of its timeframes, oldest first."""
        open_bars = self._guard.call(answers.bars, self._resampler.forming, default=[])
        return open_bars if every == self.base else self._merger(self.base).forming(every, open_bars)

    def sketch(self, ticks: Sequence[Tick]) -> list[Bar]:
        """Return the open base bars that these trades alone would make, oldest first, without taking the trades."""
        fresh = msgspec.structs.replace(self._resampler)
        self._guard.call(fresh.update, ticks)
        return self._guard.call(answers.bars, fresh.forming, default=[])

    def close(self, watermark: int, holes: Sequence[Span] | None) -> list[Bar]:
        """Close bars up to `watermark` (ms). Return the bars of every timeframe that close or change. `holes` are the spans of time in
        which trades are missing; None if they have not changed."""
        self._mark(holes)
        return self._merged(self._guard.call(answers.bars, self._resampler.advance, watermark, default=[]))

    def cut(self, until: int, holes: Sequence[Span] | None) -> list[Bar]:
        """Close the open bars at `until` (ms), before their buckets end, and return them. Trades that still arrive mend these bars."""
        self._mark(holes)
        bars = self._merged(self._guard.call(answers.bars, self._resampler.flush, until, default=[]))
        return bars + [bar for merger in self._mergers.values() for bar in merger.flush()]

    def stand_still(self, until: int) -> None:
        """Close no bar after `until` (ms) for now. When bars close again, they do so in batches, since a day of seconds makes very many
        bars."""
        self._stood = self._stood or until

    def reach(self, watermark: int) -> int:
        """Return the time (ms) up to which bars may close now."""
        if not self._stood:
            return watermark
        reached = min(watermark, self._stood + _MOST_AT_ONCE_MS)
        self._stood = reached if reached < watermark else 0
        return reached

    def rebuilt(self, ticks: Sequence[Tick], begin: int, until: int, close: float | None, holes: Sequence[Span]) -> list[Bar]:
        """Return the closed bars of the base timeframe of begin <= ts < until (ms), made from all recorded trades of that time. Trades are
        missing only in the holes.

        `close` is the close of the bar before. Without one, bars begin with the first trade.
        """
        fresh = msgspec.structs.replace(self._resampler)
        if close is not None:
            self._guard.call(fresh.begin, self._symbol, begin, close)
        self._guard.call(fresh.update, ticks)
        self._guard.call(fresh.mark_holes, holes)
        return [bar for bar in self._guard.call(answers.bars, fresh.advance, until, default=[]) if bar.ts >= begin]

    def absorb(self, bars: Sequence[Bar]) -> None:
        """Take rebuilt bars. Longer bars are merged from them from now on."""
        self._merger(self.base).absorb(bars)

    def _mark(self, holes: Sequence[Span] | None) -> None:
        if holes is not None:
            self._guard.call(self._resampler.mark_holes, holes)

    def _merged(self, made: list[Bar]) -> list[Bar]:
        imported, self._imported = self._imported, []
        made = [bar for bar in made if bar.ts >= self.begins]  # the bar before only supplies the price at which the first one opens
        bars = self._merger(self.base).add(made) if made else []
        return bars + (self._merger(imported[0].every).add(imported) if imported else [])

    def _merger(self, base: str) -> Merger:
        if base not in self._mergers:
            unreachable = [name for name in self.every if not timeframe(name).holds(timeframe(base))]
            if unreachable:
                names = ", ".join(unreachable)
                raise QuantdError(
                    f"{self._symbol}: the feed brings bars of {base}, of which {names} cannot be made: ask for {base} or longer"
                )
            self._mergers[base] = Merger(base, self.every, self.reopen)
        return self._mergers[base]


def _closed(bar: Bar) -> tuple[int, int]:
    """Sort key: the time at which a bar closed, and then its length, the shortest first."""
    frame = timeframe(bar.every)
    return frame.end(bar.ts), frame.step
