"""Asks REST whether there is a reason for the silence of a stream."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import quantd
from quantd.net import Budget
from quantd_plugins.feeds.binance.stream_state import StreamState

log = logging.getLogger(__name__)

Newest = Callable[[str], Awaitable[tuple[int, int] | None]]
"""Requests the id and ts (ms) of a symbol's newest trade over REST; None if there is none. Raises QuantdError."""

PROBES_AT_ONCE = 2
PROBES_PER_S = 1 / 15
"""Probes a second; together with the two at once, six a minute at most."""


class Probes:
    """The REST requests under way, within a budget. If REST does not answer within `patience` (s), `failed` is called."""

    def __init__(self, newest: Newest, patience: float, clock: quantd.Clock, failed: Callable[[str, StreamState], None]) -> None:
        self._newest = newest
        self._patience = patience
        self._clock = clock
        self._failed = failed
        self._budget = Budget(PROBES_PER_S, PROBES_AT_ONCE, clock)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._unavailable = False

    def __contains__(self, symbol: str) -> bool:
        """Return whether a request about the symbol is under way."""
        return symbol in self._tasks

    def begin(self, symbol: str, state: StreamState, *, alarming: bool) -> bool:
        """Request a symbol's newest trade, if the budget allows; only an alarming silence may use the last probe. Needs a running loop."""
        if len(self._tasks) >= PROBES_AT_ONCE or not self._budget.try_take(keep=0 if alarming else 1):
            return False
        self._tasks[symbol] = asyncio.create_task(self._ask(symbol, state), name=f"binance-futures-probe-{symbol}")
        return True

    async def settle(self) -> None:
        """Wait for the requests under way."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def cancel(self) -> None:
        """Cancel the requests under way."""
        for task in self._tasks.values():
            task.cancel()

    async def _ask(self, symbol: str, state: StreamState) -> None:
        try:
            async with asyncio.timeout(self._patience):
                newest = await self._newest(symbol)
        except (quantd.QuantdError, TimeoutError) as error:
            if not self._unavailable:
                log.warning(
                    "binance-futures: %s: silent, and REST cannot tell whether it should be: %s", symbol, str(error) or "no answer in time"
                )
            self._unavailable = True
            self._failed(symbol, state)
        except Exception:
            log.exception("binance-futures: %s: cannot be held against REST", symbol)
        else:
            self._unavailable = False
            if newest and state.is_newer(*newest):
                state.newer, state.told = newest[0], self._clock.monotonic()
        finally:
            state.checked = self._clock.monotonic()
            self._tasks.pop(symbol, None)
