"""The live 24 h tickers, full and mini, of single symbols and of all symbols."""

import asyncio
from collections.abc import Callable

from quantd.simulator.coin import with_coin_margined
from quantd.simulator.exchange import Exchange
from quantd.simulator.klines import Bar
from quantd.simulator.listing import Listing
from quantd.simulator.ws import Gateway

TICKER_S = 2.0

Payload = Callable[[Listing, Bar, int], bytes]
KINDS: dict[str, Payload] = {
    "ticker": lambda listing, day, now: listing.wire.ticker(day, now),
    "miniTicker": lambda listing, day, now: listing.wire.mini_ticker(day, now),
}


class Tickers:
    """Sends each ticker stream that has a receiver, every two seconds."""

    def __init__(self, exchange: Exchange, gateway: Gateway) -> None:
        self._exchange = exchange
        self._gateway = gateway

    async def run(self) -> None:
        """Send tickers for ever."""
        while True:
            for kind in KINDS:
                await self.send(kind)
            await asyncio.sleep(TICKER_S)

    async def send(self, kind: str) -> None:
        """Send the ticker of this kind once."""
        payload, everything, rows = KINDS[kind], f"!{kind}@arr", list[bytes]()
        for listing in self._exchange.listings.values():
            stream = f"{listing.symbol.lower()}@{kind}"
            alone = self._gateway.wanted(stream)
            if not alone and not self._gateway.wanted(everything):
                continue
            day = await listing.rolling_day()
            rows.append(payload(listing, day, self._exchange.clock.now_ms()))
            if alone:
                self._gateway.publish(stream, rows[-1:])
        if len(rows) == len(self._exchange.listings) and self._gateway.wanted(everything):
            self._gateway.publish(everything, [b"[" + b",".join(with_coin_margined(rows)) + b"]"])
