"""A daemon that was away for days finds what it missed: over REST as far back as the exchange tells, in the files of days before that."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from quantd.cli.exchange import simulator
from quantd.clock import SystemClock
from quantd.timeframes import DAY, HOUR, MINUTE
from quantd_plugins.feeds.binance import days
from quantd_plugins.stores.local import Local
from tests.live.conftest import Start, write_config
from tests.live.test_daemon import FOR_EVER, get
from tests.waiting import PATIENCE_S

AWAY = 4 * DAY
SCENARIO = {"symbols": {"BTCUSDT": {"level": 90_000, "tick": 0.1, "step": 0.001, "rate": 0.02}}}


async def record_of_then(rest: str, folder: Path, since: int) -> None:
    """What a daemon would have kept of the first hour of the day that begins at `since`."""
    page = [tick async for ticks in days.ticks(rest, SystemClock(), "BTCUSDT", since, 1, FOR_EVER) for tick in ticks]
    store = Local()
    store.open(folder / "state")
    store.append([tick for tick in page if tick.ts < since + HOUR], [], [])
    store.close()


def whole(row: dict[str, Any]) -> bool:
    return row["repaired"] and not row["missing"] and not row["gaps"]


@pytest.mark.chaos
async def test_what_was_missed_in_four_days_is_found(tmp_path: Path, start: Start) -> None:
    scenario = tmp_path / "quiet.yaml"
    scenario.write_text(yaml.safe_dump(SCENARIO))
    with simulator(tmp_path / "ledger", "--scenario", str(scenario)) as exchange:
        write_config(tmp_path, exchange.ws, exchange.rest)
        (tmp_path / "quantd.yaml").write_text(
            yaml.safe_dump(yaml.safe_load((tmp_path / "quantd.yaml").read_text()) | {"pairs": [], "symbols": ["BTCUSDT"]})
        )
        since = (SystemClock().now() - AWAY) // DAY * DAY
        await record_of_then(exchange.rest, tmp_path, since)
        daemon = start(tmp_path)
        async with asyncio.timeout(PATIENCE_S):
            row: dict[str, Any] = {}
            while not whole(row := (await get(daemon, "/quality"))[0]):  # noqa: ASYNC110 -- see what anyone sees
                await asyncio.sleep(0.25)
        assert row["lost"] == 0
        assert daemon.stop() == 0
    store = Local()
    store.open_to_read(tmp_path / "state")
    ids = store.ticks("BTCUSDT", 0, FOR_EVER)["id"]
    minutes = store.bars("BTCUSDT", "1m", since + 2 * HOUR, since + 3 * DAY)
    store.close()
    assert np.array_equal(ids, np.arange(ids[0], ids[-1] + 1)), "each once"
    assert len(ids) > 5_000
    assert [bar.ts for bar in minutes] == list(range(since + 2 * HOUR, since + 3 * DAY, MINUTE)), "and the bars of then are made"
    assert {bar.quality for bar in minutes} == {"complete"}
