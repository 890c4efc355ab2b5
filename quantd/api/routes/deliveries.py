"""Routes for the messages of alerts to sinks."""

from aiohttp import web

from quantd.api.context import services
from quantd.api.schema import deliveries as of
from quantd.api.server.errors import Failure, answer


async def listed(request: web.Request, asked: of.DeliveriesQuery) -> web.Response:
    """List the latest messages of alerts to sinks, newest first: those that wait, were sent within 7 days, or are dead. A dead message is
    not tried any more, since it is too old or its sink has refused it."""
    return answer([of.row(each) for each in await services(request).deliveries.listed(asked.state, asked.sink, asked.limit)])


async def resend(request: web.Request, asked: of.ResendBody) -> web.Response:
    """Deliver dead messages again."""
    if bool(asked.keys) == asked.all:
        raise Failure(400, "Give either `keys` or `all`")
    return answer(of.Resent(await services(request).deliveries.resend(None if asked.all else asked.keys)))
