"""A receiver that fails, and a daemon that is killed: each true crossing arrives at least once, the messages of a rule in order, and a
message that comes twice is the same one.

`QUANTD_CHAOS_SEED` chooses what fails and when it is killed; a failure prints it.
"""

import asyncio
import os
import random
import signal
import sys
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.chaos.alerting import POINTS, expected
from tests.conftest import ROOT
from tests.waiting import PATIENCE_S

BARS = 400
FAULTS = 0.3


class Receiver:
    """Takes posts. Of 30 % it makes nothing, or takes them and does not say so."""

    def __init__(self, seed: int, faults: float = FAULTS) -> None:
        self._faults = faults
        self._random = random.Random(seed)
        self.bodies: dict[str, set[bytes]] = defaultdict(set)
        self.order: dict[str, list[str]] = defaultdict(list)
        self.doubles = 0
        self._posts = 0
        self._posted = asyncio.Condition()

    async def after(self, posts: int) -> None:
        """Return after so many further posts."""
        until = self._posts + posts
        async with self._posted:
            await self._posted.wait_for(lambda: self._posts >= until)

    async def take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self._posts += 1
        async with self._posted:
            self._posted.notify_all()
        fault = self._random.choice(["hang", "500", "429", "reset"]) if self._random.random() < self._faults else ""
        if fault == "hang":
            await asyncio.sleep(1.0)
        if fault in ("hang", "500"):
            return web.Response(status=500)
        if fault == "429":
            return web.Response(status=429, headers={"Retry-After": "1"})
        self._took(request.headers["Idempotency-Key"], body)
        if fault == "reset" and request.transport:
            request.transport.abort()
        return web.Response()

    def _took(self, key: str, body: bytes) -> None:
        told = msgspec.json.decode(body)
        assert told["key"] == key
        self.doubles += bool(self.bodies[key])
        if not self.bodies[key]:
            self.order[told["pair"]].append(key)
        self.bodies[key].add(body)


async def killed_and_whole(folder: Path, kills: int, bars: int, seed: int) -> None:
    chance, receiver = random.Random(seed), Receiver(seed)
    app = web.Application()
    app.router.add_post("/", receiver.take)
    async with TestServer(app) as server:
        command = [sys.executable, "-m", "tests.chaos.alerting", str(folder), str(server.make_url("/")), str(bars)]
        for _ in range(kills):
            process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
            with suppress(TimeoutError):
                await asyncio.wait_for(receiver.after(chance.randrange(1, 30)), PATIENCE_S if kills == 1 else chance.uniform(0.5, 5.0))
            if process.returncode is None:
                process.kill()
            await process.wait()
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
        assert await process.wait() == 0
    print(f"{len(receiver.bodies)} messages, {receiver.doubles} of them again")
    assert receiver.order == expected(bars)
    assert {key for key, bodies in receiver.bodies.items() if len(bodies) > 1} == set()


@pytest.mark.chaos
async def test_each_crossing_arrives_in_order_through_twenty_kills_and_a_receiver_that_fails(tmp_path: Path) -> None:
    seed = int(os.environ.get("QUANTD_CHAOS_SEED", random.randrange(10**6)))
    print(f"QUANTD_CHAOS_SEED={seed}")
    await killed_and_whole(tmp_path / "state", 20, BARS, seed)


async def test_each_crossing_arrives_in_order_through_a_kill(tmp_path: Path) -> None:
    await killed_and_whole(tmp_path / "state", 1, 30, 1)


@pytest.mark.chaos
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("count", [1, 9])
async def test_a_kill_at_any_point_loses_nothing(point: str, count: int, tmp_path: Path) -> None:
    receiver = Receiver(0, faults=0.0)
    app = web.Application()
    app.router.add_post("/", receiver.take)
    async with TestServer(app) as server:
        command = [sys.executable, "-m", "tests.chaos.alerting", str(tmp_path), str(server.make_url("/")), "40"]
        killed = await asyncio.create_subprocess_exec(*command, point, str(count), cwd=ROOT)
        assert await asyncio.wait_for(killed.wait(), PATIENCE_S) == -signal.SIGKILL
        whole = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
        assert await asyncio.wait_for(whole.wait(), PATIENCE_S) == 0
    assert dict(receiver.order) == expected(40)
    assert all(len(bodies) == 1 for bodies in receiver.bodies.values())
    assert receiver.doubles <= len(expected(40))  # those that were under way
