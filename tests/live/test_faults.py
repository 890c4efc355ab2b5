"""A full disk, and a plugin that blocks: the daemon says so, serves on, and obeys."""

import asyncio
import resource
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from quantd.cli.exchange import Exchange
from tests.waiting import PATIENCE_S

from .conftest import Running, Start

SLOW = """
import time
import quantd

class Slow(quantd.Regression):
    "Blocks."
    def fit(self, y, x):
        time.sleep(1.5)
        return quantd.Hedge(alpha=0.0, beta=1.0, n=len(y))

@quantd.hookimpl
def register_regressions(register):
    register("slow", Slow)
"""
RULE = {"metric": "price", "pair": "BTCUSDT", "op": ">", "value": 1}


async def ask(daemon: Running, path: str, body: object = None) -> Any:
    async with aiohttp.ClientSession() as session:
        method = "GET" if body is None else "POST"
        async with session.request(method, daemon.http + path, json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await holds():  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def reasons(daemon: Running) -> dict[tuple[str, str], str]:
    return {(each["what"], each["name"]): each["text"] for each in (await ask(daemon, "/health"))["reasons"]}


def fill(daemon: Running, size: int) -> None:
    """No file of the daemon may be written beyond so many bytes: to it, a disk that is full."""
    pid = daemon.process.pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]))


async def test_a_full_disk_is_told_and_nothing_is_lost_once_there_is_room(folder: Path, start: Start) -> None:
    daemon = start(folder)
    await until(lambda: is_status(daemon, "healthy"))
    fill(daemon, 0)
    rule = await ask(daemon, "/alerts", RULE)
    wanted = {("store", "local (store)"), ("disk", "alert rules"), ("disk", "alerts"), ("disk", "exporter csv (1)")}

    async def told() -> bool:
        return wanted <= (await reasons(daemon)).keys()

    await until(told)
    assert (await ask(daemon, "/health"))["status"] == "degraded"
    assert [each["id"] for each in await ask(daemon, "/alerts")] == [rule["id"]]
    fill(daemon, resource.RLIM_INFINITY)
    await until(lambda: is_status(daemon, "healthy"))
    fill(daemon, 0)
    await until(told_again(daemon))
    fill(daemon, resource.RLIM_INFINITY)
    assert daemon.stop() == 0  # the last write takes what waits
    assert daemon.process.stderr
    log = daemon.process.stderr.read()
    assert "Traceback" not in log
    assert log.count("alert rules cannot be written now") <= 2
    again = start(folder)
    assert [each["id"] for each in await ask(again, "/alerts")] == [rule["id"]]
    assert [row["gaps"] for row in await ask(again, "/quality")] == [[]] * 5
    assert again.stop() == 0


def told_again(daemon: Running) -> Callable[[], Awaitable[bool]]:
    async def told() -> bool:
        return ("store", "local (store)") in await reasons(daemon)

    return told


async def is_status(daemon: Running, status: str) -> bool:
    return bool((await ask(daemon, "/health"))["status"] == status)


async def test_a_plugin_that_blocks_is_named_and_left_alone(folder: Path, start: Start) -> None:
    (folder / "plugins").mkdir()
    (folder / "plugins/slow.py").write_text(SLOW)
    pipeline = folder / "pipelines/default.yaml"
    pipeline.write_text(yaml.safe_dump(yaml.safe_load(pipeline.read_text()) | {"regression": "slow"}))
    daemon = start(folder)
    await until(is_left_alone(daemon))
    daemon.process.send_signal(signal.SIGTERM)
    daemon.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(daemon.process.wait, PATIENCE_S) in (0, 128 + signal.SIGTERM)
    assert daemon.process.stderr
    log = daemon.process.stderr.read()
    assert "regression slow (BTCUSDT-ETHUSDT) is at" in log or "regression slow (SOLUSDT-AVAXUSDT) is at" in log
    assert "slow.py:8 in fit" in log
    assert "was slow 3 times of late" in log


def is_left_alone(daemon: Running) -> Callable[[], Awaitable[bool]]:
    async def left() -> bool:
        return ("plugins", "regression slow") in await reasons(daemon)

    return left


async def test_a_past_that_is_refused_is_no_health(folder: Path, start: Start, exchange: Exchange) -> None:
    async with aiohttp.ClientSession() as session:
        order = {"kind": "rest_status", "params": {"status": 403}}
        async with session.post(f"{exchange.ctl}/fault", json=order) as answer:
            fault = (await answer.json())["id"]
        daemon = start(folder, ready=False)

        async def told() -> bool:
            try:
                return ("feed", "binance-futures past") in await reasons(daemon)
            except aiohttp.ClientConnectionError:
                return False

        await until(told)
        assert (await reasons(daemon))["feed", "binance-futures past"] == "5 of 5 symbols wait for their past: the log says why"
        assert (await ask(daemon, "/health"))["status"] == "degraded"
        async with session.delete(f"{exchange.ctl}/fault/{fault}") as answer:
            assert answer.status == 200
    await until(lambda: is_status(daemon, "healthy"))
    assert (await ask(daemon, "/ready"))["status"] == "ready"
    assert daemon.stop() == 0


async def test_a_drop_in_that_cannot_be_loaded_is_a_warning(folder: Path, start: Start) -> None:
    (folder / "plugins").mkdir()
    (folder / "plugins/half.py").write_text("def (")
    daemon = start(folder)
    assert daemon.stop() == 0
    assert daemon.process.stderr
    warnings = [line for line in daemon.process.stderr if "[warning" in line]
    assert len([line for line in warnings if "plugins/half.py: SyntaxError: invalid syntax" in line]) == 1
