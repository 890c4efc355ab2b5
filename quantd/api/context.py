"""What handlers find in their application."""

from collections.abc import Callable

from aiohttp import web

from quantd.api.fanout import Fanout
from quantd.config.model import ApiSettings
from quantd.flow.desk import Desk

Render = Callable[[], tuple[bytes, str]]
"""Renders the metrics: the body and its content type."""

DESK = web.AppKey("desk", Desk)
SETTINGS = web.AppKey("settings", ApiSettings)
FANOUT = web.AppKey("fanout", Fanout)


def desk(request: web.Request) -> Desk:
    """The flow that answers this request."""
    return request.app[DESK]
