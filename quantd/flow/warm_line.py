"""The line in which symbols wait to read their past from a feed, and an estimate of how long that takes.

A venue answers a limited number of requests a minute, and many more for bars than for trades. So the first symbols of a start read bars and
trades at once, and their windows are full within seconds. Further symbols read bars only:

    ──── the feed is connected ────────── a full minute ────────────────▶ time
          trades of the stream wait        bars up to here are read,
          from here on                     trades from here on have waited
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from msgspec import Struct

from quantd.clock import Clock
from quantd.flow.pair import PairStage
from quantd.flow.symbol import SymbolStage
from quantd.timeframes import SECOND

MOST_WITH_TRADES = 40
"""Number of symbols that read trades, too: as many as a venue with Binance's limits answers within a minute."""
_AT_ONCE = 6
_MOST_FAILED = 3
"""After this many failures in a row the feed does not answer, and nobody waits in the line any more: each symbol begins without its past
once its own attempts have failed."""
_EXPECTED, _EXPECTED_S = 125, 30.0
"""Number of symbols that the estimate assumes to read in so many seconds, before those that are observed."""


class Warming(Struct, frozen=True):
    """How many of the listed symbols have their past, and the estimated time (s) until all have it; None if nothing is being read."""

    warm: int
    symbols: int
    left_s: float | None = None

    def __str__(self) -> str:
        return f"{self.warm}/{self.symbols}" + (f", {remaining(self.left_s)}" if self.left_s is not None else "")


def remaining(seconds: float) -> str:
    """Return an estimate in words.

    >>> remaining(40.0), remaining(100.0)
    ('less than a minute left', 'about 2 min left')
    """
    return "less than a minute left" if seconds < 60 else f"about {round(seconds / 60)} min left"


class WarmLine:
    """Lets few symbols read at a time. The next is the one that makes the most pairs whole, then one that is a leg of a pair."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._free = _AT_ONCE
        self._turns: dict[SymbolStage, asyncio.Future[None]] = {}
        self._moments: dict[SymbolStage, tuple[int, asyncio.Event]] = {}
        """The event times (ms) that symbols wait for."""
        self._top = 0
        self._legs: dict[SymbolStage, list[SymbolStage]] = {}
        """The other legs of the pairs of each symbol."""
        self._served: set[SymbolStage] = set()
        """Symbols that have read, or read now."""
        self._failed = 0
        """Number of failures since the last success."""
        self._since = clock.monotonic()
        self._count = 0

    def expect(self, stages: Iterable[SymbolStage], pairs: Iterable[PairStage]) -> list[SymbolStage]:
        """Return these stages in the order in which they are to begin: legs of pairs first."""
        legs = defaultdict(list)
        for pair in pairs:
            legs[pair.y].append(pair.x)
            legs[pair.x].append(pair.y)
        self._legs = dict(legs)
        if not (self._turns or self._moments):
            self._restart_estimate()
        return sorted(stages, key=lambda stage: stage not in self._legs)

    def see(self, top: int) -> None:
        """Let those go on that wait for event time `top` (ms)."""
        self._top = top
        for moment, reached in list(self._moments.values()):
            if moment <= top and not reached.is_set():
                reached.set()
                self._restart_estimate()

    async def reached(self, stage: SymbolStage, moment: int) -> None:
        """Return once event time has reached `moment` (ms)."""
        if moment <= self._top:
            return
        reached = asyncio.Event()
        self._moments[stage] = moment, reached
        try:
            await reached.wait()
        finally:
            del self._moments[stage]

    @asynccontextmanager
    async def turn(self, stage: SymbolStage) -> AsyncIterator[None]:
        """Wait for the symbol's turn, and hold it within the block."""
        await self._take_turn(stage)
        self._served.add(stage)
        try:
            yield
            self._failed = 0
        except Exception:
            self._failed += 1
            raise
        finally:
            self._count += 1
            self._pass_on()

    def left_s(self, missing: int) -> float:
        """Return an estimate (s) of the time until this many symbols have read."""
        waits = max((moment - self._top for moment, _ in self._moments.values()), default=0) / SECOND
        passed = max(self._clock.monotonic() - self._since, 0.0)
        return max(waits, 0.0) + missing * (_EXPECTED_S + passed) / (_EXPECTED + self._count)

    def forget(self, stage: SymbolStage) -> None:
        """Forget a symbol that has left."""
        self._served.discard(stage)
        self._legs.pop(stage, None)

    async def _take_turn(self, stage: SymbolStage) -> None:
        if self._free or self._failed >= _MOST_FAILED:
            self._free = max(self._free - 1, 0)
            return
        turn = self._turns[stage] = asyncio.get_running_loop().create_future()
        try:
            await turn
        except asyncio.CancelledError:
            if self._turns.pop(stage, None) is None:  # its turn had come
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        if not self._turns:
            self._free = min(self._free + 1, _AT_ONCE)
        for _ in range(len(self._turns) if self._failed >= _MOST_FAILED else min(len(self._turns), 1)):
            self._turns.pop(min(self._turns, key=self._rank)).set_result(None)

    def _rank(self, stage: SymbolStage) -> tuple[int, bool]:
        """Sort key: the number of its pairs whose other leg has had its turn, the most first; then whether it has pairs at all."""
        legs = self._legs.get(stage, ())
        return -sum(leg in self._served for leg in legs), not legs

    def _restart_estimate(self) -> None:
        self._since, self._count = self._clock.monotonic(), 0
