"""Which symbols there are, and which of them are streamed."""

from collections.abc import Sequence
from typing import Protocol


class Symbols(Protocol):
    """Symbols and who holds them. All are upper case."""

    def listed(self) -> list[str]:
        """The config's symbols: the legs of its pairs, then `symbols:`."""
        ...

    def supported(self) -> list[str]:
        """The listed symbols first, then whatever else the exchange lists as trading."""
        ...

    def active(self) -> list[str]:
        """The symbols that are streamed because somebody holds them."""
        ...

    def flowing(self) -> list[str]:
        """The active symbols whose trades come."""
        ...

    def hold(self, holder: str, symbols: Sequence[str]) -> None:
        """Stream these symbols at least as long as this holder wants them; one that is not supported is left out."""
        ...

    def release(self, holder: str, symbols: Sequence[str] | None = None) -> None:
        """End the holder's subscription to these symbols, or to all; a symbol that nobody holds is streamed for some minutes more."""
        ...

    async def warm_up(self, symbols: Sequence[str]) -> None:
        """Have these symbols streamed for some minutes, at least, and return when their past is there, 5 s after the first question for
        them at the latest."""
        ...
