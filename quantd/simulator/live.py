"""The live path: trades that become due are written to the ledger and then sent to the streams."""

import asyncio
from itertools import count

from quantd.simulator.exchange import Exchange
from quantd.simulator.faults.schedule import FaultSchedule
from quantd.simulator.ledger import Ledger
from quantd.simulator.ws import Gateway


class Live:
    """Drives the streams of all symbols. Its coroutines end only with an error, such as a full disk under the ledger."""

    def __init__(self, exchange: Exchange, ledger: Ledger, gateway: Gateway, schedule: FaultSchedule) -> None:
        self._exchange = exchange
        self._ledger = ledger
        self._gateway = gateway
        self._schedule = schedule

    async def trades(self) -> None:
        """Push what is due until the end of the scenario, at times that do not depend on the load of the machine."""
        clock, every, end = self._exchange.clock, self._exchange.scenario.push_ms, self._exchange.scenario.end
        times = count(clock.epoch + every, every) if end is None else range(clock.epoch + every, clock.epoch + end.ms + 1, every)
        for now in times:
            await asyncio.sleep(max(0, now - clock.now_ms()) / 1000)
            self._schedule.advance(now)
            self.push(now)

    def push(self, now: int) -> None:
        """Publish every trade that is due at `now`."""
        for listing in self._exchange.listings.values():
            trades = listing.advance(now)
            if not trades:
                continue
            self._ledger.append(listing.symbol, trades, now)
            stream = f"{listing.symbol.lower()}@aggTrade"
            if self._gateway.wanted(stream):
                self._gateway.publish(stream, [listing.wire.agg_trade(trade, now) for trade in trades])
