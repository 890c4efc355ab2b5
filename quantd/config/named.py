"""Records where the config names which symbol, so that a symbol that its feed does not list can be reported at its place."""

from collections.abc import Collection

from msgspec import Struct

from quantd.config.node import Node
from quantd.errors import Mistake, close_to


class Named(Struct, frozen=True):
    """One mention of a symbol that a feed is to bring."""

    symbol: str
    feed: str
    place: Node
    path: str

    def mistake(self, message: str, listed: Collection[str]) -> Mistake:
        """Return a mistake at this place; it suggests a similar symbol among the `listed` ones, if there is one."""
        return self.place.mistake(self.path, message, meant(self.symbol, listed))


def meant(symbol: str, listed: Collection[str]) -> str | None:
    """Return the symbol that was probably meant, preferably one that contains it.

    >>> meant("PEPEUSDT", ["PEOPLEUSDT", "1000PEPEUSDT"])
    '1000PEPEUSDT'
    >>> meant("BTCUSD", ["BTCUSDC", "BTCUSDT", "ETHUSDT"])
    'BTCUSDT'
    """
    return close_to(symbol, [each for each in listed if symbol in each]) or close_to(symbol, listed)
