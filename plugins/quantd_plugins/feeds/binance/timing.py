"""An estimate of the exchange's clock."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import quantd

log = logging.getLogger(__name__)
Ask = Callable[[], Awaitable[int]]
"""Requests the exchange time over REST, ms. Raises QuantdError."""

PROOFS = 3
"""Number of successive frames with a later time than the estimate allows that correct it: one or two may be damaged."""
SAMPLES = 3
KNOWN_S = 600.0
UNKNOWN_S = 30.0
FIRST_S = 2.0
"""Seconds for which connections wait for the first answer of REST."""


class ExchangeClock:
    """Estimates the exchange time from messages that carry it, and is never ahead of it: a message is at least as old as its transit
    time.

    The estimate is relative to the monotonic clock, so that a step of the local wall clock does not move it. REST sets it anew every
    ten minutes. Frames can prove that it is behind, for example after the machine and its monotonic clock were suspended; they then
    move it forward, by as much as all of the last few prove.
    """

    def __init__(self, clock: quantd.Clock) -> None:
        self.clock = clock
        """The clock of the host."""
        self._offset: float | None = None
        """The offset to the monotonic clock, ms."""
        self._proofs: list[float] = []
        self._answered = asyncio.Event()

    def now(self) -> int | None:
        """Return the exchange time, ms UTC; None until it is known."""
        return None if self._offset is None else int(self.clock.monotonic() * 1000 + self._offset)

    async def first(self) -> None:
        """Wait until REST has answered or failed, for a short time at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_S):
                await self._answered.wait()

    async def keep(self, ask: Ask) -> None:
        """Measure at intervals; without REST the time is estimated from frames."""
        told = False
        while True:
            try:
                await self.measure(ask)
                told = False
            except quantd.QuantdError as error:
                if not told:
                    log.warning("binance-futures: the exchange's clock is not known from REST: %s", error)
                told = True
            finally:
                self._answered.set()
            await asyncio.sleep(UNKNOWN_S if told else KNOWN_S)

    async def measure(self, ask: Ask) -> None:
        """Request the time over REST; the fastest of a few answers counts."""
        offset = max([await ask() - self.clock.monotonic() * 1000 for _ in range(SAMPLES)])
        self._offset = offset
        self._proofs.clear()

    def observe(self, sent: int) -> None:
        """Use a frame that was just read and was sent at `sent` by the exchange's clock."""
        offset = sent - self.clock.monotonic() * 1000
        if self._offset is not None and offset <= self._offset:
            self._proofs.clear()
            return
        self._proofs.append(offset)
        if len(self._proofs) == PROOFS:
            self._offset = min(self._proofs)
            self._proofs.clear()


class TurnClock:
    """A clock that is read once in each turn of the event loop: all data read in one turn had arrived at its beginning."""

    def __init__(self, clock: quantd.Clock) -> None:
        self._clock = clock
        self._now: int | None = None

    def now(self) -> int:
        """Return the time, ms UTC."""
        if self._now is None:
            self._now = self._clock.now()
            asyncio.get_running_loop().call_soon(self._forget)
        return self._now

    def _forget(self) -> None:
        self._now = None
