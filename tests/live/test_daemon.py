"""The daemon as an operator meets it: it starts, comes back, stops, and never runs twice."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

from quantd.cli.exchange import Exchange
from tests.waiting import PATIENCE_S

from .conftest import Running, Start, free_port, write_config

FOR_EVER = 2**62


@asynccontextmanager
async def watching(daemon: Running, *symbols: str) -> AsyncIterator[ClientConnection]:
    async with connect(daemon.ws, max_queue=None) as socket:
        await socket.send(json.dumps({"action": "subscribe", "symbols": symbols}))
        yield socket


async def frame(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next frame of a kind."""
    while True:
        said: dict[str, Any] = json.loads(await socket.recv())
        if said["type"] == kind:
            return said


async def get(daemon: Running, path: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(daemon.http + path) as answer:
        assert answer.status == 200
        return await answer.json()


async def test_zscores_stand_soon(folder: Path, start: Start) -> None:
    daemon = start(folder)
    wanted = {(pair, every) for pair in ("BTCUSDT-ETHUSDT", "SOLUSDT-AVAXUSDT") for every in ("1s", "1m", "5m")}
    async with asyncio.timeout(PATIENCE_S), watching(daemon, "BTCUSDT") as socket:
        while True:
            await frame(socket, "trade")
            points = await get(daemon, "/pairs")
            if {(point["pair"], point["every"]) for point in points if point["zscore"] is not None} == wanted:
                break
    assert daemon.stop() == 0


async def test_the_minutes_of_the_past_and_of_now_are_whole(folder: Path, start: Start, exchange: Exchange) -> None:
    daemon = start(folder)
    async with asyncio.timeout(PATIENCE_S), watching(daemon, "ETHUSDT") as socket:
        while len(await get(daemon, "/data/ETHUSDT?tf=1m&limit=200")) < 200:
            await frame(socket, "trade")
        ours = await get(daemon, "/data/ETHUSDT?tf=1m&limit=100")
        async with aiohttp.ClientSession() as session:
            url = f"{exchange.rest}/fapi/v1/klines"
            async with session.get(url, params={"symbol": "ETHUSDT", "interval": "1m", "limit": "120"}) as answer:
                theirs = {row[0]: row for row in await answer.json()}
    for row in ours[:-1]:
        ts = _ms(row["ts"])
        assert [row[name] for name in ("open", "high", "low", "close")] == [float(theirs[ts][number]) for number in (1, 2, 3, 4)]
        assert row["volume"] == pytest.approx(float(theirs[ts][5]), rel=1e-9)


def _ms(iso: str) -> int:
    return round(datetime.fromisoformat(iso).timestamp() * 1000)


async def test_a_price_rule_that_is_true_fires_once_at_once(folder: Path, start: Start) -> None:
    daemon = start(folder)
    async with asyncio.timeout(PATIENCE_S), watching(daemon, "BTCUSDT") as socket, aiohttp.ClientSession() as session:
        await frame(socket, "trade")
        async with session.post(f"{daemon.http}/alerts", json={"metric": "price", "pair": "btcusdt", "op": ">", "value": 1}) as answer:
            rule = await answer.json()
        alert = await frame(socket, "alert")
        assert (alert["alert_id"], alert["message"], alert["metric"], alert["pair"]) == (
            rule["id"],
            "price > 1.0 for BTCUSDT",
            "price",
            "BTCUSDT",
        )
        for _ in range(20):
            await frame(socket, "trade")
        (known,) = await get(daemon, "/alerts")
        assert known["trigger_count"] == 1
        assert [fired["id"] for fired in await get(daemon, "/alerts/active") if fired["alert_id"] == rule["id"]] == [alert["id"]]


async def test_sockets_are_told_that_it_goes_away(folder: Path, start: Start) -> None:
    daemon = start(folder)
    async with asyncio.timeout(PATIENCE_S), watching(daemon, "BTCUSDT") as socket:
        await frame(socket, "trade")
        assert await asyncio.to_thread(daemon.stop, signal.SIGINT) == 0
        await socket.wait_closed()
        assert socket.close_code == 1001


def test_a_second_daemon_on_the_same_state_is_refused(folder: Path, start: Start) -> None:
    start(folder)
    second = start(folder, ready=False)
    assert second.process.wait(PATIENCE_S) == 75
    assert second.process.stderr
    assert "state" in second.process.stderr.read()


async def test_a_feed_that_is_down_is_not_fatal(tmp_path: Path, start: Start) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    write_config(tmp_path, f"ws://{nowhere}", f"http://{nowhere}")
    daemon = start(tmp_path)
    health = await get(daemon, "/health")
    assert (health["binance_ws_active"], health["status"]) == ([], "down")
    assert [(each["what"], each["name"]) for each in health["reasons"]] == [("feed", "binance-futures")]
    assert await get(daemon, "/data/BTCUSDT") == []
    assert daemon.stop() == 0
    assert daemon.process.stderr
    log = daemon.process.stderr.read()
    assert "serving, but not ready: binance-futures is starting" in log
    assert "connection refused" in log
    assert "ConnectionKey" not in log


def test_a_port_that_is_taken_is_named(folder: Path, start: Start) -> None:
    first = start(folder)
    other = folder / "other"
    other.mkdir()
    write_config(other, "ws://127.0.0.1:1", "http://127.0.0.1:1")
    command = [sys.executable, "-m", "quantd", "run", "--listen", first.listen]
    done = subprocess.run(command, cwd=other, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 2
    assert f"cannot listen on {first.listen}" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_ends_by_itself_and_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "quantd", "demo", "--listen", f"127.0.0.1:{free_port()}", "--for", "4s"]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PATH": "", "TMPDIR": str(tmp_path)}, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert (done.returncode, list(tmp_path.iterdir())) == (0, [])
    assert "http://127.0.0.1" in done.stdout


async def test_rules_and_their_states_survive_a_restart(folder: Path, start: Start) -> None:
    daemon = start(folder)
    async with asyncio.timeout(PATIENCE_S), watching(daemon, "BTCUSDT") as socket, aiohttp.ClientSession() as session:
        await frame(socket, "trade")
        async with session.post(f"{daemon.http}/alerts", json={"metric": "price", "pair": "BTCUSDT", "op": ">", "value": 1}) as answer:
            rule = await answer.json()
        await frame(socket, "alert")
        fired = await get(daemon, "/alerts/active")
    assert daemon.stop() == 0
    again = start(folder)
    async with asyncio.timeout(PATIENCE_S), watching(again, "BTCUSDT") as socket:
        await frame(socket, "trade")
        (known,) = await get(again, "/alerts")
        assert (known["id"], known["trigger_count"]) == (rule["id"], 1)
        kept = await get(again, "/alerts/active")
        assert kept[: len(fired)] == fired
        assert [each["alert_id"] for each in kept].count(rule["id"]) == 1
