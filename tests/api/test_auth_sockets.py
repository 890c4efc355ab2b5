"""Who gets a socket, by which of the four ways, and how long it stays open."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from quantd.api.access import greeting
from quantd.config.model import ApiSettings
from quantd.testing import fakes
from tests.waiting import PATIENCE_S, until

from .tokens import DAY, Guarded, guarded

SOCKETS = ["/ws", "/stream/ws", "/api/v1/ws"]
PAGE = "http://localhost:8080"
LEGACY = "/ws"
every_socket = pytest.mark.parametrize("path", SOCKETS)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path, ApiSettings()) as running:
        yield running


def at(api: Guarded, path: str, *, token: str | None = None, **given: Any) -> connect:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return connect(f"ws://127.0.0.1:{api.server.port}{path}", additional_headers=headers, **given)


async def heard(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        return json.loads(await socket.recv())


async def ended(socket: ClientConnection) -> tuple[int, list[dict[str, Any]]]:
    """The code with which the socket is closed, and what comes before."""
    frames: list[dict[str, Any]] = []
    try:
        while True:
            frames.append(await heard(socket))
    except ConnectionClosed as closed:
        return closed.rcvd.code, frames


async def works(socket: ClientConnection, path: str) -> bool:
    """Whether the socket answers; on the typed one, after its `hello`."""
    await socket.send('{"action":"ping"}')
    frames = [await heard(socket)]
    while frames[-1]["type"] != "pong":
        frames.append(await heard(socket))
    return [frame["type"] for frame in frames if frame["type"] != "auth"] == (["hello", "pong"] if "v1" in path else ["pong"])


@every_socket
async def test_an_open_daemon_lets_everybody_of_this_host_in(api: Guarded, path: str) -> None:
    async with at(api, path) as socket:
        assert await works(socket, path)
        await socket.send('{"action":"auth","token":"any"}')
        assert (await heard(socket))["state"] == "accepted"


@every_socket
async def test_by_header(api: Guarded, path: str) -> None:
    async with at(api, path, token=api.token("read")) as socket:
        assert await works(socket, path)


@every_socket
@pytest.mark.parametrize(
    ("offered", "origin", "chosen"),
    [
        (["quantd", "quantd.token.{}"], PAGE, "quantd"),
        (["quantd.token.{}", "quantd"], None, "quantd"),
        (["quantd.token.{}"], PAGE, "quantd.token.{}"),
        (["quantd.token.{}"], None, None),
    ],
)
async def test_by_subprotocol(api: Guarded, path: str, offered: list[str], origin: str | None, chosen: str | None) -> None:
    token = api.token("read")
    async with at(api, path, subprotocols=[each.format(token) for each in offered], origin=origin) as socket:
        assert socket.subprotocol == (chosen and chosen.format(token))
        assert await works(socket, path)


@every_socket
async def test_by_first_message(api: Guarded, path: str) -> None:
    token = api.token("read", days=1)
    async with at(api, path) as socket:
        assert await heard(socket) == {"type": "auth", "state": "needed", "within_s": 5.0}
        api.services.market.push([fakes.tick("BTCUSDT", 1, 0, 100.0)])
        await socket.send(json.dumps({"action": "auth", "token": token}))
        frame = await heard(socket)
        assert (frame["type"], frame["state"], frame["until"][:4]) == ("auth", "accepted", "2027")
        assert await works(socket, path)


@every_socket
async def test_by_ticket_once_and_in_time(api: Guarded, path: str) -> None:
    token = api.token("read")

    async def ticket() -> str:
        answer = await api.ask("/api/v1/ticket", "Content-Length: 0", token=token, method="POST")
        assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
        body = json.loads(answer.body)
        assert body["expires_in"] == 30
        return f"{path}?ticket={body['ticket']}"

    used = await ticket()
    async with at(api, used) as socket:
        assert await works(socket, path)
    late, revoked = await ticket(), await ticket()
    for address in (used, f"{path}?ticket=", f"{path}?ticket=%ff"):
        async with at(api, address) as socket:
            assert await ended(socket) == (4401, [])
    api.clock.go_on(29.0)
    api.revoke("read")
    async with at(api, revoked) as socket:
        assert await ended(socket) == (4401, []), "a ticket is worth no more than the token that it was made with"
    async with at(api, late) as socket:
        assert await ended(socket) == (4401, [])
    assert (await api.ask("/api/v1/ticket", "Content-Length: 0", method="POST")).status == 401


@every_socket
@pytest.mark.parametrize(
    "message",
    [
        '{"action":"auth","token":"nobodys"}',
        '{"action":"auth"}',
        '{"action":"subscribe","symbols":["BTCUSDT"]}',
        '{"action":"subscribe","topic":"alert"}',
        '{"action":"ping"}',
        "[",
        b"\xff",
    ],
)
async def test_nothing_is_sent_to_whom_is_not_known(api: Guarded, path: str, message: str | bytes) -> None:
    api.token("read")
    async with at(api, path) as socket:
        assert (await heard(socket))["state"] == "needed"
        api.services.market.push([fakes.tick("BTCUSDT", 1, 0, 100.0)])
        await socket.send(message)
        assert await ended(socket) == (4401, [])
    assert api.services.symbols.held == {}


@every_socket
async def test_a_wrong_token_closes_the_socket_with_what_a_browser_shows(api: Guarded, path: str) -> None:
    token = api.token("read")
    for given in ({"token": token[:-1] + "!"}, {"subprotocols": ["quantd", "quantd.token.x"], "origin": PAGE}):
        async with at(api, path, **given) as socket:
            code, frames = await ended(socket)
            assert (code, frames, socket.close_reason) == (4401, [], "The token is not valid: it is not known here")


@every_socket
async def test_who_says_nothing_is_sent_away(api: Guarded, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(greeting, "PATIENCE_S", 0.05)
    api.token("read")
    async with at(api, path) as socket:
        code, frames = await ended(socket)
        assert (code, [frame["state"] for frame in frames]) == (4408, ["needed"])


@every_socket
async def test_a_revoked_token_closes_its_sockets_alone(api: Guarded, path: str) -> None:
    first, second = api.token("read", "first"), api.token("read", "second")
    async with at(api, path, token=first) as one, at(api, path, token=second) as other:
        assert await works(one, path)
        assert await works(other, path)
        api.revoke("first")
        assert await ended(one) == (4401, [{"type": "auth", "state": "revoked"}])
        assert one.close_reason == "The token is revoked"
        assert await works(other, LEGACY)


@every_socket
async def test_a_token_that_ends_warns_and_can_be_renewed(api: Guarded, path: str) -> None:
    old = api.token("read", "old", days=1)
    new = api.token("read", "new", days=3)
    async with at(api, path, token=old) as left, at(api, path, token=old) as renewed:
        assert await works(left, path)
        assert await works(renewed, path)
        api.clock.go_on(DAY / 1000 - 20.0)
        for socket in (left, renewed):
            frame = await heard(socket)
            assert (frame["type"], frame["state"], frame["until"][:10]) == ("auth", "expiring", "2027-01-16")
        await renewed.send(json.dumps({"action": "auth", "token": new}))
        assert (await heard(renewed))["state"] == "accepted"
        api.clock.go_on(20.0)
        assert await ended(left) == (4401, [])
        assert left.close_reason == "The token is expired"
        assert await works(renewed, LEGACY)
        await renewed.send(json.dumps({"action": "auth", "token": old}))
        assert await ended(renewed) == (4401, [])


async def test_a_token_with_less_rights_ends_the_topics_that_need_more(api: Guarded) -> None:
    more, less = api.token("write"), api.token("read")
    async with at(api, "/api/v1/ws", token=more) as socket:
        assert (await heard(socket))["type"] == "hello"
        for topic in ("log", "alert"):
            await socket.send(json.dumps({"action": "subscribe", "topic": topic}))
            assert [(await heard(socket))["type"] for _ in range(2)] == ["subscribed", "alerts" if topic == "alert" else topic]
        await socket.send(json.dumps({"action": "auth", "token": less}))
        assert (await heard(socket))["state"] == "accepted"
        error = await heard(socket)
        assert (error["type"], error["code"], error["topic"]) == ("error", "forbidden", "log")
        logging.getLogger("quantd.test").warning("of nobody's business")
        api.services.alerts.fire([fakes.alert()])
        assert (await heard(socket))["type"] == "alerts"


@every_socket
async def test_the_first_token_closes_the_sockets_that_have_none(api: Guarded, path: str) -> None:
    async with at(api, path) as socket:
        assert await works(socket, path)
        api.token("read")
        assert await ended(socket) == (4401, [{"type": "auth", "state": "revoked"}])


async def test_a_broken_file_closes_the_sockets(api: Guarded) -> None:
    async with at(api, LEGACY, token=api.token("admin")) as socket:
        assert await works(socket, LEGACY)
        api.file.path.write_text("{")
        api.clock.go_on(1.0)
        assert (await ended(socket))[0] == 4401


@every_socket
async def test_what_a_client_held_is_let_go_when_its_token_ends(api: Guarded, path: str) -> None:
    async with at(api, LEGACY, token=api.token("read")) as socket:
        await socket.send('{"action":"subscribe","symbols":["BTCUSDT"]}')
        assert (await heard(socket))["type"] == "subscription"
        assert len(api.services.symbols.held) == 1
        api.revoke("read")
        await until(lambda: not api.services.symbols.held)


@every_socket
async def test_a_request_that_is_no_upgrade_needs_a_token_like_any(api: Guarded, path: str) -> None:
    token = api.token("read")
    assert [(await api.ask(path)).status, (await api.ask(path, token=token)).status] == [401, 400]
