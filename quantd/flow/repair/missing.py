"""The missing trades of one symbol."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

from msgspec import Struct

from quantd.flow.ingest.ledger import Ledger
from quantd.model import Tick


class MissingTrades(Struct):
    """The missing trades of a symbol, and the function that inserts them once they are found."""

    symbol: str
    ledger: Ledger
    insert: Callable[[Sequence[Tick]], Awaitable[None]]


ListMissing = Callable[[], Iterable[MissingTrades]]
"""Returns one `MissingTrades` for each symbol that may be repaired now."""
