"""Where requests meet the faults: the middleware of the WebSocket upgrade and of REST."""

from functools import partial

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from quantd.simulator.faults.docket import Docket
from quantd.simulator.faults.fault import HttpFault


def gate(faults: Docket, listener: str) -> Middleware:
    """Lets every active fault of this listener handle the requests that fit; the one that began last is asked first."""

    @web.middleware
    async def pass_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
        for case, fault in faults.of(HttpFault):
            if not case.over and fault.at(listener) and case.meets_request(request) and case.strikes():
                handler = partial(fault.serve, case, handler)
        return await handler(request)

    return pass_faults
