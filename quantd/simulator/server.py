"""Brings the listeners and the live path up and takes them down."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

from aiohttp import web

from quantd.simulator.control import Control
from quantd.simulator.exchange import Exchange
from quantd.simulator.faults.book import Book
from quantd.simulator.faults.director import Director
from quantd.simulator.faults.fault import World
from quantd.simulator.ledger import Ledger
from quantd.simulator.live import Live
from quantd.simulator.rest import Rest
from quantd.simulator.ws import Gateway

UNIX = "unix:"
SHUTDOWN_S = 0.25


async def serve(
    exchange: Exchange, ledger_dir: Path, addresses: dict[str, str], ready: Callable[[dict[str, str]], None], stop: asyncio.Event
) -> None:
    """Runs the exchange until `stop`; `addresses` of ws, rest and ctl are `host:port` or `unix:path`, `ready` is told the URLs.

    Raises OSError for an address that cannot be used, and an ExceptionGroup of whatever ended the live path.
    """
    faults = Book()
    gateway = Gateway(exchange.scenario.limits, exchange.clock, faults)
    director = Director(faults, World(exchange, gateway.connections.keys()))
    apps = {"ws": gateway.app(), "rest": Rest(exchange).app(), "ctl": Control(exchange, gateway, director).app()}
    async with AsyncExitStack() as stack:
        urls = {name: await stack.enter_async_context(_listening(app, addresses[name])) for name, app in apps.items()}
        ledger = stack.enter_context(closing(Ledger(ledger_dir, list(exchange.listings))))
        live = Live(exchange, ledger, gateway, director)
        ready(urls | {"ws": urls["ws"].replace("http:", "ws:")})
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(live.trades()), group.create_task(live.tickers())]
            await stop.wait()
            for task in tasks:
                task.cancel()


@asynccontextmanager
async def _listening(app: web.Application, address: str) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        if address.startswith(UNIX):
            await web.UnixSite(runner, address.removeprefix(UNIX)).start()
            yield address
        else:
            host, _, port = address.rpartition(":")
            await web.TCPSite(runner, host, int(port)).start()
            yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
