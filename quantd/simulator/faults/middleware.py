"""The middleware that applies faults to WebSocket upgrades and REST requests."""

from functools import partial

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from quantd.simulator.faults.active import ActiveFaults
from quantd.simulator.faults.fault import HttpFault


def fault_middleware(faults: ActiveFaults, listener: str) -> Middleware:
    """Return a middleware in which every active fault of this listener handles the matching requests. The most recent fault is asked
    first."""

    @web.middleware
    async def pass_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
        for run, fault in faults.of(HttpFault):
            if not run.over and fault.at(listener) and run.meets_request(request) and run.strikes():
                handler = partial(fault.serve, run, handler)
        return await handler(request)

    return pass_faults
