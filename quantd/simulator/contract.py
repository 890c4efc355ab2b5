"""The kind of contract of a symbol, derived from its name and its trading sessions."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

PERPETUAL = "PERPETUAL"
NEVER = 4_133_404_800_000
"""The delivery date of a perpetual contract."""
DELIVERY_HOUR = 8
_WITH_END = re.compile(r"(.+)_(\d{6})")


@dataclass(frozen=True)
class Contract:
    """A contract. `delivery` is the time (ms UTC) at which it ends."""

    pair: str
    kind: str
    delivery: int

    @property
    def ends(self) -> bool:
        """Whether the contract has a delivery date. If so, no funding is paid for holding it."""
        return self.delivery != NEVER


def contract_of(symbol: str, kind: str = PERPETUAL) -> Contract:
    """Return a perpetual contract of this kind, or one that ends on the day that the symbol's name gives.

    >>> contract_of("BTCUSDT_270326")
    Contract(pair='BTCUSDT', kind='CURRENT_QUARTER', delivery=1806048000000)
    >>> contract_of("BTCUSDT").kind
    'PERPETUAL'
    """
    found = _WITH_END.fullmatch(symbol)
    if not found:
        return Contract(symbol, kind, NEVER)
    day = datetime.strptime(found[2], "%y%m%d").replace(hour=DELIVERY_HOUR, tzinfo=UTC)
    return Contract(found[1], "CURRENT_QUARTER", round(day.timestamp() * 1000))
