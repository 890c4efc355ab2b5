"""The missing trades of one symbol."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

from msgspec import Struct

from quantd.flow.ingest.ledger import Ledger, Source
from quantd.model import Tick


class MissingTrades(Struct):
    """The missing trades of a symbol, and the functions that insert them once they are found and that note a change of their source."""

    symbol: str
    ledger: Ledger
    insert: Callable[[Sequence[Tick]], Awaitable[None]]
    note: Callable[[], None] = lambda: None

    def set_source(self, first: int, last: int, source: Source) -> None:
        """Set the source of the missing ids from `first` to `last`."""
        self.ledger.set_source(first, last, source)
        self.note()


ListMissing = Callable[[], Iterable[MissingTrades]]
"""Returns one `MissingTrades` for each symbol that may be repaired now."""
