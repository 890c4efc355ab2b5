"""Starts and stops the listeners and the live path."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path

from quantd.simulator.book_live import BookLive
from quantd.simulator.control import Control
from quantd.simulator.dumps import Dumps
from quantd.simulator.exchange import Exchange
from quantd.simulator.faults.active import ActiveFaults
from quantd.simulator.faults.fault import World
from quantd.simulator.faults.schedule import FaultSchedule
from quantd.simulator.inspection import Inspection
from quantd.simulator.kline_live import KlineLive
from quantd.simulator.ledger import Ledger
from quantd.simulator.listener import listening
from quantd.simulator.live import Live
from quantd.simulator.rate_limits import RateLimits
from quantd.simulator.rest import Rest
from quantd.simulator.tickers import Tickers
from quantd.simulator.ws import Gateway


async def serve(
    exchange: Exchange, ledger_dir: Path, addresses: dict[str, str], ready: Callable[[dict[str, str]], None], stop: asyncio.Event
) -> None:
    """Run the exchange until `stop` or the end of the scenario. `ready` is called with the URLs.

    `addresses` of ws, rest and ctl are `host:port` or `unix:path`. Raises OSError for an address that cannot be used, and
    an ExceptionGroup of whatever ended the live path.
    """
    active = ActiveFaults()
    rate_limits = RateLimits(exchange.scenario.limits, exchange.clock)
    rest, gateway = Rest(exchange, rate_limits, active), Gateway(exchange.scenario.limits, exchange.clock, active, rate_limits)
    world = World(exchange, gateway.connections.keys(), gateway.publish)
    schedule = FaultSchedule(active, world)
    schedule.load(exchange.scenario.steps, exchange.clock.epoch)
    control = Control(exchange, gateway, schedule, Inspection(exchange, gateway, rest, rate_limits, schedule))
    rest_app = rest.app()
    Dumps(exchange).add_to(rest_app)
    apps = {"ws": gateway.app(), "rest": rest_app, "ctl": control.app()}
    async with AsyncExitStack() as stack:
        listeners = {name: await stack.enter_async_context(listening(app, addresses[name])) for name, app in apps.items()}
        world.listeners = listeners
        urls = {name: listener.url for name, listener in listeners.items()}
        ledger = stack.enter_context(closing(Ledger(ledger_dir, list(exchange.listings))))
        live = Live(exchange, ledger, gateway, schedule)
        ready(urls | {"ws": urls["ws"].replace("http:", "ws:")})
        async with asyncio.TaskGroup() as group:
            others = (Tickers(exchange, gateway), BookLive(exchange, gateway), KlineLive(exchange, gateway))
            paths = (_until_end(live, stop), *(each.run() for each in others))
            tasks = [group.create_task(path) for path in paths]
            await stop.wait()
            for task in tasks:
                task.cancel()


async def _until_end(live: Live, stop: asyncio.Event) -> None:
    await live.trades()
    stop.set()
