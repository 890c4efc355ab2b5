"""The daemon itself under what is no good HTTP, and under more connections than it has descriptors."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.api.battery import battery
from tests.api.serving import request, told
from tests.waiting import until

from .conftest import Running, Start

AT_ONCE = 50
QUICK = [shot for shot in battery() if not {0, 408}.intersection(shot.statuses)]
"""Without those for which the daemon waits."""
MOST_LINES = 30
"""Ten a minute, over the few minutes that it may take where much else runs."""


def port(daemon: Running) -> int:
    return int(daemon.listen.rpartition(":")[2])


def descriptors(daemon: Running) -> int:
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


async def ticks(daemon: Running) -> int:
    health = json.loads((await told(port(daemon), request("/health"))).body)
    return int(health["feeds"][0]["ticks"])


async def test_it_serves_on_and_tells_of_it_in_some_lines(folder: Path, start: Start) -> None:
    daemon = start(folder)
    before, gate = descriptors(daemon), asyncio.Semaphore(AT_ONCE)

    async def one(data: bytes) -> int:
        async with gate:
            return (await told(port(daemon), data)).status

    statuses = await asyncio.gather(*(one(shot.data) for shot in QUICK))
    wrong = [(shot.name, status) for shot, status in zip(QUICK, statuses, strict=True) if status not in shot.statuses]
    assert wrong == []
    seen = await ticks(daemon)
    async with asyncio.timeout(60):
        while await ticks(daemon) <= seen:
            pass
    await until(lambda: descriptors(daemon) <= before)
    assert daemon.stop() == 0
    assert daemon.process.stderr
    log = daemon.process.stderr.read()
    assert "Traceback" not in log
    assert 0 < log.count("bad request from 127.0.0.1: ") <= MOST_LINES


@asynccontextmanager
async def held(daemon: Running, count: int) -> AsyncIterator[None]:
    """Connections that say nothing."""
    pairs = [await asyncio.open_connection("127.0.0.1", port(daemon)) for _ in range(count)]
    try:
        yield
    finally:
        for _, writer in pairs:
            writer.close()


async def test_connections_leave_descriptors_to_the_feed(folder: Path, start: Start) -> None:
    daemon = start(folder, descriptors=500)
    reader, writer = await asyncio.open_connection("127.0.0.1", port(daemon))
    async with held(daemon, 1200):
        await until(lambda: 250 <= descriptors(daemon) <= 350)
        assert (await told(port(daemon))).status == 503
        writer.write(request("/health"))
        before = json.loads((await reader.read()).partition(b"\r\n\r\n")[2])["feeds"][0]
        assert before["state"] == "live"
    await until(lambda: descriptors(daemon) < 100)
    async with asyncio.timeout(60):
        while await ticks(daemon) <= before["ticks"]:
            pass
    assert daemon.stop() == 0
