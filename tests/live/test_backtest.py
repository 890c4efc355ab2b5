"""A backtest of what a running daemon has kept, asked of it and read beside it."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp

from .conftest import Start

PAIR = "BTCUSDT-ETHUSDT"


async def test_by_request_and_beside_it(folder: Path, start: Start) -> None:
    daemon = start(folder)
    asked = {"pair": PAIR, "tf": "1s", "window": "5", "entry": "1"}
    async with asyncio.timeout(20), aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{daemon.http}/backtest", params=asked) as response:
                found: dict[str, Any] = await response.json()
                assert response.status == 200
            if found["summary"]["trades"]:
                break
    command = [sys.executable, "-m", "quantd", "backtest", "--pair", PAIR, "--every", "1s", "--window", "5", "--entry", "1", "--json"]
    asked_of = {trade["entered"] for trade in found["trades"] if trade["reason"] != "end"}
    kept: set[str] | None = None
    async with asyncio.timeout(60):  # what is in memory is on disk within a second
        while kept is None or not asked_of <= kept:
            beside = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            out, err = await beside.communicate()
            assert beside.returncode == 0 or b"no bars" in err or b"do not fill" in err, err
            kept = {trade["entered"] for trade in json.loads(out)["trades"]}
    assert daemon.stop() == 0
