"""The control port's view of clients and faults, and the barrier at which tests wait for the exchange."""

import asyncio
from dataclasses import asdict

from aiohttp import web

from quantd.simulator.exchange import Exchange
from quantd.simulator.faults.schedule import FaultSchedule
from quantd.simulator.rate_limits import RateLimits
from quantd.simulator.rest import Rest
from quantd.simulator.ws import Gateway

BARRIER_POLL_S = 0.002


class Inspection:
    """GET /state, /connections, /requests, /violations; POST /barrier."""

    def __init__(self, exchange: Exchange, gateway: Gateway, rest: Rest, rate_limits: RateLimits, schedule: FaultSchedule) -> None:
        self._exchange = exchange
        self._gateway = gateway
        self._rest = rest
        self._rate_limits = rate_limits
        self._schedule = schedule

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/state", self._state)
        app.router.add_get("/connections", self._connections)
        app.router.add_get("/requests", self._requests)
        app.router.add_get("/violations", self._violations)
        app.router.add_post("/barrier", self._barrier)

    async def _state(self, _: web.Request) -> web.Response:
        clock, listings = self._exchange.clock, self._exchange.listings
        return web.json_response(
            {
                "seed": self._exchange.seed,
                "epoch": clock.epoch,
                "now": clock.now_ms(),
                "symbols": {name: {"next_id": listing.head} for name, listing in listings.items()},
                "connections": len(self._gateway.connections),
                "faults": [run.id for run, active in self._schedule.runs if active],
            }
        )

    async def _connections(self, _: web.Request) -> web.Response:
        rows = [
            {"id": each.number, "path": each.path, "route": each.route, "client": each.client, "streams": list(each.session.streams)}
            for each in self._gateway.connections
        ]
        return web.json_response(rows)

    async def _requests(self, _: web.Request) -> web.Response:
        rows = [{"path": path, "status": status, "count": n} for (path, status), n in (self._rest.answers + self._gateway.answers).items()]
        limits = self._rate_limits
        return web.json_response({"requests": rows, "weight": limits.weights(), "charged": dict(limits.charged)})

    async def _violations(self, _: web.Request) -> web.Response:
        return web.json_response([asdict(each) for each in self._rate_limits.violations])

    async def _barrier(self, _: web.Request) -> web.Response:
        """Answer when everything queued before has been passed to the kernel, except on connections that a fault has clogged."""
        waiting = list(self._gateway.connections)
        while not all(connection.idle for connection in waiting):  # noqa: ASYNC110 -- a transport does not tell when it has written all
            await asyncio.sleep(BARRIER_POLL_S)
        return web.json_response({"connections": len(waiting)})
