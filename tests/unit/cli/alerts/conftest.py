"""An API over services without feeds, in a thread with a loop of its own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from aiohttp import web

from quantd.api.app import make_app
from quantd.config.model import ApiSettings
from quantd.testing.services import FakeServices, fake_services
from tests.unit.cli.conftest import quantd

__all__ = ["quantd"]


@pytest.fixture
def services() -> FakeServices:
    return fake_services()


@pytest.fixture
def url(services: FakeServices) -> Iterator[str]:
    """Where the API serves."""
    with _served(services) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _served(services: FakeServices) -> Iterator[int]:
    loop, begun, ports = asyncio.new_event_loop(), threading.Event(), list[int]()

    async def serve() -> web.AppRunner:
        runner = web.AppRunner(make_app(services, ApiSettings()))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ports.append(runner.addresses[0][1])
        begun.set()
        return runner

    def run() -> None:
        runner = loop.run_until_complete(serve())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert begun.wait(10)
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
