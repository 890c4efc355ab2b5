"""Finds streams that are silent although there are trades, and connections that bring no data any more.

Silence alone proves nothing: a market may be quiet. If a stream is silent for longer than usual, REST is asked; the silence has a
reason unless REST reports a newer trade that does not arrive over the stream either. REST is not asked while the market is closed.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable

from msgspec import Struct

import quantd
from quantd_plugins.feeds.binance.probes import Newest, Probes
from quantd_plugins.feeds.binance.stream_state import Carrier, StreamState

log = logging.getLogger(__name__)

UNUSUAL = 3.0
"""Ratio of a silence to the usual one from which REST is asked."""
ALARMING = 10.0
"""Ratio of a silence to the usual one from which the last probe may be used."""
FORGET = 0.1
LOOK_S = 1.0
GRACE_S = 2.0
"""Seconds that a trade reported by REST may take to arrive over the stream."""
DEAF_S = 3.0
"""Shorter silences of a connection do not count, since pongs are requested only at intervals."""
MOST_STRIKES = 6


class Rest(Struct, frozen=True):
    """The REST requests that the watch uses."""

    newest: Newest
    is_closed: Callable[[str], bool]
    """Returns whether the market of a symbol is closed now."""


class Watch:
    """Checks the carriers at intervals. `silent` (s) is the time within which a silence is to be found if there are trades; `busy`
    returns whether we read too slowly ourselves; `missed` is called when a stream has not brought a trade.
    """

    def __init__(
        self,
        silent: float,
        carriers: Callable[[], Iterable[Carrier]],
        rest: Rest,
        exchange_now: Callable[[], int | None],
        busy: Callable[[], bool],
        missed: Callable[[], None],
        clock: quantd.Clock,
    ) -> None:
        self._silent = silent
        self._carriers = carriers
        self._is_closed = rest.is_closed
        self._exchange_now = exchange_now
        self._busy = busy
        self._missed = missed
        self._clock = clock
        self._probes = Probes(rest.newest, silent / 3, clock, self._unknown)
        self._states: dict[str, StreamState] = {}
        self._gaps: dict[str, float] = {}
        self._strikes: dict[str, int] = {}
        self._upto: dict[Carrier, tuple[int, float]] = {}
        self._looked = clock.monotonic()

    async def run(self) -> None:
        """Check at intervals, for ever."""
        try:
            while True:
                await asyncio.sleep(self.period)
                self.look()
        finally:
            self._probes.cancel()

    @property
    def period(self) -> float:
        """Return the seconds between two checks."""
        return min(LOOK_S, self._silent / 10)

    def silent_symbols(self, carrier: Carrier) -> list[str]:
        """Return the symbols whose streams over this connection are silent."""
        return [symbol for symbol, state in self._states.items() if state.silent and state.carrier is carrier]

    def keep(self, symbols: Iterable[str]) -> None:
        """Drop the usual gaps of all other symbols."""
        kept = frozenset(symbols)
        for known in (self._gaps, self._strikes):
            for symbol in known.keys() - kept:
                del known[symbol]

    def look(self) -> None:
        """Note the trades that have arrived since the last check, and ask REST about silent streams."""
        now = self._clock.monotonic()
        carriers = list(self._carriers())
        if self._busy() or now - self._looked > 5 * self.period:  # we have slept, or read too slowly: the silence is ours
            self._excuse(now)
        self._looked = now
        for carrier in carriers:
            self._listen_to_all(carrier, now)
            if carrier.ready:
                for symbol in carrier.trades_of:
                    self._listen(carrier, symbol, now)
        wanted = {symbol for carrier in carriers for symbol in carrier.trades_of}
        for symbol in self._states.keys() - wanted:
            del self._states[symbol]
        self._upto = {carrier: self._upto[carrier] for carrier in carriers if carrier in self._upto}
        self._excuse_closed(now)
        self._judge(now)
        self._ask(now)

    async def settle(self) -> None:
        """Wait for the probes under way."""
        await self._probes.settle()

    def _excuse(self, now: float) -> None:
        for state in self._states.values():
            state.heard = state.checked = state.told = now
        self._upto.clear()

    def _excuse_closed(self, now: float) -> None:
        """Excuse silent symbols whose market is closed; the measurement starts again when it opens."""
        for symbol, state in self._states.items():
            if self._is_closed(symbol):
                state.heard = state.checked = now
                state.newer, state.silent = 0, False

    def _listen_to_all(self, carrier: Carrier, now: float) -> None:
        """Replace a carrier that brings no data, not even the pongs that are requested during each silence."""
        upto, since = self._upto.get(carrier, (0, now))
        if carrier.upto != upto or not carrier.upto:
            self._upto[carrier] = (carrier.upto, now)
        elif now - since > max(DEAF_S, self._silent / 2):
            carrier.retire(f"nothing has come for {now - since:.0f} s, not even pongs")

    def _listen(self, carrier: Carrier, symbol: str, now: float) -> None:
        state, last = self._states.get(symbol), carrier.brought.get(symbol)
        if state is None or state.carrier is not carrier:
            self._states[symbol] = StreamState(carrier, self._exchange_now() or 0, last, now, now)
        elif last is not None and last != state.last:
            if state.last is not None and last > state.last:
                gap = (now - state.heard) / (last - state.last)
                self._gaps[symbol] = gap + (1 - FORGET) * (self._gaps.get(symbol, gap) - gap)
            state.last, state.heard, state.checked = last, now, now
            state.silent = False
            self._strikes.pop(symbol, None)

    def _judge(self, now: float) -> None:
        """Mark a stream as silent if REST reported a trade that still has not arrived; the stream may have missed others, too."""
        found = False
        for symbol, state in self._states.items():
            if not state.newer:
                continue
            if state.last is not None and state.last >= state.newer:
                state.newer = 0
            elif now - state.told >= min(GRACE_S, self._silent / 10):
                log.warning(
                    "binance-futures: %s: %s: silent for %.0f s while REST tells of trade %d (last here: %s)",
                    *(state.carrier.name, symbol, now - state.heard, state.newer, "none" if state.last is None else state.last),
                )
                state.carrier.retire(f"{symbol} is silent")
                state.newer, state.silent, state.checked = 0, True, now
                found = True
                self._strikes[symbol] = min(MOST_STRIKES, self._strikes.get(symbol, 0) + 1)
        if found:
            self._missed()

    def _ask(self, now: float) -> None:
        """Compare the most suspicious streams with REST, as the budget allows."""
        suspects = [
            (self._suspicion(symbol, state, now), symbol) for symbol, state in self._states.items() if self._is_due(symbol, state, now)
        ]
        for suspicion, symbol in sorted(suspects, reverse=True):
            alarming = suspicion >= ALARMING or not self._states[symbol].carrier.brought
            if not self._probes.begin(symbol, self._states[symbol], alarming=alarming):
                return

    def _suspicion(self, symbol: str, state: StreamState, now: float) -> float:
        return (now - max(state.heard, state.checked)) / max(self._gaps.get(symbol, self._silent / 3), 1e-3)

    def _is_due(self, symbol: str, state: StreamState, now: float) -> bool:
        usual = self._gaps.get(symbol, 0.0)
        patience = max(self._silent / 3, min(UNUSUAL * usual, self._silent)) * 2 ** self._strikes.get(symbol, 0)
        return symbol not in self._probes and not state.newer and now - max(state.heard, state.checked) >= patience

    def _unknown(self, symbol: str, state: StreamState) -> None:
        """Treat a long silence as a fault, since REST cannot tell whether there is a reason for it."""
        if self._suspicion(symbol, state, self._clock.monotonic()) >= ALARMING:
            self._missed()
