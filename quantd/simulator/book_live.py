"""The live streams of quotes, books and mark prices. Data are generated only for streams that have a receiver."""

import asyncio
from collections.abc import Callable, Iterable

import numpy as np

from quantd.simulator.coin import with_coin_margined
from quantd.simulator.exchange import Exchange
from quantd.simulator.listing import Listing
from quantd.simulator.ws import Gateway

DEPTH_MS = {"": 250, "@100ms": 100, "@500ms": 500}
PARTIAL_LEVELS = (5, 10, 20)
MARK_MS = {"": 3_000, "@1s": 1_000}
ALL_QUOTES_MS = 5_000

Payloads = Callable[[int, int], Iterable[bytes]]


class BookLive:
    """Sends each kind of data at multiples of its own period on the exchange's clock, quotes whenever they change."""

    def __init__(self, exchange: Exchange, gateway: Gateway) -> None:
        self._exchange = exchange
        self._gateway = gateway
        self._pushed = exchange.clock.epoch
        listings = list(exchange.listings.values())
        self._streams = {name: payloads for listing in listings for name, payloads in _of_symbol(listing).items()} | _of_all(listings)

    async def run(self) -> None:
        """Push what is due, at the cadence of the scenario."""
        while True:
            self.push(self._exchange.clock.now_ms())
            await asyncio.sleep(self._exchange.scenario.push_ms / 1000)

    def push(self, now: int) -> None:
        """Publish everything that became due since the last call."""
        since, self._pushed = self._pushed, max(self._pushed, now)
        if now <= since:
            return
        for name, payloads in self._streams.items():
            if self._gateway.wanted(name):
                due = list(payloads(since, now))
                if due:
                    self._gateway.publish(name, due)


def _of_symbol(listing: Listing) -> dict[str, Payloads]:
    lower = listing.symbol.lower()
    streams: dict[str, Payloads] = {f"{lower}@bookTicker": lambda since, now: _quotes(listing, since, now)}
    for suffix, period in DEPTH_MS.items():
        streams[f"{lower}@depth{suffix}"] = _depth(listing, period, None)
        streams |= {f"{lower}@depth{levels}{suffix}": _depth(listing, period, levels) for levels in PARTIAL_LEVELS}
    return streams | {f"{lower}@markPrice{suffix}": _marks(listing, period) for suffix, period in MARK_MS.items()}


def _of_all(listings: list[Listing]) -> dict[str, Payloads]:
    marks: dict[str, Payloads] = {f"!markPrice@arr{suffix}": _all_marks(listings, period) for suffix, period in MARK_MS.items()}
    return marks | {"!bookTicker": lambda since, now: _all_quotes(listings, since, now)}


def _quotes(listing: Listing, since: int, now: int) -> Iterable[bytes]:
    times = np.arange(since, now + 1)
    top = listing.book.top(times)
    changed = 1 + np.flatnonzero((top[1:] != top[:-1]).any(axis=1))
    rows = zip(top[changed].tolist(), times[changed].tolist(), strict=True)
    return [listing.book_wire.book_ticker(row, time, now) for row, time in rows]


def _all_quotes(listings: list[Listing], since: int, now: int) -> Iterable[bytes]:
    for time in _due(since, now, ALL_QUOTES_MS):
        tops = [(listing, listing.book.top(np.array([time])).tolist()[0]) for listing in listings]
        yield from with_coin_margined(listing.book_wire.book_ticker(row, time, now) for listing, row in tops)


def _depth(listing: Listing, period: int, levels: int | None) -> Payloads:
    book, wire = listing.book, listing.book_wire

    def payloads(since: int, now: int) -> Iterable[bytes]:
        for time in _due(since, now, period):
            before = time - period
            sides = book.changes(before, time) if levels is None else book.at(time, levels)
            yield wire.depth(sides, before, time, now)

    return payloads


def _marks(listing: Listing, period: int) -> Payloads:
    return lambda since, now: [listing.book_wire.mark(listing.marks.at(time), time) for time in _due(since, now, period)]


def _all_marks(listings: list[Listing], period: int) -> Payloads:
    def payloads(since: int, now: int) -> Iterable[bytes]:
        for time in _due(since, now, period):
            rows = with_coin_margined(each.book_wire.mark(each.marks.at(time), time) for each in listings)
            half = -(-len(rows) // 2)
            for part in (rows[:half], rows[half:]):  # together they are longer than what the exchange sends at once
                if part:
                    yield b"[" + b",".join(part) + b"]"

    return payloads


def _due(since: int, now: int, period: int) -> range:
    """Return the multiples of `period` after `since` and up to `now`."""
    return range(since // period * period + period, now + 1, period)
