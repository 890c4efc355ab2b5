"""The route of tickets for sockets."""

from aiohttp import web

from quantd.api.access.caller import caller
from quantd.api.access.tickets import LIFE_S, TICKETS
from quantd.api.schema import wire
from quantd.api.server.errors import answer


async def create(request: web.Request) -> web.Response:
    """Return a ticket that opens one WebSocket as the caller (`?ticket=`), within half a minute."""
    response = answer(wire.Ticket(request.app[TICKETS].issue(caller(request)), LIFE_S))
    response.headers["Cache-Control"] = "no-store"
    return response
