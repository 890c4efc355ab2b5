"""A daemon whose record is deleted while it records, and that is killed meanwhile."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession

from quantd_plugins.stores.local import Local
from tests.waiting import PATIENCE_S

from .conftest import Running, Start

ORDERS = [("DELETE", "/database/cleanup?hours=1"), ("POST", "/database/vacuum"), ("DELETE", "/database/clear")]


def operator(folder: Path) -> dict[str, str]:
    command = [sys.executable, "-m", "quantd", "token", "create", "operator", "--scope", "admin"]
    token = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
    return {"Authorization": f"Bearer {token}"}


class Operator:
    """Who may do everything."""

    def __init__(self, daemon: Running, session: ClientSession) -> None:
        self._daemon = daemon
        self._session = session

    async def ask(self, path: str, method: str = "GET") -> Any:
        async with self._session.request(method, self._daemon.http + path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def until(self, path: str, true: Callable[[Any], object]) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            while not true(told := await self.ask(path)):  # noqa: ASYNC110 -- nobody tells
                await asyncio.sleep(0.1)
        return told


def recorded_ids(folder: Path) -> dict[str, list[int]]:
    store = Local()
    store.open(folder / "state")
    found = {symbol: store.ticks(symbol, 0, 2**62)["id"].tolist() for symbol, _ in store.series("ticks")}
    assert store.losses() == []
    store.close()
    return found


async def test_it_records_on_and_nothing_is_missing(folder: Path, start: Start) -> None:
    headers = operator(folder)
    daemon = start(folder)
    async with ClientSession(headers=headers) as session:
        at = Operator(daemon, session)
        for method, path in ORDERS:
            await at.until("/database/stats", lambda told: told["stats"]["total_ticks"] > 50)
            assert (await at.ask(path, method))["status"] == "ok"
        await at.until("/database/stats", lambda told: told["stats"]["total_ticks"] > 50)
        health = await at.ask("/health")
        assert [reason for reason in health["reasons"] if reason["what"] in ("store", "tasks")] == []
        assert all(not row["missing"] and not row["gaps"] for row in await at.ask("/quality"))
        assert len(await at.ask("/data/BTCUSDT?tf=1m")) == 100, "which is in memory"
    assert daemon.stop() == 0
    for ids in recorded_ids(folder).values():
        assert ids == list(range(ids[0], ids[-1] + 1))


@pytest.mark.parametrize("order", range(len(ORDERS)))
async def test_a_kill_in_the_middle_leaves_a_record_without_holes(folder: Path, start: Start, order: int) -> None:
    headers = operator(folder)
    daemon = start(folder)
    async with ClientSession(headers=headers) as session:
        at = Operator(daemon, session)
        await at.until("/database/stats", lambda told: told["stats"]["total_ticks"] > 50)
        method, path = ORDERS[order]
        with suppress(ClientError):
            asking = asyncio.create_task(at.ask(path, method))
            await at.ask("/live")  # it has arrived
            daemon.process.kill()
            await asking
        daemon.process.wait()
        at = Operator(again := start(folder), session)
        await at.until("/quality", lambda rows: all(row["last_id"] and not row["missing"] for row in rows))
        assert [reason for reason in (await at.ask("/health"))["reasons"] if reason["what"] == "store"] == []
        await at.until("/database/stats", lambda told: told["stats"]["total_ticks"] > 50)
    assert again.stop() == 0
    for ids in recorded_ids(folder).values():
        assert ids == list(range(ids[0], ids[-1] + 1))
