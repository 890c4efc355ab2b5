"""Files of the state are damaged between two runs of a real daemon: it starts, says what it set aside, and fetches again what it can."""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from quantd.plugin.loader import load
from tests import damage

from .conftest import Running, Start
from .test_daemon import frame, get, watching

LEFT_S = 120
SYMBOL = "BTCUSDT"


async def lived(daemon: Running, trades: int) -> None:
    async with asyncio.timeout(LEFT_S), watching(daemon, SYMBOL) as socket:
        for _ in range(trades):
            await frame(socket, "trade")


async def rule(daemon: Running, value: float) -> Any:
    async with aiohttp.ClientSession() as session:
        body = {"metric": "price", "pair": SYMBOL, "op": ">", "value": value}
        async with session.post(f"{daemon.http}/alerts", json=body) as answer:
            return (await answer.json())["id"]


def recorded(folder: Path) -> Sequence[int]:
    store: Any = load().get("store", "local").plugin()
    store.open_to_read(folder / "state")
    try:
        return list(store.ticks(SYMBOL, 0, 2**60)["id"])
    finally:
        store.close()


async def until_whole(daemon: Running) -> None:
    async with asyncio.timeout(LEFT_S):
        while not all(map(is_whole, await get(daemon, "/quality"))):  # noqa: ASYNC110 -- see what anyone sees
            await asyncio.sleep(0.25)


def is_whole(row: dict[str, Any]) -> bool:
    return row["state"] == "live" and not row["missing"] and not row["gaps"]


@pytest.mark.chaos
async def test_a_daemon_starts_on_damaged_files_and_has_every_trade_again(folder: Path, start: Start) -> None:
    daemon = start(folder)
    ids = [await rule(daemon, 10.0**power) for power in range(7, 30)]
    await lived(daemon, 150)
    assert daemon.stop() == 0
    before = recorded(folder)
    state, rng = folder / "state", random.Random(1)
    hot = state / "history/hot.db"
    for page in rng.sample(range(1, hot.stat().st_size // damage.PAGE), 3):
        damage.overwriting(page, bytes(damage.PAGE))(hot)
    damage.overwriting(0, rng.randbytes(damage.PAGE))(state / "cache/cache.db")
    last = (state / "kept/cache.db").stat().st_size // damage.PAGE - 1
    damage.overwriting(last, rng.randbytes(damage.PAGE))(state / "kept/cache.db")
    (state / "quantd.db").write_bytes(b"")

    daemon = start(folder)
    health = await get(daemon, "/health")
    assert health["status"] == "degraded"
    told = {reason["name"]: reason["text"] for reason in health["reasons"] if reason["what"] == "store"}
    assert {"hot.db", "quantd.db", "cache/cache.db", "kept/cache.db"} == set(told)
    assert all("set aside as" in text for text in told.values())
    for row in await get(daemon, "/quality"):
        assert sorted(note.partition(":")[0] for note in row["notes"]) == ["hot.db", "quantd.db"]
    assert len({each["id"] for each in await get(daemon, "/alerts")} & set(ids)) >= len(ids) // 2
    await until_whole(daemon)
    assert daemon.stop() == 0
    after = recorded(folder)
    assert set(before) <= set(after), f"{len(set(before) - set(after))} of {len(before)} trades are gone"
    assert np.all(np.diff(after) == 1)
    assert daemon.process.stderr
    log = daemon.process.stderr.read()
    assert "Traceback" not in log
    assert log.count("hot.db: broken") == 1

    daemon = start(folder)
    assert [reason for reason in (await get(daemon, "/health"))["reasons"] if reason["what"] == "store"] == []
    assert daemon.stop() == 0
