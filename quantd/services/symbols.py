"""The symbols, and which of them stream."""

from collections.abc import Sequence
from typing import Protocol


class Symbols(Protocol):
    """Symbols and their holders. All symbols are upper case."""

    def listed(self) -> list[str]:
        """Return the config's symbols: the legs of its pairs, then `symbols:`."""
        ...

    def supported(self) -> list[str]:
        """Return the listed symbols, followed by all others that the exchange lists as trading."""
        ...

    def active(self) -> list[str]:
        """Return the symbols that stream because they have a holder."""
        ...

    def flowing(self) -> list[str]:
        """Return the active symbols whose trades arrive."""
        ...

    def hold(self, holder: str, symbols: Sequence[str]) -> None:
        """Stream these symbols at least as long as this holder wants them. A symbol that is not supported is left out."""
        ...

    def release(self, holder: str, symbols: Sequence[str] | None = None) -> None:
        """End the holder's subscription to these symbols, or to all. A symbol without a holder streams for some minutes more."""
        ...

    def is_warm(self, symbols: Sequence[str]) -> bool:
        """Return whether these symbols stream and their past is there. If so, they stream for at least some minutes more."""
        ...

    async def warm_up(self, symbols: Sequence[str]) -> None:
        """Stream these symbols for at least some minutes. Return when their past is there, at the latest 5 s after the first question about
        them."""
        ...
