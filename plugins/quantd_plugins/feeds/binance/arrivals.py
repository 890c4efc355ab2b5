"""The trades that arrive over one connection, and the buffer of events that wait until the previous connection has brought earlier ones
(handover.py).
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import quantd
from quantd_plugins.feeds.binance.book_frames import DepthUpdate
from quantd_plugins.feeds.binance.books import Books
from quantd_plugins.feeds.binance.frames import Trade
from quantd_plugins.feeds.binance.trade_columns import ENOUGH, TradeColumns

log = logging.getLogger(__name__)

MOST_EARLY = 10_000
Early = Callable[[], quantd.Event | None]
"""Makes the event from a message that arrived too early, when its turn comes."""


class Arrivals:
    """Records which trades arrived. With an `elder`, trades and book changes wait until those before them have arrived over either
    connection.
    """

    def __init__(self, name: str, books: Books, elder: "Arrivals | None") -> None:
        self.brought: dict[str, int] = {}
        """The last trade id of each symbol that arrived."""
        self._name = name
        self._books = books
        self._elder = elder
        self._resumed: dict[str, int] = {}
        """The last trade ids that other connections brought of symbols that have not arrived here yet: the first trade shows what was
        missed.
        """
        self._early: deque[Early] = deque()
        self._columns = TradeColumns()

    @property
    def flow(self) -> bool:
        """Whether trades pass as they come, since no elder may have to bring earlier ones."""
        return self._elder is None

    def resume(self, known: Mapping[str, int]) -> None:
        """Note that no other connection carries the streams now; `known` holds the last trade ids that others brought."""
        self._resumed = {symbol: number for symbol, number in known.items() if symbol not in self.brought}

    def released(self) -> Iterator[quantd.Event]:
        """Yield the events that waited for the elder, including those that arrive during the iteration; then remove the elder."""
        while self._early:
            event = self._early.popleft()()
            if event is not None:
                yield event
        self._elder = None

    def place(self, events: list[quantd.Event]) -> list[quantd.Event]:
        """Record the trades, and return the events that need not wait."""
        trades = [event for event in events if type(event) is quantd.Tick]
        if self._resumed:
            for trade in trades:
                if trade.symbol in self._resumed:
                    self._tell_missed(trade.symbol, trade.id)
        self.brought.update({trade.symbol: trade.id for trade in trades})
        elder = self._elder
        if elder is None:
            return events
        return [event for event in events if not (isinstance(event, quantd.Tick) and self._waits(event, elder))]

    def place_trades(self, trades: Sequence[Trade], recv: int) -> Sequence[quantd.Event]:
        """Record trades that need not wait, and return them as columns, or as a list if there are few of each symbol."""
        batch, lasts = self._columns.batch(trades, recv)
        for symbol in self._resumed.keys() & lasts:
            self._tell_missed(symbol, next(trade.id for trade in trades if trade.symbol == symbol))
        self.brought.update(lasts)
        return batch if len(trades) >= ENOUGH * len(lasts) else list(batch)

    def take_changes(self, changes: DepthUpdate, recv: int) -> quantd.Depth | None:
        """Return the book after these changes; None if the book is not whole, or if earlier changes are still to come."""
        if self._elder is None or len(self._early) >= MOST_EARLY or not self._books.awaits(changes):
            return self._books.take(changes, recv)
        self._early.append(partial(self._books.take, changes, recv))
        return None

    def _waits(self, trade: quantd.Tick, elder: "Arrivals") -> bool:
        """Keep a trade that is more than one id beyond the last one of the elder. Streams that the elder does not carry do not wait."""
        last = elder.brought.get(trade.symbol)
        if last is None or trade.id <= last + 1 or len(self._early) >= MOST_EARLY:
            return False
        self._early.append(partial(_itself, trade))
        return True

    def _tell_missed(self, symbol: str, first: int) -> None:
        last = self._resumed.pop(symbol)
        if first > last + 1:
            count = first - last - 1
            log.warning("binance-futures: %s: %s: trades missed: %d, ids %d to %d", self._name, symbol, count, last + 1, first - 1)
        else:
            log.info("binance-futures: %s: %s: trades missed: none, id %d follows %d", self._name, symbol, first, last)


def _itself(event: quantd.Event) -> quantd.Event:
    return event
