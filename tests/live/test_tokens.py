"""Tokens that are made and broken while the daemon runs."""

import asyncio
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import aiohttp
import yaml
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.waiting import PATIENCE_S

from .conftest import Running, Start


def token(folder: Path, *args: str) -> str:
    """What `quantd token` prints."""
    command = [sys.executable, "-m", "quantd", "token", *args]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


async def answers(daemon: Running, status: int, given: str | None = None) -> None:
    """Return once the daemon answers with this status."""
    headers = {"Authorization": f"Bearer {given}"} if given else {}
    async with asyncio.timeout(PATIENCE_S), aiohttp.ClientSession(headers=headers) as session:
        while True:
            async with session.get(f"{daemon.http}/symbols") as answer:
                if answer.status == status:
                    return
            await asyncio.sleep(0.05)


async def read_to_the_end(socket: ClientConnection) -> None:
    with suppress(ConnectionClosed):
        while True:
            await socket.recv()


async def test_a_running_daemon_learns_of_tokens_and_stays_closed_when_they_are_broken(folder: Path, start: Start) -> None:
    daemon = start(folder)
    async with connect(daemon.ws, max_queue=None) as socket:
        await answers(daemon, 200)
        ops = token(folder, "create", "ops", "--scope", "read")
        await asyncio.wait_for(read_to_the_end(socket), PATIENCE_S)
        assert socket.close_code == 4401
    await answers(daemon, 401)
    await answers(daemon, 200, ops)
    token(folder, "revoke", "ops")
    await answers(daemon, 401, ops)
    assert daemon.stop() == 0
    log = daemon.process.stderr.read()
    assert ops not in log
    (folder / "state/tokens.json").write_text("{")
    settings = yaml.safe_load((folder / "quantd.yaml").read_text()) | {"api": {"auth": {"loopback": "open"}}}
    (folder / "quantd.yaml").write_text(yaml.safe_dump(settings))
    again = start(folder)
    await answers(again, 401, ops)
    async with aiohttp.ClientSession() as session, session.get(f"{again.http}/health") as answer:
        reasons = (await answer.json())["reasons"]
    assert [each["name"] for each in reasons if each["what"] == "access"] == ["tokens.json"]
    assert again.stop() == 0
    assert "no token is valid" in again.process.stderr.read()
