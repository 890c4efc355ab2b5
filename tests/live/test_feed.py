"""What the daemon gives its feed: a place for what outlives it, and one for recordings."""

import asyncio
from pathlib import Path

import pytest
import yaml
from aiohttp import web

import quantd
from quantd.cli.exchange import Exchange as Simulator
from quantd_plugins.feeds.replay import Replay
from tests.plugins.feeds.binance_exchange import PATIENCE_S, running

from .conftest import Running, Start, write_config


async def said(daemon: Running, *texts: str) -> None:
    """Wait until all of the texts stand in the log."""
    missing = set(texts)
    stderr = daemon.process.stderr
    assert stderr
    async with asyncio.timeout(PATIENCE_S):
        while missing:
            line = await asyncio.to_thread(stderr.readline)
            assert line, f"the log ends without {missing}"
            missing = {text for text in missing if text not in line}


async def test_a_killed_daemon_that_was_banned_asks_for_nothing_when_it_is_back(tmp_path: Path, start: Start) -> None:
    async with running() as exchange:
        exchange.replies = [lambda _: web.Response(status=418, headers={"Retry-After": "3600"})] * 9
        exchange.upgrades = [418] * 9
        write_config(tmp_path, exchange.url.replace("http", "ws", 1), exchange.url)
        daemon = await asyncio.to_thread(start, tmp_path)
        await said(daemon, "too many requests from this address; nothing is asked for 3600 s")
        await asyncio.to_thread(daemon.stop, 9)
        before = (len(exchange.asked), exchange.dialled)
        daemon = await asyncio.to_thread(start, tmp_path)
        await said(
            daemon,
            "before the restart the exchange said that it wants nothing (rest)",
            "the exchange wants no connection for",
            "what binance-futures lists is not known",
        )
        await asyncio.to_thread(daemon.stop, 9)
        assert (len(exchange.asked), exchange.dialled) == before


@pytest.mark.chaos
async def test_a_killed_daemon_leaves_a_recording_without_a_hole(folder: Path, exchange: Simulator, start: Start) -> None:
    config = yaml.safe_load((folder / "quantd.yaml").read_text())
    config["feeds"]["binance-futures"] |= {"record": "raw", "rotate": "500ms"}
    (folder / "quantd.yaml").write_text(yaml.safe_dump(config))
    daemon = await asyncio.to_thread(start, folder)
    for _ in range(8):
        await said(daemon, "has taken over")
    await asyncio.to_thread(daemon.stop, 9)
    ids = await recorded(*(folder / "state/raw/binance-futures").iterdir())
    assert set(ids) >= {"BTCUSDT", "ETHUSDT", "SOLUSDT", "AVAXUSDT", "BNBUSDT"}
    for found in ids.values():
        assert found == set(range(min(found), max(found) + 1))


async def recorded(*files: Path) -> dict[str, set[int]]:
    ids: dict[str, set[int]] = {}
    async for batch in Replay(files=tuple(map(str, files))).stream(quantd.Subscription(())):
        for event in batch:
            if isinstance(event, quantd.Tick):
                ids.setdefault(event.symbol, set()).add(event.id)
    return ids
