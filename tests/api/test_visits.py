"""The watch over open sockets, whatever one of them does."""

import asyncio
from pathlib import Path

from msgspec import Struct

from quantd.api.access.caller import Caller, scopes_of
from quantd.api.access.visits import Visit, Visits
from quantd.api.table import ROUTES
from quantd.config.model import ApiSettings
from tests.waiting import until

from .tokens import DAY, Guarded

ROUTE = next(route for route in ROUTES if route.path == "/ws")


class Broken:
    """A socket that can only be closed."""

    def __init__(self) -> None:
        self.code = 0

    def tell(self, frame: Struct) -> None:
        raise RuntimeError("the handler is closed")

    async def close(self, code: int, why: str = "") -> None:
        self.code = code


async def test_a_socket_that_fails_is_closed_and_the_others_are_watched_on(tmp_path: Path) -> None:
    api, visits = Guarded(tmp_path, ApiSettings()), Visits()
    api.token("read", days=1)
    (token,) = api.file.read()
    found = Caller("10.0.0.1", scopes_of("read"), "read", token.until, token.id)
    one, other = Broken(), Broken()
    with Visit(api.gate, visits, found, ROUTE).of(one), Visit(api.gate, visits, found, ROUTE).of(other):
        api.clock.go_on(DAY / 1000 - 20.0)
        watching = asyncio.create_task(visits.watch())
        await until(lambda: one.code or watching.done())
        await until(lambda: other.code or watching.done())
        assert (one.code, other.code, watching.done()) == (4401, 4401, False)
        watching.cancel()
