"""A backtest of what a running daemon has kept, asked of it and read beside it."""

import asyncio
import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp

from quantd.cli.exchange import Exchange
from tests.waiting import PATIENCE_S

from .conftest import Start

PAIR = "BTCUSDT-ETHUSDT"


async def test_funding_is_that_of_the_exchange(folder: Path, start: Start, exchange: Exchange) -> None:
    """Of the last hours, which may have a funding time or not: the exchange is asked which there were."""
    daemon = start(folder)
    asked = {"pair": PAIR, "tf": "1m", "window": "20", "entry": "1", "limit": "300"}
    async with asyncio.timeout(PATIENCE_S), aiohttp.ClientSession() as session:
        async with session.get(f"{exchange.rest}/fapi/v1/fundingRate", params={"symbol": "BTCUSDT"}) as response:
            paid = [row["fundingTime"] for row in await response.json()]
        async with session.get(f"{daemon.http}/backtest", params=asked) as response:
            found: dict[str, Any] = await response.json()
    assert found["summary"]["trades"] > 0
    assert (found["summary"]["funding"] is not None) == bool(paid)
    for trade in found["trades"]:
        last = milliseconds(trade["exited"]) - (trade["reason"] == "end")  # what is due at the last close falls on no open
        due = [ts for ts in paid if milliseconds(trade["entered"]) < ts <= last]
        assert bool(trade["funding"]) == bool(due)
    assert daemon.stop() == 0


def milliseconds(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)


async def test_by_request_and_beside_it(folder: Path, start: Start) -> None:
    daemon = start(folder)
    asked = {"pair": PAIR, "tf": "1s", "window": "5", "entry": "1"}
    async with asyncio.timeout(PATIENCE_S), aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{daemon.http}/backtest", params=asked) as response:
                found: dict[str, Any] = await response.json()
                assert response.status == 200
            if found["summary"]["trades"]:
                break
    command = [sys.executable, "-m", "quantd", "backtest", "--pair", PAIR, "--every", "1s", "--window", "5", "--entry", "1", "--json"]
    asked_of = {trade["entered"] for trade in found["trades"] if trade["reason"] != "end"}
    kept: set[str] | None = None
    async with asyncio.timeout(PATIENCE_S):  # what is in memory is on disk within a second
        while kept is None or not asked_of <= kept:
            beside = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            out, err = await beside.communicate()
            assert beside.returncode == 0 or b"no bars" in err or b"do not fill" in err, err
            kept = {trade["entered"] for trade in json.loads(out)["trades"]}
    assert daemon.stop() == 0
