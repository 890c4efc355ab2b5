"""The live streams of candles: the current candle as it grows, and its final state once no more trades can belong to it."""

import asyncio
from collections.abc import Iterator

from quantd.simulator.exchange import Exchange
from quantd.simulator.klines import INTERVALS, MINUTE_MS, Bar
from quantd.simulator.listing import Listing
from quantd.simulator.market import uniform
from quantd.simulator.trades import LATE_MS
from quantd.simulator.ws import Gateway

UPDATE_MS = 250
SECOND_MS = 1_000


class Ticks:
    """One stream: the candle that it shows, and the state that it sent last."""

    def __init__(self, listing: Listing, interval: str, interval_ms: int, *, continuous: bool) -> None:
        self.name = f"{listing.symbol.lower()}{'_perpetual@continuousKline' if continuous else '@kline'}_{interval}"
        self.symbol = listing.symbol
        self._listing = listing
        self._interval = interval
        self._step = interval_ms
        self._payload = listing.wire.continuous_kline if continuous else listing.wire.kline
        self._opened: int | None = None
        self._told: Bar | None = None

    def forget(self) -> None:
        """Forget the candle. The next call of `due` begins with the candle of that time."""
        self._opened = None

    async def due(self, since: int, until: int, now: int) -> list[tuple[int, bool, bytes]]:
        """Return open time, whether it is the final event, and payload of each event of (since, until]. The candles contain all trades due
        until then."""
        if self._opened is None:
            self._opened = until // self._step * self._step
        events = []
        while self._opened + self._step + LATE_MS <= until:
            events.append(self._event(await self._bar(self._opened), now, closed=True))
            self._opened += self._step
        if since // UPDATE_MS != until // UPDATE_MS and self._opened <= until:
            bar = await self._bar(self._opened)
            if bar.candle.raw_trades and bar != self._told:
                events.append(self._event(bar, now, closed=False))
        return events

    def _event(self, bar: Bar, now: int, *, closed: bool) -> tuple[int, bool, bytes]:
        self._told = bar
        return bar.opened, closed, self._payload(bar, self._interval, self._step, now, closed=closed)

    async def _bar(self, opened: int) -> Bar:
        [bar] = await self._listing.bars(self._step, opened, opened, 1)
        return bar


class KlineLive:
    """Sends the candles of all streams that have a receiver. Some are closed twice, as on the exchange."""

    def __init__(self, exchange: Exchange, gateway: Gateway) -> None:
        self._exchange = exchange
        self._gateway = gateway
        self._streams = {each.name: each for listing in exchange.listings.values() for each in _of_symbol(listing)}
        self._followed: list[str] = []
        self._pushed = exchange.clock.epoch

    async def run(self) -> None:
        """Send candles for ever."""
        while True:
            await self.push()
            await asyncio.sleep(self._exchange.scenario.push_ms / 1000)

    async def push(self) -> None:
        """Publish what became due since the last call, as far as the trades of all symbols are published."""
        since, until = self._pushed, min(listing.published for listing in self._exchange.listings.values())
        self._pushed = until
        before, self._followed = self._followed, [name for name in self._gateway.received() if name in self._streams]
        for name in set(before).difference(self._followed):
            self._streams[name].forget()
        for name in self._followed if until > since else ():
            await self._publish(self._streams[name], since, until)

    async def _publish(self, stream: Ticks, since: int, until: int) -> None:
        payloads = list[bytes]()
        for opened, closed, payload in await stream.due(since, until, self._exchange.clock.now_ms()):
            payloads += [payload, payload] if closed and self._comes_again(stream.symbol, opened) else [payload]
        if payloads:
            self._gateway.publish(stream.name, payloads)

    def _comes_again(self, symbol: str, opened: int) -> bool:
        return uniform(self._exchange.seed, symbol, "closed twice", opened) < self._exchange.scenario.quirks.closed_twice


def _of_symbol(listing: Listing) -> Iterator[Ticks]:
    yield Ticks(listing, "1s", SECOND_MS, continuous=True)
    for interval, minutes in INTERVALS.items():
        for continuous in (False, True):
            yield Ticks(listing, interval, minutes * MINUTE_MS, continuous=continuous)
