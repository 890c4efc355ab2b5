"""The raw trades of an aggregate trade, reconstructed from the public tape."""

from typing import NamedTuple

from quantd.simulator.trades import Trade


class Raw(NamedTuple):
    """A trade with a single maker, in ticks and steps. `rpi` is true for a retail price improvement order."""

    id: int
    price: int
    quantity: int
    time: int
    maker: bool
    rpi: bool


def raw_trades(trade: Trade) -> list[Raw]:
    """Return the raw trades of an aggregate in order of id. Their quantities add up to that of the aggregate, and those without RPI to its
    `nq`, if it has enough ids."""
    shares = [(trade.nq, False), (trade.q - trade.nq, True)]
    shares = [share for share in shares if share[0]]
    ids = trade.l - trade.f + 1
    if len(shares) > ids:
        shares = [(trade.q, False)]
    quantity, rpi = shares[0]
    parts = min(quantity, ids - len(shares) + 1)
    pieces = [(quantity // parts + (i < quantity % parts), rpi) for i in range(parts)] + shares[1:]
    return [Raw(trade.f + i, trade.p, part, trade.T, trade.m, improved) for i, (part, improved) in enumerate(pieces)]
