"""No token, nor a part of one, is in the log, in an error, in a metric or in what shows an object."""

import asyncio
import gc
import io
import json
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from quantd.api.server.connections import measure
from quantd.clock import SystemClock
from quantd.config.access import AuthSettings, JwtSettings
from quantd.config.model import ApiSettings
from quantd.log import setup
from quantd.metrics import Metrics
from tests.clocks import HostClock

from .serving import exchange
from .tokens import Guarded, guarded

SECRET = "CANARYsecretCANARYsecretCANARYsecret"
SETTINGS = ApiSettings(auth=AuthSettings(jwt=JwtSettings(issuer="https://id.example", secret=SECRET)))
PATHS = ("/symbols", "/nowhere", "/database/stats", "/data/stats?symbol=%ff", "/ws", "/api/v1/ws", "/assets/x")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the daemon writes to its log, all of it."""
    root, text = logging.getLogger(), io.StringIO()
    before, level = list(root.handlers), root.level
    monkeypatch.setattr(sys, "stderr", text)
    setup("debug")
    of_client = logging.getLogger("websockets")
    of_client.setLevel(logging.ERROR)  # it shows what it sends
    yield text
    of_client.setLevel(logging.NOTSET)
    root.handlers[:] = before
    root.setLevel(level)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path, SETTINGS, HostClock(SystemClock().now())) as running:
        yield running


def canaries(api: Guarded) -> list[str]:
    """Tokens of every kind: valid, revoked, expired, forged and foreign, and a JWT."""
    texts = [api.token("read", "good"), api.token("admin", "gone"), api.token("read", "late", days=1)]
    api.revoke("gone")
    api.clock.go_on(90_000.0)
    now = SystemClock().now() // 1000
    claims = {"iss": "https://id.example", "exp": now + 200_000, "sub": "ops", "scope": "read"}
    tokens = [jwt.encode(claims, SECRET, "HS256"), jwt.encode(claims, SECRET, "HS512"), jwt.encode({**claims, "exp": 1}, SECRET, "HS256")]
    return [*texts, f"{texts[0][:-8]}CANARYxx", "CANARYforeigntokenCANARY", *tokens]


async def send(api: Guarded, token: str) -> None:
    """Send a token in every place, also where none belongs."""
    for path in PATHS:
        for header in (f"Authorization: Bearer {token}", f"authorization: {token}", f"Authorization: Basic {token}", f"X-Token: {token}"):
            await api.ask(path, header)
    body = json.dumps({"token": token}).encode()
    for path in ("/alerts", "/stream/start", "/api/v1/ticket"):
        await api.ask(path, f"Authorization: Bearer {token}", f"Content-Length: {len(body)}", method="POST", body=body)
    for bad in (
        f"Authorization: Bearer {token}\r\n\x00",
        f"Authorization: Bearer {token}\x01\xff",
        f"Authorization {token}",
        f"Origin: {token}",
    ):
        await exchange(api.server.port, f"GET /symbols HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{bad}\r\n\r\n".encode("latin-1"))
    url = f"ws://127.0.0.1:{api.server.port}"
    for path in ("/ws", "/api/v1/ws"):
        for target, given, message in (
            (path, {"additional_headers": {"Authorization": f"Bearer {token}"}}, None),
            (path, {"subprotocols": [f"quantd.token.{token}"]}, None),
            (path, {"subprotocols": [f"token.{token}", f"Quantd-Token-{token}"]}, None),
            (f"{path}?ticket={token}", {}, None),
            (path, {}, json.dumps({"action": "auth", "token": token})),
            (path, {}, f'{{"action":"auth","token":"{token}'),
            (path, {}, json.dumps({"action": "auth", "token": [token], "id": 7})),
        ):
            await talk(url + target, message, given)
            api.clock.go_on(60.0)  # so that the failures are not too many


async def talk(url: str, message: str | None, given: dict[str, Any]) -> None:
    try:
        async with connect(url, **given) as socket:
            if message:
                await socket.send(message)
            await socket.send('{"action":"ping"}')
            async with asyncio.timeout(1.0):
                while "pong" not in str(await socket.recv()):
                    pass
    except (WebSocketException, TimeoutError):
        pass


def pieces(token: str) -> list[str]:
    """What must not be seen of a token: all of it, its secret, and parts of that."""
    secret = token.split("_", 2)[2] if token.startswith("quantd_") else token.rpartition(".")[2]
    return [token, secret, secret[:16], secret[-12:]]


async def test_a_token_is_seen_nowhere(api: Guarded, log: io.StringIO) -> None:
    api.services.database.fault = RuntimeError("the disk is on fire")
    texts = canaries(api)
    for token in texts:
        await send(api, token)
    metrics = Metrics()
    measure(api.server.connections, metrics)
    shown = "\n".join(repr(each) for each in gc.get_objects() if str(type(each).__module__).startswith("quantd."))
    logged = log.getvalue()
    assert "refused good" in logged or "refused gone" in logged, "the names are"
    assert "the disk is on fire" in logged
    for token in [*texts, SECRET]:
        for piece in pieces(token):
            assert piece not in logged
            assert piece not in metrics.render()[0].decode()
            assert piece not in shown


async def test_a_flood_of_refusals_is_a_line(api: Guarded, log: io.StringIO) -> None:
    token = api.token("read", "good")
    for _ in range(20):
        await api.ask("/data/clear", "Content-Length: 0", token=token, method="POST")
        await api.ask("/symbols")
    assert log.getvalue().count("refused good") == 1
    assert log.getvalue().count("refused 127.0.0.1") == 1
    metrics = Metrics()
    measure(api.server.connections, metrics)
    assert 'quantd_api_refused_total{reason="scope"} 20.0' in metrics.render()[0].decode()
    api.clock.go_on(3_600.0)
    await api.ask("/symbols")
    assert log.getvalue().count("refused 127.0.0.1") == 2
