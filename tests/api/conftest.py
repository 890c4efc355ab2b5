"""The API on a real socket over services without feeds."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import BaseTestServer

from quantd.api.app import make_app
from quantd.config.model import ApiSettings
from quantd.testing.services import FakeServices, fake_services

from .serving import ApiServer

Ask = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
def services() -> FakeServices:
    return fake_services()


@pytest.fixture
async def server(services: FakeServices) -> AsyncIterator[BaseTestServer]:
    app = make_app(services, ApiSettings(), lambda: (b"ticks_total 1\n", "text/plain; version=0.0.4"))
    async with ApiServer(app) as running:
        yield running


@pytest.fixture
async def session(server: BaseTestServer) -> AsyncIterator[ClientSession]:
    async with ClientSession(server.make_url("/")) as client:
        yield client


@pytest.fixture
def ask(session: ClientSession) -> Ask:
    """Status and JSON of a request: `ask("/data/stats")`, `ask("/alerts", "POST", json={...})`."""

    async def request(path: str, method: str = "GET", **given: Any) -> tuple[int, Any]:
        async with session.request(method, path, **given) as response:
            return response.status, await response.json()

    return request
