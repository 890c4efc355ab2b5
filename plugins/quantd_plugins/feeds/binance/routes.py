"""Which of the exchange's routes carries which stream: elsewhere it confirms a subscription and stays silent."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

import quantd

Route = Literal["market", "public"]
PUBLIC = ("bookTicker", "depth", "rpiDepth")
"""How the kinds of streams begin that only the public route carries."""

KINDS: Mapping[str, str] = {"quotes": "bookTicker", "depth": "depth@100ms", "marks": "markPrice@1s"}
"""The kind of stream that brings a channel."""


class Routes(Struct, frozen=True, forbid_unknown_fields=True):
    """Paths below `ws`. The exchange sends a stream on its own route only; elsewhere it confirms and stays silent."""

    market: Annotated[str, Meta(pattern="^/", description="Where trades and tickers come from.")] = "/market/stream"
    public: Annotated[str, Meta(pattern="^/", description="Where quotes and order books come from.")] = "/public/stream"

    def urls(self, host: str) -> dict[Route, str]:
        """The address of each route."""
        host = host.rstrip("/")
        return {"market": host + self.market, "public": host + self.public}


class Stream(NamedTuple):
    """A stream by its name, like `btcusdt@aggTrade`, and the route that carries it."""

    name: str
    route: Route


LISTING = Stream("!contractInfo", "market")
"""Tells when any symbol is listed, delisted or changed."""


def streams(symbols: Iterable[str], kinds: Iterable[str]) -> list[Stream]:
    """Those of some kinds for each symbol."""
    kinds = tuple(kinds)
    return [Stream(f"{symbol.lower()}@{kind}", "public" if kind.startswith(PUBLIC) else "market") for symbol in symbols for kind in kinds]


def channel_streams(symbols: Iterable[str], channels: quantd.Channels) -> list[Stream]:
    """Those of what is wanted of each symbol besides trades."""
    return [stream for symbol in symbols for stream in streams([symbol], [KINDS[each] for each in sorted(channels.get(symbol, ()))])]
