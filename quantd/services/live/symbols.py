"""Symbols of a running flow."""

import asyncio
from collections.abc import MutableMapping, Sequence
from contextlib import suppress

import msgspec

from quantd.blobs import recalled
from quantd.clock import Clock
from quantd.config.model import Config
from quantd.history.live_bars import LiveBars
from quantd.runtime.runtime import Runtime
from quantd.services.live.lookup import stages_of
from quantd.services.live.subscriptions import Subscriptions
from quantd.services.symbols import Symbols
from quantd.state import tried_again

_PATIENCE_S = 5.0
"""A request waits (s) at most this long after the first question about a symbol for the symbol's past."""
_SYMBOLS = "symbols"


class LiveSymbols(Symbols):
    """Controls which symbols a runtime streams. The symbols that the exchange lists are stored in `cache`."""

    def __init__(self, runtime: Runtime, config: Config, bars: LiveBars, cache: MutableMapping[str, bytes], clock: Clock) -> None:
        self._runtime = runtime
        self._config = config
        self._bars = bars
        self._cache = cache
        self._clock = clock
        self._supported = self._known_with(recalled(cache, _SYMBOLS, list[str]) or ())
        self._subscriptions = Subscriptions("config", self.listed(), clock)
        self._asked: dict[str, float] = {}
        """When (monotonic, s) each streamed symbol was first asked for."""

    def listed(self) -> list[str]:
        legs = [leg for pair in self._config.pairs for leg in (pair.y, pair.x)]
        return list(dict.fromkeys([*legs, *self._config.symbols]))

    def supported(self) -> list[str]:
        return self._supported

    def learn(self, listed: Sequence[str]) -> None:
        """Take over the symbols that the exchange lists as trading now."""
        self._supported = self._known_with(listed)
        with tried_again(self._runtime.outputs.troubles, _SYMBOLS):
            self._cache[_SYMBOLS] = msgspec.json.encode(listed)

    def _known_with(self, exchange: Sequence[str]) -> list[str]:
        return list(dict.fromkeys([*self.listed(), *exchange]))

    def is_held(self, symbol: str) -> bool:
        """Return whether a symbol has a holder."""
        return self._subscriptions.is_held(symbol)

    def active(self) -> list[str]:
        return list(dict.fromkeys(stage.symbol for flow in self._runtime.flows for stage in flow.stages if self.is_held(stage.symbol)))

    def flowing(self) -> list[str]:
        live = [stage for flow in self._runtime.flows if flow.state == "live" for stage in flow.stages]
        return [stage.symbol for stage in live if stage.last and self.is_held(stage.symbol)]

    def hold(self, holder: str, symbols: Sequence[str]) -> None:
        for symbol in symbols:
            if symbol in self.supported():
                self._subscriptions.hold(holder, symbol)
                self._runtime.watch_symbol(symbol)

    def release(self, holder: str, symbols: Sequence[str] | None = None) -> None:
        self._subscriptions.release(holder, symbols)
        self.sweep()

    def is_warm(self, symbols: Sequence[str]) -> bool:
        for symbol in symbols:
            stages = stages_of(self._runtime, symbol)
            if not stages or not all(stage.ready or stage.absent for stage in stages):
                return False
            if not self._subscriptions.is_held(symbol):
                self._subscriptions.ask(symbol)
        return True

    async def warm_up(self, symbols: Sequence[str]) -> None:
        if self.is_warm(symbols):
            return
        for symbol in symbols:
            self._subscriptions.ask(symbol)
            if not stages_of(self._runtime, symbol):
                self._runtime.watch_symbol(symbol)
        self.sweep()
        now = self._clock.monotonic()
        until = [self._asked.setdefault(symbol, now) + _PATIENCE_S for symbol in symbols]
        for symbol, deadline in zip(symbols, until, strict=True):
            await self._begun(symbol, deadline - self._clock.monotonic())

    async def _begun(self, symbol: str, patience: float) -> None:
        """Return when a symbol has its past, at the latest after `patience` seconds."""
        waiting = [stage for stage in stages_of(self._runtime, symbol) if not (stage.ready or stage.absent)]
        if waiting and patience > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    for stage in waiting:
                        await stage.until_ready()

    def sweep(self) -> None:
        """Drop the symbols that have had no holder for some minutes."""
        for symbol in self._subscriptions.expire():
            self._asked.pop(symbol, None)
            self._bars.forget(symbol)
            self._runtime.drop_symbol(symbol)
