"""The exchange's clock, as far as it can be told from here."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import quantd

log = logging.getLogger(__name__)
Ask = Callable[[], Awaitable[int]]
"""Asks REST for the exchange's time, ms. Raises QuantdError."""

FARTHEST = 3_600_000
"""ms by which a frame's clock may differ from ours before it is not believed."""

SAMPLES = 3
KNOWN_S = 600.0
UNKNOWN_S = 30.0


class ExchangeClock:
    """Estimates the exchange's time from messages that carry it, never ahead of it: a message is at least as old as its journey.

    The estimate hangs on the monotonic clock, so that a step of the local wall clock does not move it. What REST tells wins
    over what frames tell, of which any may be damaged.
    """

    def __init__(self, clock: quantd.Clock) -> None:
        self._clock = clock
        self.by_rest: float | None = None
        """Offset to the monotonic clock, ms."""
        self._by_frames: float | None = None

    def now(self) -> int | None:
        """ms UTC; None before anything told the time."""
        offset = self._by_frames if self.by_rest is None else self.by_rest
        return None if offset is None else int(self._clock.monotonic() * 1000 + offset)

    async def keep(self, ask: Ask) -> None:
        """Measure again and again; without REST the time is told from frames."""
        told = False
        while True:
            try:
                await self.measure(ask)
                told = False
            except quantd.QuantdError as error:
                if not told:
                    log.warning("binance-futures: the exchange's clock is not known from REST: %s", error)
                told = True
            await asyncio.sleep(UNKNOWN_S if told else KNOWN_S)

    async def measure(self, ask: Ask) -> None:
        """Ask REST for the time; the quickest answer of a few counts."""
        self.by_rest = max([await ask() - self._clock.monotonic() * 1000 for _ in range(SAMPLES)])

    def observe(self, sent: int, recv: int) -> None:
        """A frame was sent at `sent` by the exchange's clock and read at `recv` by ours."""
        if abs(sent - recv) < FARTHEST:
            offset = sent - self._clock.monotonic() * 1000
            self._by_frames = offset if self._by_frames is None else max(self._by_frames, offset)


class TurnClock:
    """The wall clock, read once in each turn of the event loop: all that is read in one turn was there at its beginning."""

    def __init__(self, clock: quantd.Clock) -> None:
        self._clock = clock
        self._now: int | None = None

    def now(self) -> int:
        """ms UTC."""
        if self._now is None:
            self._now = self._clock.now()
            asyncio.get_running_loop().call_soon(self._forget)
        return self._now

    def _forget(self) -> None:
        self._now = None
