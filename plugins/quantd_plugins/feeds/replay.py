"""Recorded data as a feed."""

import logging
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from heapq import merge
from operator import itemgetter
from typing import Annotated

from msgspec import Meta

import quantd
from quantd_plugins.feeds.offload import offload
from quantd_plugins.feeds.readers.formats import AHEAD, read
from quantd_plugins.feeds.readers.row import Row
from quantd_plugins.feeds.readers.source import Source, sources

LEAST_AHEAD = 500
"""Smallest number of trades of each file that are sorted at a time; the files share the memory."""

log = logging.getLogger(__name__)


class Replay(quantd.Feed):
    """Plays files back, all at once, merged by receive time (by exchange time if there is no receive time).

    Reads captured Binance frames (`<receive time in ns> <json>` a line), NDJSON (`symbol`, `ts`, `price`, `size`), aggTrades and klines
    files of data.binance.vision, OHLC CSV (`ts,open,high,low,close,volume`, also of other tools), and JSON arrays of such rows; plain, gzip
    or zip. A bar is played at its end. Rows out of order are sorted, or refused where that takes too much memory. Bad lines are skipped and
    counted in the log.
    """

    files: Annotated[tuple[str, ...], Meta(description="Files to play; of equal times, those of the earlier file come first.")] = ()
    chunk: Annotated[int, Meta(ge=1, description="Events in a batch.")] = 1000

    def __post_init__(self) -> None:
        self._sources: list[Source] = []

    async def stream(self, subscription: quantd.Subscription) -> AsyncGenerator[Sequence[quantd.Event], None]:
        if not self.files:
            raise quantd.QuantdError("replay: there is nothing to play: name the files in `files`")
        with ExitStack() as opened:
            self._sources = [opened.enter_context(closing(source)) for path in self.files for source in sources(path)]
            async for batch in offload(self._events(Admission(subscription.symbols)), self.chunk):
                yield batch

    def progress(self) -> quantd.Progress | None:
        """Return the bytes of all files, as packed; None before the start."""
        if not self._sources:
            return None
        return quantd.Progress(sum(source.position for source in self._sources), sum(source.size for source in self._sources))

    def _events(self, admission: "Admission") -> Iterator[quantd.Event]:
        alone = len(self._sources) == 1
        ahead = max(LEAST_AHEAD, AHEAD // len(self._sources))
        rows = merge(*(admission.filter(read(source, alone=alone, ahead=ahead)) for source in self._sources), key=itemgetter(0))
        return map(itemgetter(2), rows)


class Admission(dict[tuple[str, str], bool]):
    """(symbol, kind of row) -> whether to play it.

    Plain and aggregate trades number the same market independently: of each symbol only the kind that comes first is played.
    """

    def __init__(self, symbols: Iterable[str]) -> None:
        super().__init__()
        self._symbols = frozenset(symbol.upper() for symbol in symbols)
        self._kinds: dict[str, str] = {}

    def __missing__(self, key: tuple[str, str]) -> bool:
        symbol, kind = key
        admitted = not self._symbols or symbol in self._symbols
        if admitted and kind != "bar":
            first = self._kinds.setdefault(symbol, kind)
            admitted = kind == first
            if not admitted:
                log.warning("replay: %s comes as both %s and %s, whose ids differ: skipping every %s", symbol, first, kind, kind)
        self[key] = admitted
        return admitted

    def filter(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Return the rows to play; a doubt (of kind None) concerns every consumer."""
        return (row for row in rows if row[1] is None or self[row[2].symbol, row[1]])  # type: ignore[union-attr]


@quantd.hookimpl
def register_feeds(register: quantd.Register[quantd.Feed]) -> None:
    register("replay", Replay)
