"""A host whose clock is wrong, which is the same as an exchange whose clock is."""

import asyncio
import re
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from quantd.cli.exchange import Exchange, simulator
from quantd.clock import SystemClock
from quantd.timeframes import DAY, SECOND
from quantd_plugins.stores.local import Local
from tests.live.conftest import Running, Start, recent, write_config
from tests.live.test_daemon import FOR_EVER, get
from tests.waiting import PATIENCE_S

SLACK_MS = 15_000
"""How long the simulator may take to start, and a slow machine to do the rest."""
SAID = r"this host's clock is \d+\.\d s {} that of binance-futures: times are corrected by that; set it with NTP"


async def lose_trades(exchange: Exchange) -> None:
    """The streams go on, less a third of what they bring."""
    order = {"kind": "drop", "params": {"k": 1, "n": 3}, "for_ms": 2_000}
    async with aiohttp.ClientSession() as session, session.post(f"{exchange.ctl}/fault", json=order) as answer:
        assert answer.status < 300, await answer.text()


async def repaired(daemon: Running) -> dict[str, dict[str, Any]]:
    """The symbols' quality, once trades were missing and none are."""
    while True:
        rows = {row["symbol"]: row for row in await get(daemon, "/quality")}
        if rows["BTCUSDT"]["repaired"] and not any(row["missing"] for row in rows.values()):
            return rows
        await asyncio.sleep(0.25)


@pytest.mark.parametrize(
    ("ahead", "side"), [(-2 * DAY, "ahead of"), (120 * SECOND, "behind")], ids=["host two days ahead", "host two minutes behind"]
)
async def test_a_host_s_clock_that_is_wrong_refuses_nothing(tmp_path: Path, start: Start, ahead: int, side: str) -> None:
    options = ("--scenario", str(recent(tmp_path)), "--epoch", str(SystemClock().now() + ahead))
    with simulator(tmp_path / "ledger", *options) as exchange:
        write_config(tmp_path, exchange.ws, exchange.rest)
        daemon = await asyncio.to_thread(start, tmp_path)
        await lose_trades(exchange)
        async with asyncio.timeout(PATIENCE_S):
            rows = await repaired(daemon)
        [feed] = (await get(daemon, "/health"))["feeds"]
        assert (feed["state"], feed["refused"]) == ("live", 0)
        assert abs(feed["clock_offset"] - ahead) < SLACK_MS
        for row in rows.values():
            assert (row["state"], row["refused"], row["lost"]) == ("live", 0, 0)
            assert -SLACK_MS < row["latency_p50"] < SLACK_MS
            assert -SLACK_MS < row["age_ms"] < 2 * SLACK_MS
        candles = await get(daemon, "/data/BTCUSDT?tf=1s&limit=5")
        assert len(candles) == 5
        async with aiohttp.ClientSession() as session, session.get(f"{daemon.http}/metrics") as answer:
            told = re.search(r'quantd_feed_clock_offset_seconds{feed="binance-futures"} (\S+)', await answer.text())
        assert told
        assert abs(float(told[1]) * 1000 - ahead) < SLACK_MS
        assert daemon.stop() == 0
    assert daemon.process.stderr
    assert len(re.findall(SAID.format(side), daemon.process.stderr.read())) == 1
    store = Local()
    store.open_to_read(tmp_path / "state")
    kept = store.ticks("BTCUSDT", 0, FOR_EVER)
    store.close()
    assert np.array_equal(np.sort(kept["id"]), np.arange(kept["id"].min(), kept["id"].max() + 1)), "each once"
