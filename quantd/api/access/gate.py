"""Decides whether a caller may use a route."""

from aiohttp import web

from quantd.api.access.caller import CALLER, Caller, Scope
from quantd.api.route import Route

_OPEN: frozenset[Scope] = frozenset({"public", "read", "write"})


class Gate:
    """Admits callers."""

    def admit(self, request: web.Request, route: Route) -> Caller:
        """Return the caller, who is noted in the request. Raises Failure if it may not use the route, or not now."""
        request[CALLER] = found = Caller(request.remote or "", _OPEN)
        return found


GATE = web.AppKey("gate", Gate)
