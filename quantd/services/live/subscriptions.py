"""Tracks which callers hold which symbols. A symbol without a holder, or one that was only asked for, streams for some minutes more."""

from collections.abc import Iterable

from quantd.clock import Clock

KEPT_S = 300.0
"""How long (s) a symbol without a holder streams."""
MOST_GUESTS = 50
"""Largest number of symbols that stream without a holder. The one asked for longest ago is dropped first."""


class Subscriptions:
    """Holders by symbol, and guests: the symbols that stream without a holder."""

    def __init__(self, holder: str, symbols: Iterable[str], clock: Clock) -> None:
        self._clock = clock
        self._holders: dict[str, set[str]] = {symbol: {holder} for symbol in symbols}
        self._guests: dict[str, float] = {}

    def is_held(self, symbol: str) -> bool:
        """Return whether a symbol has a holder."""
        return symbol in self._holders

    def hold(self, holder: str, symbol: str) -> None:
        """Stream a symbol for as long as this holder wants it."""
        self._guests.pop(symbol, None)
        self._holders.setdefault(symbol, set()).add(holder)

    def release(self, holder: str, symbols: Iterable[str] | None = None) -> None:
        """End the holder's subscription to these, or to all; a symbol that nobody else holds becomes a guest."""
        for symbol in list(self._holders) if symbols is None else symbols:
            holders = self._holders.get(symbol)
            if holders and holder in holders:
                holders.remove(holder)
                if not holders:
                    del self._holders[symbol]
                    self.ask(symbol)

    def ask(self, symbol: str) -> None:
        """Stream a symbol for at least some minutes from now on."""
        self._guests.pop(symbol, None)
        if symbol not in self._holders:
            self._guests[symbol] = self._clock.monotonic() + KEPT_S

    def expire(self) -> list[str]:
        """Remove and return the guests whose time is up, and those beyond the limit."""
        now, over = self._clock.monotonic(), len(self._guests) - MOST_GUESTS
        gone = [symbol for number, (symbol, until) in enumerate(self._guests.items()) if number < over or until <= now]
        for symbol in gone:
            del self._guests[symbol]
        return gone
