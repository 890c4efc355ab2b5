"""Bars that end with an event, over a daemon that is killed, one that is stopped, and what they missed meanwhile."""

import asyncio
import signal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml

from quantd.model import Bar
from quantd_plugins.stores.local import Local
from tests.waiting import PATIENCE_S

from .conftest import Start
from .test_daemon import FOR_EVER

SYMBOLS = ("BTCUSDT", "ETHUSDT")
RULES = {"tick-25": {"use": "tick", "count": 25}, "volume-3": {"use": "volume", "size": 3.0}}


def with_event_bars(folder: Path) -> None:
    pipeline = yaml.safe_load((folder / "pipelines/default.yaml").read_text())
    (folder / "pipelines/default.yaml").write_text(yaml.safe_dump(pipeline | {"event_bars": list(RULES.values())}))


def kept(folder: Path, symbol: str) -> tuple[list[int], dict[str, list[Bar]]]:
    """The ids of the recorded trades, and the event bars."""
    store = Local()
    store.open_to_read(folder / "state")
    try:
        ids: list[int] = store.ticks(symbol, 0, FOR_EVER)["id"].tolist()
        return ids, {label: store.bars(symbol, label, 0, FOR_EVER) for label in RULES}
    finally:
        store.close()


def reach(folder: Path, since: dict[str, int]) -> bool:
    """Whether of each symbol the tick bars reach beyond some id."""
    return all((bars := kept(folder, symbol)[1]["tick-25"]) and (bars[-1].last_id or 0) >= since.get(symbol, 0) + 50 for symbol in SYMBOLS)


async def live(folder: Path, start: Start, number: int, since: dict[str, int]) -> None:
    """A daemon that makes some bars, then ends with this signal."""
    daemon = await asyncio.to_thread(start, folder)
    async with asyncio.timeout(PATIENCE_S):
        while not await asyncio.to_thread(reach, folder, since):  # noqa: ASYNC110 -- see what anyone sees
            await asyncio.sleep(0.25)
    await asyncio.to_thread(daemon.stop, number)


@pytest.mark.chaos
async def test_each_trade_is_in_one_bar_over_two_restarts(folder: Path, start: Start) -> None:
    with_event_bars(folder)
    reached: dict[str, int] = {}
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGTERM):
        await live(folder, start, number, reached)
        reached = {symbol: kept(folder, symbol)[0][-1] for symbol in SYMBOLS}
    for symbol in SYMBOLS:
        ids, bars_of = kept(folder, symbol)
        assert np.array_equal(ids, np.arange(ids[0], ids[-1] + 1)), "each once"
        for label, bars in bars_of.items():
            assert bars, label
            assert {(bar.quality, bar.revision) for bar in bars} == {("complete", 0)}
            assert bars[0].first_id == ids[0]
            assert all(one.ts < other.ts and other.first_id == (one.last_id or 0) + 1 for one, other in pairwise(bars))
            assert all(bar.trades == (bar.last_id or 0) - (bar.first_id or 0) + 1 for bar in bars)
        assert all(bar.trades == 25 for bar in bars_of["tick-25"])
