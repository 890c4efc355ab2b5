"""Connections that are cut: the daemon comes back, and says what it missed."""

import asyncio
import csv
import re
from pathlib import Path

import aiohttp
import pytest

from quantd.cli.exchange import Exchange
from quantd_plugins.stores.local import Local
from tests.waiting import PATIENCE_S

from .conftest import Start
from .test_daemon import FOR_EVER, frame, watching

BTC_TICK = 0.1


@pytest.mark.chaos
async def test_it_comes_back_from_twenty_cut_connections_and_says_what_it_missed(folder: Path, start: Start, exchange: Exchange) -> None:
    daemon = start(folder)
    async with asyncio.timeout(PATIENCE_S), watching(daemon, "BTCUSDT") as socket, aiohttp.ClientSession() as session:
        for mode in ("fin", "rst", "close:1001", "close:1008") * 5:
            cut = 0
            while not cut:
                last = await frame(socket, "trade")
                async with session.post(f"{exchange.ctl}/disconnect", json={"mode": mode}) as answer:
                    cut = (await answer.json())["disconnected"]
        while (await frame(socket, "trade"))["ts"] <= last["ts"]:
            pass
        async with session.get(f"{daemon.http}/metrics") as answer:
            (declared,) = re.findall(r'quantd_ids_missing{symbol="BTCUSDT"} (\S+)', await answer.text())
    assert daemon.stop() == 0
    recorded, truth = _recorded(folder, "BTCUSDT"), _ledger(exchange, "BTCUSDT")
    missed = set(range(min(recorded), max(recorded) + 1)) - recorded.keys()
    assert len(missed) == float(declared)
    assert missed <= truth.keys()
    live = [identity for identity in recorded if identity >= min(truth)]
    assert live
    assert {identity: recorded[identity] for identity in live} == {identity: pytest.approx(truth[identity]) for identity in live}


def _recorded(folder: Path, symbol: str) -> dict[int, float]:
    """Price by id, as the store has it."""
    store = Local()
    store.open(folder / "state")
    try:
        columns = store.ticks(symbol, 0, FOR_EVER)
        return dict(zip(columns["id"].tolist(), columns["price"].tolist(), strict=True))
    finally:
        store.close()


def _ledger(exchange: Exchange, symbol: str) -> dict[int, float]:
    """Price by id, as the exchange has it."""
    with next(exchange.ledger.glob(f"{symbol}*.csv")).open(newline="") as file:
        return {int(row["a"]): int(row["p_ticks"]) * BTC_TICK for row in csv.DictReader(file)}
