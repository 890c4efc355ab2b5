"""The route of each stream: on any other route the exchange confirms a subscription and sends nothing."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

import quantd

Route = Literal["market", "public"]
PUBLIC = ("bookTicker", "depth", "rpiDepth")
"""Prefixes of the kinds of streams that only the public route carries."""

KINDS: Mapping[str, str] = {"quotes": "bookTicker", "depth": "depth@100ms", "marks": "markPrice@1s"}
"""The kind of stream for each channel."""


class Routes(Struct, frozen=True, forbid_unknown_fields=True):
    """Paths below `ws`. The exchange sends a stream on its own route only; on another it confirms the subscription and sends nothing."""

    market: Annotated[str, Meta(pattern="^/", description="Where trades and tickers come from.")] = "/market/stream"
    public: Annotated[str, Meta(pattern="^/", description="Where quotes and order books come from.")] = "/public/stream"

    def urls(self, host: str) -> dict[Route, str]:
        """Return the address of each route."""
        host = host.rstrip("/")
        return {"market": host + self.market, "public": host + self.public}


class Stream(NamedTuple):
    """The name of a stream, such as `btcusdt@aggTrade`, and the route that carries it."""

    name: str
    route: Route


LISTING = Stream("!contractInfo", "market")
"""Reports when any symbol is listed, delisted or changed."""


def streams(symbols: Iterable[str], kinds: Iterable[str]) -> list[Stream]:
    """Return the streams of these kinds for each symbol."""
    kinds = tuple(kinds)
    return [Stream(f"{symbol.lower()}@{kind}", "public" if kind.startswith(PUBLIC) else "market") for symbol in symbols for kind in kinds]


def channel_streams(symbols: Iterable[str], channels: quantd.Channels) -> list[Stream]:
    """Return the streams of the channels that are wanted of each symbol besides trades."""
    return [stream for symbol in symbols for stream in streams([symbol], [KINDS[each] for each in sorted(channels.get(symbol, ()))])]
