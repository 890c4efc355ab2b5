"""An API with tokens, and what is asked of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from quantd.api.access.gate import GATE, Gate
from quantd.api.app import make_app
from quantd.config.model import ApiSettings
from quantd.testing.services import FakeServices, fake_services
from quantd.tokens import Right, TokenFile, Tokens
from tests.clocks import HostClock

from .serving import Answer, ApiServer, request, told

NOW = 1_800_000_000_000
DAY = 86_400_000


class Guarded:
    """The API over fake services, whose gate has a clock that the test sets."""

    def __init__(self, folder: Path, settings: ApiSettings, clock: HostClock | None = None) -> None:
        self.clock = clock or HostClock(NOW)
        self.file = TokenFile(folder)
        self.services: FakeServices = fake_services()
        self.gate = Gate(settings, Tokens(folder), clock=self.clock)
        self.server = ApiServer(make_app(self.services, settings, lambda: (b"ticks_total 1\n", "text/plain"), gate=self.gate))
        assert self.server.app[GATE] is self.gate

    def token(self, scope: Right = "read", name: str | None = None, days: int | None = None) -> str:
        """Make a token, which the gate knows at once."""
        text = self.file.create(name or scope, scope, self.clock.now(), days and self.clock.now() + days * DAY)
        self.clock.go_on(1.0)
        return text

    def revoke(self, name: str) -> None:
        self.file.revoke(name, self.clock.now())
        self.clock.go_on(1.0)

    async def ask(self, target: str, *headers: str, token: str | None = None, **more: Any) -> Answer:
        sent = headers if token is None else (*headers, f"Authorization: Bearer {token}")
        return await told(self.server.port, request(target, *sent, **more))


@asynccontextmanager
async def guarded(folder: Path, settings: ApiSettings, clock: HostClock | None = None) -> AsyncIterator[Guarded]:
    made = Guarded(folder, settings, clock)
    async with made.server:
        yield made
