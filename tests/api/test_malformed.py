"""What is no good HTTP is answered in JSON, or closed, and told in one line; nothing of it harms the server."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from quantd.api.app import make_app
from quantd.api.context import Patience
from quantd.config.model import ApiSettings
from quantd.testing.services import FakeServices
from tests.waiting import until

from .battery import TLS_HELLO, Shot, battery
from .serving import Answer, ApiServer, request, told

SHOTS = list(battery())
MOST_AT_ONCE = 50


@pytest.fixture
async def server(services: FakeServices) -> AsyncIterator[ApiServer]:
    app = make_app(services, ApiSettings(), patience=Patience(idle=2.0, body=1.0, linger=0.1))
    async with ApiServer(app) as running:
        yield running


def test_it_is_large() -> None:
    assert len(SHOTS) > 250
    assert len({shot.data for shot in SHOTS}) == len(SHOTS)


async def fired(port: int | None, shots: list[Shot]) -> list[Answer]:
    """What all of them are answered."""
    gate = asyncio.Semaphore(MOST_AT_ONCE)

    async def one(shot: Shot) -> Answer:
        async with gate:
            return await told(port, shot.data)

    return await asyncio.gather(*map(one, shots))


async def test_every_one_is_answered_as_it_must_be(server: ApiServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    answers = await fired(server.port, SHOTS)
    wrong = [(shot.name, answer.status) for shot, answer in zip(SHOTS, answers, strict=True) if answer.status not in shot.statuses]
    assert wrong == []
    assert all(answer.detail for answer in answers if answer.status >= 400)
    assert all(answer.headers["content-type"] == "application/json" for answer in answers if answer.status >= 400)
    lines = [(line.name, line.levelname, line.exc_info, "\n" in line.getMessage()) for line in caplog.records]
    assert set(lines) == {(name, "WARNING", None, False) for name in ("quantd.api", "quantd.access")}
    assert len(lines) <= len(SHOTS)
    await until(lambda: not server.connections.open)
    assert (await told(server.port, request())).status == 200


async def test_bytes_of_a_client_are_not_in_the_log(server: ApiServer, caplog: pytest.LogCaptureFixture) -> None:
    """A line that differs each time is not recognised as a repetition."""
    for name in ("evil-a", "evil-b"):
        await told(server.port, request(f"http://{name}:port/"))
        await told(server.port, request("/", f"{name}: \x00"))
        await told(server.port, request(f"/{name}" * 2000))
    messages = [line.getMessage() for line in caplog.records]
    assert messages[:3] == messages[3:]
    assert "evil" not in caplog.text


async def test_a_browser_that_begins_with_tls_is_told_of(server: ApiServer, caplog: pytest.LogCaptureFixture) -> None:
    answer = await told(server.port, TLS_HELLO)
    assert (answer.status, answer.detail) == (400, "Received HTTPS traffic on an HTTP port")
    assert [line.getMessage() for line in caplog.records] == ["bad request from 127.0.0.1: Received HTTPS traffic on an HTTP port"]


async def test_a_client_that_goes_amid_its_body_is_no_fault(server: ApiServer, caplog: pytest.LogCaptureFixture) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request("/alerts", "Content-Length: 10", method="POST", body=b"{"))
    await writer.drain()
    await until(lambda: server.connections.open)
    writer.close()
    await until(lambda: not server.connections.open)
    assert caplog.records == []
