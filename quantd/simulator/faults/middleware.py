"""Where requests meet the faults: the middleware of the WebSocket upgrade and of REST."""

from functools import partial

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from quantd.simulator.faults.active import ActiveFaults
from quantd.simulator.faults.fault import HttpFault


def fault_middleware(faults: ActiveFaults, listener: str) -> Middleware:
    """Lets every active fault of this listener handle the requests that fit; the one that began last is asked first."""

    @web.middleware
    async def pass_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
        for run, fault in faults.of(HttpFault):
            if not run.over and fault.at(listener) and run.meets_request(request) and run.strikes():
                handler = partial(fault.serve, run, handler)
        return await handler(request)

    return pass_faults
